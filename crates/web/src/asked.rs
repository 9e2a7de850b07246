//! What callers say in a path, a query or a header, read or refused.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, StatusCode};
use domain::id::Address;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// The most that one page holds.
pub(crate) const PAGE_MAX: u32 = 100;
/// The longest key that a caller may choose.
const KEY_BYTES_MAX: usize = 200;
const KEY: &str = "idempotency-key";

/// Which page of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(crate) before: Option<i64>,
    limit: Option<u32>,
}

impl Wanted {
    pub(crate) fn read(wanted: Result<Query<Self>, QueryRejection>) -> Result<Self, Refusal> {
        wanted.map(|Query(wanted)| wanted).map_err(|error| bad(error.body_text()))
    }

    pub(crate) fn limit(&self) -> u32 {
        limit(self.limit)
    }
}

/// So many as were asked for, and no more than a page holds.
pub(crate) fn limit(wanted: Option<u32>) -> u32 {
    wanted.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)
}

/// The answer to a request of which nothing more is to be said.
#[derive(Serialize)]
pub(crate) struct Taken {
    taken: bool,
}

pub(crate) const TAKEN: axum::Json<Taken> = axum::Json(Taken { taken: true });

pub(crate) fn address(text: &str) -> Result<Address, Refusal> {
    text.parse().map_err(|error: domain::id::NoAddress| bad(error.to_string()))
}

pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    match key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(bad(format!("a key must have 1 to {KEY_BYTES_MAX} letters of ASCII"))),
    }
}

/// The longest reason or note: it is kept, and shown in lists.
const WORDS_BYTES_MAX: usize = 4 << 10;

/// What a person says about what is done.
pub(crate) fn words(what: &str, words: Option<String>) -> Result<Option<String>, Refusal> {
    let bytes = words.as_ref().map_or(0, String::len);
    match bytes <= WORDS_BYTES_MAX {
        true => Ok(words),
        false => Err(bad(format!(
            "the {what} takes {bytes} bytes, and {WORDS_BYTES_MAX} is the most: shorten it"
        ))),
    }
}

pub(crate) fn bad(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message)
}
