//! What is sent to a plan and what it records: written down, and read for ever.

use domain::id::Address;
use domain::journal::Body;
use domain::signals::written;
use domain::time::Timestamp;
use domain::tool::{Effect, Failure, OnDoubt, Output};
use domain::wire::{Unread, Written, read, write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What others may send it.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    Open(Brief),
    Cancel(Cancel),
    Settle(Settle),
}

/// Everything a plan is to do, resolved and checked: it depends on nothing that may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub rounds: Vec<Vec<Task>>,
    pub caps: Caps,
    /// How many plans stand above it.
    #[serde(default)]
    pub depth: u32,
}

/// One step, as it is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: String,
    pub tool: String,
    pub args: Value,
    /// Of the tool and its arguments: what was allowed is what is done.
    pub digest: String,
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    pub lane: String,
    /// Whether it may go on when this machine has ended.
    #[serde(default)]
    pub is_far: bool,
    pub attempts: u32,
    pub within_ms: u64,
    pub on_doubt: OnDoubt,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// Tells whether the effect has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub tool: String,
    pub args: Value,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Of its tool: it waits its turn like every other use of that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lane: String,
}

/// What a plan may not go beyond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Rounds in a row that repeat what was done already.
    pub idle_rounds_max: u32,
    /// How long it waits for a person.
    pub silence_max_ms: u64,
    pub depth_max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    pub reason: String,
}

/// A person says what became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    pub step: String,
    pub happened: bool,
}

/// What it says to who posted; kept with the post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Taken,
    Refused(String),
}

impl Answer {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an answer is plain data")
    }
}

/// What it records.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Opened(Opened),
    Planned(Planned),
    Begun(Begun),
    Ended(Ended),
    Rested(Rested),
    Doubted(Doubted),
    Checking(Checking),
    Unclear(Unclear),
    Asked(Asked),
    Settled(Settled),
    Cancelling(Cancelling),
    Closed(Closed),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Who hears of its end; a door asks instead.
    pub by: Option<Address>,
    pub brief: Brief,
}

/// The next round was taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub round: u32,
}

/// From now on it may happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub step: String,
    pub attempt: u32,
    /// Nobody is at it after this.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub step: String,
    pub attempt: u32,
    pub ending: Ending,
}

/// What a step has come to, for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done(Output),
    Failed(Failure),
    /// Never begun; why.
    Skipped(String),
    /// Ended because the plan was cancelled.
    Stopped(Failure),
}

/// An attempt has failed, and there is another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rested {
    pub step: String,
    pub attempt: u32,
    pub failure: Failure,
    pub until: Timestamp,
}

/// It was begun, and nobody knows what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubted {
    pub step: String,
    pub attempt: u32,
    pub evidence: String,
    /// Until then somebody may still be at it.
    pub until: Timestamp,
    pub then: Then,
    /// Whether the attempt itself said so, and is spent; a crash spends none.
    pub spent: bool,
}

/// How a doubt is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Repeat,
    Check,
    Ask,
    Fail,
}

/// Its check is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checking {
    pub step: String,
    pub look: u32,
}

/// Its check could not tell, and is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclear {
    pub step: String,
    /// How often it was asked so far; a look that a crash has cut off does not count.
    pub look: u32,
    pub seen: String,
    /// Not before this.
    pub until: Timestamp,
}

/// A person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub step: String,
    pub evidence: String,
    /// After this it counts as failed.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub step: String,
    pub happened: bool,
    /// The check, or a person.
    pub by: By,
    pub evidence: String,
    /// If it is to be done once more, not before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Check,
    Person,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelling {
    pub reason: String,
    /// Whoever has not ended by then is killed.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub outcome: Outcome,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    Failed,
    Canceled,
}

impl Written for Post {
    fn write(&self) -> Body {
        match self {
            Post::Open(brief) => write(written::PLAN_OPEN, 1, brief),
            Post::Cancel(cancel) => write(written::PLAN_CANCEL, 1, cancel),
            Post::Settle(settle) => write(written::PLAN_SETTLE, 1, settle),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::PLAN_OPEN, 1) => read(body).map(Post::Open),
            (written::PLAN_CANCEL, 1) => read(body).map(Post::Cancel),
            (written::PLAN_SETTLE, 1) => read(body).map(Post::Settle),
            _ => Err(Unread::unknown(body)),
        }
    }
}

impl Written for Event {
    fn write(&self) -> Body {
        match self {
            Event::Opened(opened) => write(written::PLAN_OPENED, 1, opened),
            Event::Planned(planned) => write(written::PLAN_PLANNED, 1, planned),
            Event::Begun(begun) => write(written::STEP_BEGUN, 1, begun),
            Event::Ended(ended) => write(written::STEP_ENDED, 1, ended),
            Event::Rested(rested) => write(written::STEP_RESTED, 1, rested),
            Event::Doubted(doubted) => write(written::STEP_DOUBTED, 1, doubted),
            Event::Checking(checking) => write(written::STEP_CHECKING, 1, checking),
            Event::Unclear(unclear) => write(written::STEP_UNCLEAR, 1, unclear),
            Event::Asked(asked) => write(written::STEP_ASKED, 1, asked),
            Event::Settled(settled) => write(written::STEP_SETTLED, 1, settled),
            Event::Cancelling(cancelling) => write(written::PLAN_CANCELLING, 1, cancelling),
            Event::Closed(closed) => write(written::PLAN_CLOSED, 1, closed),
        }
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        match (&*body.name, body.version) {
            (written::PLAN_OPENED, 1) => read(body).map(Event::Opened),
            (written::PLAN_PLANNED, 1) => read(body).map(Event::Planned),
            (written::STEP_BEGUN, 1) => read(body).map(Event::Begun),
            (written::STEP_ENDED, 1) => read(body).map(Event::Ended),
            (written::STEP_RESTED, 1) => read(body).map(Event::Rested),
            (written::STEP_DOUBTED, 1) => read(body).map(Event::Doubted),
            (written::STEP_CHECKING, 1) => read(body).map(Event::Checking),
            (written::STEP_UNCLEAR, 1) => read(body).map(Event::Unclear),
            (written::STEP_ASKED, 1) => read(body).map(Event::Asked),
            (written::STEP_SETTLED, 1) => read(body).map(Event::Settled),
            (written::PLAN_CANCELLING, 1) => read(body).map(Event::Cancelling),
            (written::PLAN_CLOSED, 1) => read(body).map(Event::Closed),
            _ => Err(Unread::unknown(body)),
        }
    }
}
