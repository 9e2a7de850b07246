//! What a plan is to do, as it is sent and recorded.

use std::collections::BTreeMap;

use domain::priority::Priority;
use domain::run::{Lineage, Workspace};
use domain::tool::{Effect, OnDoubt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::{Closed, Ending, Signaled};
use crate::plan::{GATE, MISSING, SIGNAL, WAIT};

/// Everything a plan is to do, resolved and checked: it depends on nothing that may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub rounds: Vec<Vec<Task>>,
    pub caps: Caps,
    /// Beside others that wait for the same lanes.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// How many plans stand above it.
    #[serde(default)]
    pub depth: u32,
    /// The way through the rounds. Without one each follows the one before it, and the first
    /// failure is the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Box<Course>>,
    /// The run that this one repeats, or began as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descent: Option<Box<Descent>>,
}

/// The way through a written plan, and what goes with it. Each of its rounds holds one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    pub name: String,
    /// One for each round.
    pub ways: Vec<Way>,
    /// Done in this order where a route says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback: Vec<Task>,
    /// What the run was given, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    pub text: Text,
    /// How many rounds are taken up in all.
    pub passes_max: u32,
    /// Of what the run is given, all of it together; earlier plans say no such bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_bytes_max: Option<u64>,
}

/// What the plan was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Where it stood, as whoever began the run has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub digest: String,
    pub body: String,
}

/// Whether a round is done at all, and where the plan goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    pub on_success: To,
    pub on_failure: To,
    /// How often its failure may lead to another round, and not to the end: this bounds every way
    /// that leads back through a failure.
    pub detours_max: u32,
}

impl Way {
    /// The round that it leads to from its own, as soon as nobody has to say that it goes on.
    pub(crate) fn leads(&self, at: usize, has_failed: bool) -> Option<usize> {
        match if has_failed { self.on_failure } else { self.on_success } {
            To::Round(to) => Some(to as usize),
            // Whoever resumes a plan wants what has failed once more, and else what comes after it.
            To::Paused => Some(if has_failed { at } else { at + 1 }),
            To::Done | To::Fail | To::Rollback => None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Always,
    /// Of the last round before it that was not skipped.
    PreviousOk,
    PreviousFailed,
}

impl When {
    fn is_always(&self) -> bool {
        *self == When::Always
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Its number, from 0.
    Round(u32),
    Done,
    Fail,
    /// The same, after its rollback.
    Rollback,
    Paused,
}

/// Where a run comes from that was begun from another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Descent {
    pub lineage: Lineage,
    /// What the other has recorded and this one takes as it is, by step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recorded: BTreeMap<String, Ending>,
    /// How often somebody has said that the other goes on where it had paused.
    #[serde(default, skip_serializing_if = "is_none")]
    pub resumed: u32,
    /// What was said to the other by then, and nobody had taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signaled>,
    /// It only repeats: where nothing was recorded any more, this is what it has come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Closed>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &u32) -> bool {
    *count == 0
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
    /// What people call it, where that is more than its id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What of its arguments is known only when it begins; the digest is of all of them then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
    /// What others may use of it, by the names they use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// A person is asked before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Takes back what it has done, if the plan fails or is canceled later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Task>>,
}

impl Task {
    /// Whether the plan itself does all there is to do.
    pub fn is_handless(&self) -> bool {
        [WAIT, SIGNAL, GATE, MISSING].contains(&self.tool.as_str())
    }

    /// The signal that it waits for.
    pub(crate) fn signal(&self) -> Option<&str> {
        self.args["name"].as_str().filter(|_| self.tool == SIGNAL)
    }

    /// What people call it.
    pub(crate) fn called(&self) -> &str {
        if self.title.is_empty() { &self.id } else { &self.title }
    }
}

/// A part of the arguments that stands elsewhere. What stands there in the task counts as long as
/// nothing else is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The names on the way to it, from the outside in.
    pub at: Vec<String>,
    pub of: Source,
}

impl Use {
    /// What the run is given, if it is that.
    pub(crate) fn input(&self) -> Option<&str> {
        match &self.of {
            Source::Input(name) => Some(name),
            Source::Output(_) | Source::Kept(_) | Source::Lost(_) | Source::Story => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Of the run.
    Input(String),
    /// Of the last step that has put out something of this name.
    Output(String),
    /// In the store, by its name there: never written, only known once something is done.
    Kept(String),
    /// Nobody knows what it is that was put out under this name: only known once something is done.
    Lost(String),
    /// What the steps of the run have come to so far.
    Story,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What a person reads.
    pub about: String,
    pub within_ms: u64,
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
