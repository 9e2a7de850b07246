//! What a plan has recorded, one body for each event.

use domain::approval::Verdict;
use domain::id::Address;
use domain::run::Left;
use domain::time::Timestamp;
use domain::tool::{Failure, Output};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::brief::Brief;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Who hears of its end; a door asks instead.
    pub by: Option<Address>,
    pub brief: Brief,
}

/// The next round was taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its number, from 1.
    pub round: u32,
    /// How often it was taken up, with this time.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub pass: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(pass: &u32) -> bool {
    *pass == 1
}

/// From now on it may happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    pub step: String,
    pub attempt: u32,
    /// Nobody is at it after this.
    pub until: Timestamp,
    /// Its arguments, where they were not known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<Box<Filled>>,
    /// The approval that was used for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<u32>,
}

/// Arguments with all that was used from elsewhere. What is in the store stands there by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    pub args: Value,
    pub digest: String,
    /// Where in them a text of the store belongs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Fill>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    pub at: Vec<String>,
    pub blob: String,
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

impl Ending {
    /// Whatever it has brought.
    pub fn output(&self) -> Option<&Output> {
        match self {
            Ending::Done(output) => Some(output),
            Ending::Failed(failure) | Ending::Stopped(failure) => Some(&failure.output),
            Ending::Skipped(_) => None,
        }
    }
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
    /// What could not be taken back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    Failed,
    Canceled,
}

/// A person is asked whether a step may be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sought {
    /// Of the approvals of this plan, from 1.
    pub number: u32,
    pub step: String,
    /// Of what would be done.
    pub digest: String,
    /// What a person reads, where the plan does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The arguments, where they were not known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// After this it counts as refused.
    pub until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub number: u32,
    pub step: String,
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Somebody has sent a signal, which waits for who waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signaled {
    pub name: String,
    pub data: Value,
}

/// Something that the run was given is something else now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    pub name: String,
    pub value: Value,
    /// How often it was given, with this time; what it began with is the first.
    pub version: u64,
}

/// What was done is taken back, in this order, before the plan closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undoing {
    pub outcome: Outcome,
    pub reason: Option<String>,
    /// Whether its rollback is among it.
    pub rolls_back: bool,
}

/// It goes on when somebody says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    pub reason: String,
    /// After this it counts as failed.
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Whatever was given anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What another run has recorded of this step is taken as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reused {
    pub step: String,
    pub ending: Ending,
}
