//! Dead letters at the door: what could not be handled, why, and what becomes of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::records::shown::{Letter, Letters, Opened, SentAgain};
use domain::records::{self, DeadLetter, Replayed, Summary};
use serde_json::Value;

use crate::asked::{TAKEN, Taken, Wanted, bad};
use crate::refusal::Refusal;
use crate::routes::Desk;

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Letters>, Refusal> {
    let wanted = Wanted::read(wanted)?;
    let limit = wanted.limit();
    let letters = desk.records.dead_letters(wanted.before.map(records::Letter), limit).await?;
    let next = letters.last().map(|letter| letter.letter.0);
    let next = next.filter(|_| letters.len() == limit as usize);
    Ok(Json(Letters { letters: letters.into_iter().map(summary).collect(), next }))
}

fn summary(summary: Summary) -> Letter {
    let Summary { letter, to, from, name, story, died_at } = summary;
    Letter { letter: letter.0, to, from, name: name.to_string(), story, died_at }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(letter): Path<String>,
) -> Result<Json<Opened>, Refusal> {
    let letter = number(&letter)?;
    let found = desk.records.dead_letter(letter).await?.ok_or_else(|| unknown(letter))?;
    Ok(Json(opened(found)))
}

fn opened(dead: DeadLetter) -> Opened {
    let DeadLetter { letter, to, key, from, body, story, sent_at, died_at } = dead;
    let text = || Value::String(String::from_utf8_lossy(&body.bytes).into_owned());
    let value = serde_json::from_slice(&body.bytes).unwrap_or_else(|_| text());
    let name = body.name.to_string();
    let letter = Letter { letter: letter.0, to, from, name, story, died_at };
    Opened { letter, key: key.to_string(), body: value, sent_at }
}

pub(crate) async fn replay(
    State(desk): State<Arc<Desk>>,
    Path(letter): Path<String>,
) -> Result<Json<SentAgain>, Refusal> {
    let letter = number(&letter)?;
    match desk.records.replay(letter, desk.clock.now()).await? {
        Replayed::Posted { to, ordinal: _ } => {
            (desk.bell)(to);
            Ok(Json(SentAgain { to }))
        }
        Replayed::Unknown(letter) => Err(unknown(letter)),
        Replayed::Refused(refusal) => Err(refusal.into()),
    }
}

pub(crate) async fn discard(
    State(desk): State<Arc<Desk>>,
    Path(letter): Path<String>,
) -> Result<Json<Taken>, Refusal> {
    let letter = number(&letter)?;
    match desk.records.discard_letter(letter, desk.clock.now()).await? {
        true => Ok(TAKEN),
        false => Err(unknown(letter)),
    }
}

fn number(text: &str) -> Result<records::Letter, Refusal> {
    let number = text.parse().map(records::Letter);
    number.map_err(|_| bad(format!("`{text}` is no number: `lares dead list` shows them")))
}

fn unknown(letter: records::Letter) -> Refusal {
    let message = format!(
        "there is no dead letter {}: it was sent again or discarded before, or never died; `lares \
         dead list` shows those that there are",
        letter.0
    );
    Refusal::new(StatusCode::NOT_FOUND, "unknown", message)
}
