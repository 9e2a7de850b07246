//! Records as doors show them: what people and programs read, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Address;
use crate::time::Timestamp;

/// An entity that was put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    pub id: Address,
    pub reason: String,
    pub events: u64,
    pub opened_at: Timestamp,
    pub since: Timestamp,
}

/// Some of those that are put aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    pub entities: Vec<Quarantined>,
    /// Where the next page begins: those before this.
    pub next: Option<i64>,
}

/// An entity that was put aside, for whoever has to decide what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub entity: Quarantined,
    /// What it has recorded last, oldest first.
    pub last: Vec<Event>,
    /// Why there is no more of it to see.
    pub unread: Option<String>,
    /// What waits for it, oldest first.
    pub waiting: Vec<Waiting>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub seq: u64,
    pub at: Timestamp,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub key: String,
    pub name: String,
    pub sent_at: Timestamp,
}

/// A dead letter, without what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub letter: i64,
    pub to: Address,
    pub from: Option<Address>,
    /// Of its body.
    pub name: String,
    pub story: String,
    pub died_at: Timestamp,
}

/// Some dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letters {
    pub letters: Vec<Letter>,
    /// Where the next page begins: those before this.
    pub next: Option<i64>,
}

/// A dead letter, with all that was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub letter: Letter,
    pub key: String,
    /// As it was sent; a text where it is no JSON.
    pub body: Value,
    pub sent_at: Timestamp,
}

/// A dead letter was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAgain {
    pub to: Address,
}

/// A line of the audit, with the link to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub position: u64,
    pub entity: Address,
    pub at: Timestamp,
    pub line: String,
    /// In hexadecimal digits.
    pub before: String,
    pub hash: String,
}

/// Some lines of the audit, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    pub lines: Vec<Line>,
    /// Where the next page begins: those after this.
    pub next: Option<u64>,
}

/// What came of walking the whole chain of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Verified {
    Sound {
        lines: u64,
        /// The hash of the last line; nothing if there is none.
        head: String,
    },
    Broken {
        position: u64,
        what: String,
    },
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
