//! Runs at the door: what is asked becomes a call of the port, what comes of it a status.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::id::Address;
use domain::run::{Descending, Error, Page, Question, Replayed, Run};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asked::{TAKEN, Taken, Wanted, address, bad, key, words};
use crate::refusal::Refusal;
use crate::request::{self, Asked};
use crate::routes::Desk;

/// What a signal may bring, as JSON.
const SIGNAL_BYTES_MAX: usize = 16 << 10;
/// Events that one look at a timeline brings.
const TIMELINE_MAX: u32 = 1_000;
/// Doubts that are shown: more than anybody settles by hand.
const DOUBTS_MAX: u32 = 10_000;

#[derive(Serialize)]
pub(crate) struct Opened {
    id: Address,
}

/// The body is the plan itself, as it was written, unless it says that it is all of it. The same key
/// is the same run.
pub(crate) async fn open(
    State(desk): State<Arc<Desk>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(desk.body_bytes_max),
        _ => bad(error.body_text()),
    })?;
    let Query(query) = query.map_err(|error| bad(error.body_text()))?;
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let is_whole = media.is_some_and(request::is_whole);
    let Asked { request, is_rehearsal } = match is_whole {
        true => request::read_whole(&body, &query)?,
        false => {
            let plan = std::str::from_utf8(&body);
            let plan = plan.map_err(|error| bad(format!("a plan is text, in UTF-8: {error}")))?;
            request::read(plan.to_owned(), query)?
        }
    };
    if is_rehearsal {
        return Ok(Json(desk.runs.rehearse(request).await?).into_response());
    }
    desk.intake.check()?;
    let id = desk.runs.open(request, key(&headers)?).await?;
    Ok(opened(id))
}

fn opened(id: Address) -> Response {
    let place = [(header::LOCATION, format!("/v1/runs/{id}"))];
    (StatusCode::ACCEPTED, place, Json(Opened { id })).into_response()
}

/// Another run that begins from this one.
pub(crate) async fn descend(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    headers: HeaderMap,
    descending: Result<Json<Descending>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(descending) = descending.map_err(|error| bad(error.body_text()))?;
    desk.intake.check()?;
    let id = desk.runs.descend(address(&run)?, descending, key(&headers)?).await?;
    Ok(opened(id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    #[serde(default)]
    data: Value,
}

pub(crate) async fn signal(
    State(desk): State<Arc<Desk>>,
    Path((run, name)): Path<(String, String)>,
    headers: HeaderMap,
    signal: Result<Json<Signal>, JsonRejection>,
) -> Result<Json<Taken>, Refusal> {
    let Json(Signal { data }) = signal.map_err(|error| bad(error.body_text()))?;
    let bytes = data.to_string().len();
    if SIGNAL_BYTES_MAX < bytes {
        let what = format!("the data takes {bytes} bytes, and {SIGNAL_BYTES_MAX} is the most");
        return Err(bad(format!("{what}: name a file in it")));
    }
    desk.runs.signal(address(&run)?, name, data, key(&headers)?).await?;
    Ok(TAKEN)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Give {
    value: Value,
    version: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Given {
    version: u64,
}

pub(crate) async fn give(
    State(desk): State<Arc<Desk>>,
    Path((run, input)): Path<(String, String)>,
    headers: HeaderMap,
    give: Result<Json<Give>, JsonRejection>,
) -> Result<Json<Given>, Refusal> {
    let Json(Give { value, version }) = give.map_err(|error| bad(error.body_text()))?;
    let run = address(&run)?;
    let version = desk.runs.give(run, input, value, version, key(&headers)?).await?;
    Ok(Json(Given { version }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resume {
    note: Option<String>,
    at: Option<u32>,
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    headers: HeaderMap,
    resume: Result<Json<Resume>, JsonRejection>,
) -> Result<Json<Taken>, Refusal> {
    let Json(Resume { note, at }) = resume.map_err(|error| bad(error.body_text()))?;
    let note = words("note", note)?;
    desk.runs.resume(address(&run)?, note, at, key(&headers)?).await?;
    Ok(TAKEN)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// Lines of JSON, one for each event; none where there is no more.
pub(crate) async fn timeline(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(After { after, limit }) = after.map_err(|error| bad(error.body_text()))?;
    if i64::try_from(after).is_err() {
        return Err(bad(format!("after is {after}: write the seq of an event")));
    }
    let limit = limit.unwrap_or(TIMELINE_MAX).clamp(1, TIMELINE_MAX);
    let lines = desk.runs.timeline(address(&run)?, after, limit).await?;
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

pub(crate) async fn plan(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Response, Refusal> {
    let text = desk.runs.plan(address(&run)?).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

pub(crate) async fn artifact(
    State(desk): State<Arc<Desk>>,
    Path((run, blob)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    Ok(octets(desk.runs.artifact(address(&run)?, blob).await?))
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
    Ok(octets(bytes))
}

fn octets(bytes: Vec<u8>) -> Response {
    let heads = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (heads, bytes).into_response()
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
    let reason = words("reason", reason)?.unwrap_or_else(|| "somebody asked for it".to_owned());
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
            Error::Missing(_) => (StatusCode::NOT_FOUND, "missing"),
            Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Error::Journal(source) => return Refusal::journal(&**source),
        };
        let refusal = Refusal::new(status, code, error.to_string());
        match error {
            Error::Faults(details) => Refusal { details, ..refusal },
            Error::Undeliverable(_)
            | Error::Refused(_)
            | Error::Unawaited(_)
            | Error::Missing(_)
            | Error::Unavailable(_)
            | Error::Journal(_) => refusal,
        }
    }
}
