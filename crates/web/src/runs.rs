//! Runs at the door: what is asked becomes a call of the port, what comes of it a status.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection, StringRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::id::Address;
use domain::run::{Error, Page, Question, Replayed, Run};
use serde::{Deserialize, Serialize};

use crate::asked::{TAKEN, Taken, Wanted, address, bad, key};
use crate::refusal::Refusal;
use crate::routes::Desk;

/// Doubts that are shown: more than anybody settles by hand.
const DOUBTS_MAX: u32 = 10_000;

#[derive(Serialize)]
pub(crate) struct Opened {
    id: Address,
}

/// The body is the script itself. The same key is the same run.
pub(crate) async fn open(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    script: Result<String, StringRejection>,
) -> Result<Response, Refusal> {
    let script = script.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(desk.body_bytes_max),
        _ => bad(format!("a script is text, in UTF-8: {}", error.body_text())),
    })?;
    let id = desk.runs.open(script, key(&headers)?).await?;
    let place = [(header::LOCATION, format!("/v1/runs/{id}"))];
    Ok((StatusCode::ACCEPTED, place, Json(Opened { id })).into_response())
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Page>, Refusal> {
    let wanted = Wanted::read(wanted)?;
    Ok(Json(desk.runs.list(wanted.before, wanted.limit()).await?))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<Run>, Refusal> {
    Ok(Json(desk.runs.show(address(&run)?).await?))
}

/// As it was written, whatever that is: nobody is to take it for a page.
pub(crate) async fn attachment(
    State(desk): State<Arc<Desk>>,
    Path((run, step, name)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    let bytes = desk.runs.attachment(address(&run)?, step, name).await?;
    let heads = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((heads, bytes).into_response())
}

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
    Ok(Json(Doubts { doubts: desk.runs.questions(DOUBTS_MAX).await? }))
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

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Undeliverable(refusal) => return refusal.clone().into(),
            Error::Faults(_) => (StatusCode::BAD_REQUEST, "faults"),
            Error::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Error::Unawaited(_) => (StatusCode::CONFLICT, "unawaited"),
            Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Error::Journal(source) => return Refusal::journal(&**source),
        };
        let refusal = Refusal::new(status, code, error.to_string());
        match error {
            Error::Faults(details) => Refusal { details, ..refusal },
            Error::Undeliverable(_)
            | Error::Refused(_)
            | Error::Unawaited(_)
            | Error::Unavailable(_)
            | Error::Journal(_) => refusal,
        }
    }
}
