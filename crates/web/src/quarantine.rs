//! Quarantine at the door: who was put aside, why, and what becomes of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::id::{Address, Kind};
use domain::journal::{self, Ordinal, Seq};
use domain::records::shown::{Case, Event, Quarantine, Quarantined, Waiting};
use domain::records::{self, Entry, Unmended};

use crate::asked::{TAKEN, Taken, Wanted, address};
use crate::refusal::Refusal;
use crate::routes::Desk;

/// How much of a history, and of an inbox, is shown.
const LAST: u32 = 10;
const WAITING_MAX: u32 = 100;

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Quarantine>, Refusal> {
    let wanted = Wanted::read(wanted)?;
    let limit = wanted.limit();
    let entries = desk.records.entities(aside(wanted.before.map(records::Place)), limit).await?;
    let next = entries.last().map(|entry| entry.place.0);
    let next = next.filter(|_| entries.len() == limit as usize);
    Ok(Json(Quarantine { entities: entries.iter().map(quarantined).collect(), next }))
}

fn aside(before: Option<records::Place>) -> records::Query {
    records::Query { state: Some(records::State::Quarantined), before, ..records::Query::default() }
}

fn quarantined(entry: &Entry) -> Quarantined {
    Quarantined {
        id: entry.entity,
        reason: entry.reason.clone().unwrap_or_default(),
        events: entry.head.0,
        opened_at: entry.opened_at,
        since: entry.changed_at,
    }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(entity): Path<String>,
) -> Result<Json<Case>, Refusal> {
    let address = address(&entity)?;
    let entry = find(&desk, address).await?;
    let (last, unread) = last(&desk, &entry).await?;
    let waiting = desk.journal.inbox(address, Ordinal::default(), WAITING_MAX).await?;
    let waiting = waiting.into_iter().map(|waiting| Waiting {
        key: waiting.post.key.to_string(),
        name: waiting.post.body.name.to_string(),
        sent_at: waiting.post.at,
    });
    Ok(Json(Case { entity: quarantined(&entry), last, unread, waiting: waiting.collect() }))
}

async fn find(desk: &Desk, address: Address) -> Result<Entry, Refusal> {
    let entry = desk.records.entity(address).await?;
    let aside = entry.filter(|entry| entry.state == records::State::Quarantined);
    aside.ok_or_else(|| {
        let mut message =
            format!("{address} is not put aside: `lares quarantine list` shows who is");
        if address.kind == Kind::Plan {
            message += &format!(", and `lares run show {address}` what it does");
        }
        Refusal::new(StatusCode::NOT_FOUND, "unknown", message)
    })
}

/// What it has recorded last, and why that cannot be read.
async fn last(desk: &Desk, entry: &Entry) -> Result<(Vec<Event>, Option<String>), Refusal> {
    let after = Seq(entry.head.0.saturating_sub(u64::from(LAST)));
    match desk.journal.history(entry.entity, after, LAST).await {
        Ok(events) => {
            let events = events.into_iter().map(|event| Event {
                seq: event.seq.0,
                at: event.at,
                name: event.body.name.to_string(),
            });
            Ok((events.collect(), None))
        }
        Err(unreadable @ journal::Error::Unreadable { .. }) => {
            Ok((Vec::new(), Some(unreadable.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn release(
    State(desk): State<Arc<Desk>>,
    Path(entity): Path<String>,
) -> Result<Json<Taken>, Refusal> {
    let address = address(&entity)?;
    desk.records.release(address, desk.clock.now()).await??;
    (desk.bell)(address);
    Ok(TAKEN)
}

pub(crate) async fn discard(
    State(desk): State<Arc<Desk>>,
    Path(entity): Path<String>,
) -> Result<Json<Taken>, Refusal> {
    desk.records.discard(address(&entity)?, desk.clock.now()).await??;
    Ok(TAKEN)
}

impl From<Unmended> for Refusal {
    fn from(unmended: Unmended) -> Self {
        let (status, code) = match &unmended {
            Unmended::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
            Unmended::Sound { .. } => (StatusCode::CONFLICT, "sound"),
        };
        Refusal::new(status, code, unmended.to_string())
    }
}
