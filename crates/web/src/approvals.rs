//! Approvals at the door: what people are asked, and what they say.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::approval::{Answered, Approval, ApprovalId, NoApproval, Saying};
use serde::Serialize;

use crate::asked::{bad, key, words};
use crate::refusal::Refusal;
use crate::routes::Desk;

/// More than anybody answers by hand.
const APPROVALS_MAX: u32 = 10_000;

#[derive(Serialize)]
pub(crate) struct Waiting {
    approvals: Vec<Approval>,
}

pub(crate) async fn list(State(desk): State<Arc<Desk>>) -> Result<Json<Waiting>, Refusal> {
    Ok(Json(Waiting { approvals: desk.approvals.list(APPROVALS_MAX).await? }))
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(approval): Path<String>,
) -> Result<Json<Approval>, Refusal> {
    Ok(Json(desk.approvals.show(id(&approval)?).await?))
}

/// The first answer counts; every later one gets what the first was, with `is_first: false`.
pub(crate) async fn answer(
    State(desk): State<Arc<Desk>>,
    Path(approval): Path<String>,
    headers: HeaderMap,
    saying: Result<Json<Saying>, JsonRejection>,
) -> Result<Json<Answered>, Refusal> {
    let Json(saying) = saying.map_err(|error| bad(error.body_text()))?;
    let saying = Saying { note: words("note", saying.note)?, ..saying };
    Ok(Json(desk.approvals.answer(id(&approval)?, saying, key(&headers)?).await?))
}

fn id(text: &str) -> Result<ApprovalId, Refusal> {
    text.parse().map_err(|error: NoApproval| bad(error.to_string()))
}
