//! The audit at the door: its lines, and whether every link of their chain holds.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use domain::records::shown::{Audit, Line, Verified, hex};
use domain::records::{self, Broken, Chain, Position};
use serde::Deserialize;

use crate::asked::{bad, limit};
use crate::refusal::Refusal;
use crate::routes::Desk;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Audit>, Refusal> {
    let Query(wanted) = wanted.map_err(|error| bad(error.body_text()))?;
    let limit = limit(wanted.limit);
    let lines = desk.records.audit(Position(wanted.after), limit).await?;
    let next = lines.last().map(|line| line.position.0);
    let next = next.filter(|_| lines.len() == limit as usize);
    Ok(Json(Audit { lines: lines.into_iter().map(shown).collect(), next }))
}

fn shown(line: records::Line) -> Line {
    let records::Line { position, entity, at, line, before, hash } = line;
    let line = String::from_utf8_lossy(&line).into_owned();
    Line { position: position.0, entity, at, line, before: hex(&before), hash: hex(&hash) }
}

pub(crate) async fn verify(State(desk): State<Arc<Desk>>) -> Result<Json<Verified>, Refusal> {
    Ok(Json(match desk.records.verify_audit().await? {
        Ok(Chain { lines, head }) => Verified::Sound { lines, head: hex(&head) },
        Err(Broken { position, fault }) => {
            Verified::Broken { position: position.0, what: fault.name().to_owned() }
        }
    }))
}
