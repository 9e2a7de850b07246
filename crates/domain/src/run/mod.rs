//! A run, as people look at it: what a plan has done, does, and waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Approval;
use crate::id::Address;
use crate::time::Timestamp;
use crate::tool::{Attachment, Effect};

mod port;
mod request;

pub use port::{Error, Runs};
pub use request::{
    Beginning, Descending, Descent, Effects, Folder, Lineage, Rehearsal, Rehearsed, Request,
    Workspace,
};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted, and nothing of it was begun.
    Pending,
    Running,
    /// Somebody has to say what became of a step.
    WaitingForHuman,
    /// It goes on when somebody says so.
    Paused,
    /// It takes back what it has done, before it fails or is canceled.
    Undoing,
    /// It begins nothing more, and waits for what runs.
    Canceling,
    Completed,
    Failed,
    Canceled,
}

impl State {
    pub fn is_final(self) -> bool {
        match self {
            State::Completed | State::Failed | State::Canceled => true,
            State::Pending
            | State::Running
            | State::WaitingForHuman
            | State::Paused
            | State::Undoing
            | State::Canceling => false,
        }
    }

    /// As it is written everywhere.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::WaitingForHuman => "waiting_for_human",
            State::Paused => "paused",
            State::Undoing => "undoing",
            State::Canceling => "canceling",
            State::Completed => "completed",
            State::Failed => "failed",
            State::Canceled => "canceled",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: Address,
    pub state: State,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Why it failed or was canceled.
    pub reason: Option<String>,
    /// Why it is quarantined, if it is: nothing of it goes on until somebody releases it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// The last event of its history.
    pub seq: u64,
    /// What its plan is called, where that was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the plan was read from, and what of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Given>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// How many stages were taken up; whoever resumes it may say what it has seen.
    #[serde(default)]
    pub taken_up: u32,
    pub steps: Vec<Step>,
    /// What could not be taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
}

/// What a plan was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub file: Option<String>,
    pub digest: String,
}

/// What a run was given under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    pub value: Value,
    /// How often, with this time.
    pub version: u64,
}

/// Something that was done, or may have been, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub step: String,
    pub why: String,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// For others, for a permit, or for its next attempt.
    Waiting,
    Running,
    /// It was begun, and nobody knows yet what became of it.
    InDoubt,
    /// Only a person can tell.
    Asked,
    /// A person is to allow it first.
    AwaitsApproval,
    Done,
    Failed,
    /// Never begun, and it will not be.
    Skipped,
    /// Ended because the run was canceled.
    Stopped,
}

impl StepState {
    pub fn word(self) -> &'static str {
        match self {
            StepState::Waiting => "waiting",
            StepState::Running => "running",
            StepState::InDoubt => "in doubt",
            StepState::Asked => "asks",
            StepState::AwaitsApproval => "awaits approval",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Skipped => "skipped",
            StepState::Stopped => "stopped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: String,
    /// What people call it, where that is more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub tool: String,
    pub effect: Effect,
    /// Of the effect, the same for all attempts.
    pub key: String,
    pub state: StepState,
    pub attempts: Vec<Attempt>,
    pub doubts: Vec<Doubt>,
    /// Asked of people before it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// What it has brought in the end.
    pub output: Option<Value>,
    pub attachments: Vec<Attachment>,
    /// Why it is as it is, where that is not plain.
    pub story: Option<String>,
}

/// One try. A try that a crash has cut off goes on under the same number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    pub begun_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// One word: done, failed, unknown...
    pub outcome: Option<String>,
    pub story: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    pub since: Timestamp,
    /// What is known, for whoever has to judge.
    pub evidence: String,
    pub settled_at: Option<Timestamp>,
    /// What became of it, and who said so.
    pub verdict: Option<String>,
}

/// Some runs of the list of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub runs: Vec<Run>,
    /// Where the next page begins: those before this.
    pub next: Option<i64>,
}

/// A step of which only a person can say what became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub run: Address,
    pub step: String,
    pub tool: String,
    pub args: Value,
    /// When the attempt began of which nobody knows the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    pub since: Timestamp,
    pub evidence: String,
    /// What is known of whoever was at it, where it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hands: Option<String>,
    pub awaits: Awaits,
}

/// What a doubt waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for")]
pub enum Awaits {
    Person,
    /// Its check is asked.
    Check,
    /// Until then somebody may still be at it. Its check is asked then, or a person.
    Quiet {
        until: Timestamp,
    },
}

/// What came of deciding a history again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Replayed {
    Same { turns: u64, events: u64 },
    Different { seq: u64, recorded: String, decided: String },
}
