//! A conversation, as people look at it: what was asked in which turn, and what came of it.

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::id::Address;
use crate::run::{self, Error};
use crate::time::Timestamp;

/// What a person says in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// The text of a script.
    Script(String),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: Address,
    /// The last event of its history.
    pub seq: u64,
    /// Those that are kept, the oldest first.
    pub turns: Vec<Turn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub number: u32,
    pub state: TurnState,
    pub asked_at: Timestamp,
    pub replied_at: Option<Timestamp>,
    /// The run that answers it.
    pub run: Option<Address>,
    /// What was answered in the end.
    pub reply: Option<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// Others come first.
    Queued,
    Running,
    Replied,
}

/// How a turn has ended. There is always one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub state: run::State,
    pub text: String,
}

/// What was taken, and as which turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub session: Address,
    pub turn: u32,
}

/// The port: conversations, for the doors.
pub trait Sessions: Send + Sync + 'static {
    /// Says something in a session, or begins one. Returns once that is durable; the same key
    /// again is the same turn.
    fn say(
        &self,
        session: Option<Address>,
        input: Input,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Taken, Error>>;

    fn show(&self, session: Address) -> BoxFuture<'_, Result<Session, Error>>;
}
