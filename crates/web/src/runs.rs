//! Runs at the door: what is asked becomes a call of the port, what comes of it a status.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::id::Address;
use domain::journal::Undeliverable;
use domain::run::{Error, Page, Question, Replayed, Run};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::routes::Desk;

/// Runs of one page, unless fewer are asked for.
const PAGE_MAX: u32 = 100;
/// The longest key that a caller may choose.
const KEY_BYTES_MAX: usize = 200;
const KEY: &str = "idempotency-key";

#[derive(Serialize)]
pub(crate) struct Opened {
    id: Address,
}

/// The body is the script itself. The same key is the same run.
pub(crate) async fn open(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    script: String,
) -> Result<Response, Refusal> {
    let id = desk.runs.open(script, key(&headers)?).await?;
    let place = [(header::LOCATION, format!("/v1/runs/{id}"))];
    Ok((StatusCode::ACCEPTED, place, Json(Opened { id })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    before: Option<i64>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Refusal> {
    let Query(Wanted { before, limit }) = wanted.map_err(|error| bad(error.body_text()))?;
    Ok(Json(desk.runs.list(before, limit.unwrap_or(PAGE_MAX).min(PAGE_MAX)).await?))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<Run>, Refusal> {
    Ok(Json(desk.runs.show(address(&run)?).await?))
}

#[derive(Serialize)]
pub(crate) struct Taken {
    taken: bool,
}

const TAKEN: Json<Taken> = Json(Taken { taken: true });

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    reason: Option<String>,
}

pub(crate) async fn cancel(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    headers: HeaderMap,
    cancel: Result<Json<Cancel>, JsonRejection>,
) -> Result<Json<Taken>, Refusal> {
    let Json(Cancel { reason }) = cancel.map_err(|error| bad(error.body_text()))?;
    let reason = reason.unwrap_or_else(|| "somebody asked for it".to_owned());
    desk.runs.cancel(address(&run)?, reason, key(&headers)?).await?;
    Ok(TAKEN)
}

pub(crate) async fn replay(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<Replayed>, Refusal> {
    Ok(Json(desk.runs.replay(address(&run)?).await?))
}

#[derive(Serialize)]
pub(crate) struct Doubts {
    doubts: Vec<Question>,
}

pub(crate) async fn doubts(State(desk): State<Arc<Desk>>) -> Result<Json<Doubts>, Refusal> {
    Ok(Json(Doubts { doubts: desk.runs.questions(PAGE_MAX).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settle {
    happened: bool,
}

pub(crate) async fn settle(
    State(desk): State<Arc<Desk>>,
    Path((run, step)): Path<(String, String)>,
    headers: HeaderMap,
    settle: Result<Json<Settle>, JsonRejection>,
) -> Result<Json<Taken>, Refusal> {
    let Json(Settle { happened }) = settle.map_err(|error| bad(error.body_text()))?;
    desk.runs.settle(address(&run)?, step, happened, key(&headers)?).await?;
    Ok(TAKEN)
}

pub(crate) fn address(text: &str) -> Result<Address, Refusal> {
    text.parse().map_err(|error: domain::id::NoAddress| bad(error.to_string()))
}

pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    match key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(bad(format!("{KEY} must be 1 to {KEY_BYTES_MAX} letters of ASCII"))),
    }
}

pub(crate) fn bad(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Faults(_) => (StatusCode::BAD_REQUEST, "faults"),
            Error::Undeliverable(Undeliverable::Unknown(_)) => (StatusCode::NOT_FOUND, "unknown"),
            Error::Undeliverable(Undeliverable::Closed(_)) => (StatusCode::CONFLICT, "closed"),
            Error::Undeliverable(Undeliverable::Quarantined { .. }) => {
                (StatusCode::LOCKED, "quarantined")
            }
            Error::Undeliverable(Undeliverable::Full(_)) => (StatusCode::TOO_MANY_REQUESTS, "full"),
            Error::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Error::Journal(source) => {
                tracing::error!(error = source, "the journal could not say");
                (StatusCode::INTERNAL_SERVER_ERROR, "journal")
            }
        };
        let refusal = Refusal::new(status, code, error.to_string());
        match error {
            Error::Faults(details) => Refusal { details, ..refusal },
            Error::Undeliverable(_)
            | Error::Refused(_)
            | Error::Unavailable(_)
            | Error::Journal(_) => refusal,
        }
    }
}
