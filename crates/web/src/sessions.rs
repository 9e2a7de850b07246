//! Conversations at the door.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use domain::conversation::{Input, Session, Taken};
use serde::Deserialize;
use serde_json::Value;

use crate::asked::{address, bad, key};
use crate::refusal::Refusal;
use crate::routes::Desk;

/// One of the two: a script, as it stands, or words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    script: Option<Value>,
    text: Option<String>,
}

impl Said {
    fn input(self) -> Result<Input, Refusal> {
        match self {
            Said { script: Some(script), text: None } => Ok(Input::Script(script.to_string())),
            Said { script: None, text: Some(text) } => Ok(Input::Text(text)),
            Said { .. } => Err(bad("a turn has a `script` or a `text`, and not both".to_owned())),
        }
    }
}

/// The first turn of a session that begins with it.
pub(crate) async fn begin(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<(StatusCode, Json<Taken>), Refusal> {
    let Json(said) = said.map_err(|error| bad(error.body_text()))?;
    desk.intake.check()?;
    let taken = desk.sessions.say(None, said.input()?, key(&headers)?).await?;
    Ok((StatusCode::ACCEPTED, Json(taken)))
}

pub(crate) async fn say(
    State(desk): State<Arc<Desk>>,
    Path(session): Path<String>,
    headers: HeaderMap,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<(StatusCode, Json<Taken>), Refusal> {
    let Json(said) = said.map_err(|error| bad(error.body_text()))?;
    desk.intake.check()?;
    let session = Some(address(&session)?);
    let taken = desk.sessions.say(session, said.input()?, key(&headers)?).await?;
    Ok((StatusCode::ACCEPTED, Json(taken)))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(session): Path<String>,
) -> Result<Json<Session>, Refusal> {
    Ok(Json(desk.sessions.show(address(&session)?).await?))
}
