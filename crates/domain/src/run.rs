//! A run, as people look at it: what a plan has done, does, and waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Approval;
use crate::id::Address;
use crate::journal::Undeliverable;
use crate::time::Timestamp;
use crate::tool::{Attachment, Effect};
use crate::{BoxError, BoxFuture};

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

/// Where a run may touch files. Nothing is guessed: whoever begins the run names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    pub id: String,
    /// Absolute.
    pub path: String,
    /// What must be checked out there, if that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// The run that another one was begun from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    pub run: Address,
    pub how: Descent,
    /// The last event of the other that this one builds on.
    pub at: u64,
    /// The step from which on it goes its own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub effects: Effects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Descent {
    /// The same once more.
    Replay,
    /// The same up to a step, and something else from there on.
    Fork,
}

/// What a replay does where the first run had an effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effects {
    /// Nothing: it takes what was recorded.
    #[default]
    UseRecorded,
    /// It has it again.
    Reexecute,
    /// It has it again after a person has allowed it, each.
    RequireHuman,
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
    pub since: Timestamp,
    pub evidence: String,
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

/// Why a run cannot be opened, looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Everything that is wrong with what was sent, each with its place.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    #[error(transparent)]
    Undeliverable(#[from] Undeliverable),
    /// It is there, and does not take that now.
    #[error("{0}")]
    Refused(String),
    /// Nobody in this run waits for such a signal, or ever will.
    #[error("{0}")]
    Unawaited(String),
    /// It may be taken already; the same key tells.
    #[error("{0}")]
    Unavailable(String),
    #[error("the journal could not say")]
    Journal(#[source] BoxError),
}

/// The port: runs, for the doors. A key that comes again is the same request.
pub trait Runs: Send + Sync + 'static {
    /// Returns once the run is durable. Without a key every call is a run of its own.
    fn open(&self, script: String, key: Option<String>) -> BoxFuture<'_, Result<Address, Error>>;

    /// The newest first, no more than so many, without what their steps have brought.
    fn list(&self, before: Option<i64>, limit: u32) -> BoxFuture<'_, Result<Page, Error>>;

    fn show(&self, run: Address) -> BoxFuture<'_, Result<Run, Error>>;

    fn cancel(
        &self,
        run: Address,
        reason: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// All that a step has brought under this name, where it was too much for its output.
    fn attachment(
        &self,
        run: Address,
        step: String,
        name: String,
    ) -> BoxFuture<'_, Result<Vec<u8>, Error>>;

    /// Decides its history again, with nothing done.
    fn replay(&self, run: Address) -> BoxFuture<'_, Result<Replayed, Error>>;

    /// All that only people can settle, oldest first.
    fn questions(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Question>, Error>>;

    fn settle(
        &self,
        run: Address,
        step: String,
        happened: bool,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;
}
