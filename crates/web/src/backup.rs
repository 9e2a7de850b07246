//! Copies at the door: the node makes the file, on the machine it runs on.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use domain::backup::{Copied, Error};
use serde::Deserialize;

use crate::asked::bad;
use crate::refusal::Refusal;
use crate::routes::Desk;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    file: PathBuf,
}

pub(crate) async fn make(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Copied>, Refusal> {
    let Json(Wanted { file }) = wanted.map_err(|error| bad(error.body_text()))?;
    // The node's own folder is nobody's idea of `here`.
    if !file.is_absolute() {
        let message = format!("{} is no absolute path: write one", file.display());
        return Err(bad(message));
    }
    Ok(Json(desk.backup.copy(file).await?))
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Busy => (StatusCode::CONFLICT, "busy"),
            Error::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Error::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        Refusal::new(status, code, error.to_string())
    }
}
