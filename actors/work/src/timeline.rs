//! A run as it is written out: what was recorded, and its plan.

use domain::journal::Recorded;
use domain::wire::read;
use serde_json::{Value, json};

use crate::plan::Brief;

/// One event, as one line of JSON with the names that were recorded.
pub(crate) fn line(recorded: &Recorded) -> String {
    let body = &recorded.body;
    let data = read::<Value>(body).unwrap_or(Value::Null);
    json!({
        "seq": recorded.seq.0,
        "at": recorded.at,
        "event": &*body.name,
        "version": body.version,
        "data": data,
    })
    .to_string()
}

/// What was written, if that is known; else what was made of it.
pub(crate) fn plan(brief: &Brief) -> String {
    match &brief.course {
        Some(course) => course.text.body.clone(),
        None => json!({ "rounds": brief.rounds }).to_string(),
    }
}
