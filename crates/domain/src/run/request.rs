//! What a run is begun with, and where it comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::Address;

/// What a run is begun with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// A script, a blueprint or a workflow, as it was written.
    pub plan: String,
    /// Where it stood, as whoever sends it says.
    pub file: Option<String>,
    /// By name, as people write them.
    pub inputs: BTreeMap<String, String>,
    pub workspace: Option<Workspace>,
}

impl From<String> for Request {
    fn from(plan: String) -> Self {
        Request { plan, ..Request::default() }
    }
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

/// All that a run is begun with, as one body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    pub plan: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Folder>,
    /// It is only told what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

impl Beginning {
    /// What says that a body is one of these.
    pub const MEDIA: &str = "application/vnd.lares.run+json";
}

/// A workspace as people name it; whoever gives it no name has it called after its path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// What a run would do, with nothing done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub name: Option<String>,
    pub inputs: BTreeMap<String, Value>,
    pub workspace: Option<Workspace>,
    /// In the order of the text; the first is the first that is done.
    pub steps: Vec<Rehearsed>,
    /// Done in this order if a route says so, or if the run is canceled.
    pub rollback: Vec<Rehearsed>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rehearsed {
    pub id: String,
    pub title: String,
    pub tool: String,
    /// As far as they are known before it begins.
    pub args: Value,
    /// On what it depends whether it is done at all.
    pub when: Option<String>,
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    /// What a person is asked first.
    pub approval: Option<String>,
    pub attempts: u32,
    /// What takes it back.
    pub undo: Option<Box<Rehearsed>>,
}

/// How a run is begun from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descending {
    pub how: Descent,
    /// The step from which on it does everything itself; without one it repeats all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of a fork: what it is given instead of what the other was given, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    #[serde(default)]
    pub effects: Effects,
}
