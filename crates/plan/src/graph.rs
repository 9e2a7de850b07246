//! What a written plan comes to, whatever it was written in: stages, and the ways between them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use domain::tool::{Effect, OnDoubt};
use serde_json::Value;

use crate::script::{Check, Deadline};

/// A plan that a person wrote down, checked as a whole. Nothing in it is looked up later but the
/// tools it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub format: Format,
    pub name: String,
    pub description: String,
    /// The profile of those who are told of its end.
    pub notify: Option<String>,
    pub defaults: Defaults,
    /// What a run of it may be given, or must be.
    pub inputs: BTreeMap<String, Input>,
    /// In the order of the text; it begins with the first.
    pub stages: Vec<Stage>,
    /// Done in this order where a route says so.
    pub rollback: Vec<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Blueprint,
    Workflow,
}

/// What a blueprint says for all of its stages, as far as nothing else of the graph says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    pub toolset: Option<String>,
    pub sandbox: Option<String>,
    pub approvals: Approvals,
}

/// Which stages ask a person first, beside those that say so themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Approvals {
    #[default]
    None,
    /// Those whose effect cannot be repeated.
    Risky,
    /// Those that reach beyond this machine.
    Critical,
}

/// Something that a run is given when it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub place: Place,
    pub kind: InputKind,
    /// Without one it must be given.
    pub default: Option<Value>,
    pub about: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    Text,
    Number,
    Truth,
    List,
    /// It was never declared, only used.
    Any,
}

/// Where something stands in the text; both count from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One thing to do. Each time the plan comes by is a step of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// A plain word, unique in its plan: it becomes part of the key of the effect.
    pub id: String,
    /// What it is called in the text.
    pub title: String,
    pub place: Place,
    pub work: Work,
    /// What of its arguments is known only when it begins.
    pub uses: Vec<Use>,
    /// What later stages may use of it, by the names they use.
    pub outputs: Vec<String>,
    pub when: When,
    pub on_success: Route,
    pub on_failure: Route,
    /// How often each pass of it is tried in all, and how often its failure may lead back.
    pub attempts: u32,
    pub deadline: Deadline,
    pub effect: Option<Effect>,
    pub on_doubt: OnDoubt,
    pub check: Option<Check>,
    pub locks: Vec<String>,
    pub lane: Option<String>,
    /// A person is asked before it begins.
    pub approval: Option<Approval>,
    /// Takes back what it has done, if the plan fails or is canceled later.
    pub undo: Option<Box<Undo>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Tool {
        tool: String,
        args: Value,
    },
    Wait {
        pause: Duration,
    },
    Signal {
        name: String,
    },
    /// Only a person's answer; the approval of its stage says what is asked.
    Gate,
    /// What it needs is not there yet: a model, a skill.
    Missing {
        what: String,
    },
}

/// A part of the arguments that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The names on the way to it in the arguments, from the outside in.
    pub at: Vec<String>,
    pub of: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Of the run.
    Input(String),
    /// Of the last stage that has put out something of this name.
    Output(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    Always,
    /// Of the last stage before it that was begun.
    PreviousOk,
    PreviousFailed,
}

/// Where a plan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The number of the stage in the text, from 0.
    Stage(usize),
    Done,
    Fail,
    /// The same, after its rollback.
    Rollback,
    Paused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What a person reads.
    pub about: String,
    /// After this it counts as refused; as long as people may be silent where it does not say.
    pub within: Option<Duration>,
}

/// How something is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    pub place: Place,
    pub work: Work,
    pub uses: Vec<Use>,
    pub attempts: u32,
    pub deadline: Deadline,
    pub effect: Option<Effect>,
    pub on_doubt: OnDoubt,
    pub check: Option<Check>,
}

/// What a graph may hold. Every bound has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub text_bytes_max: usize,
    /// Bytes of one scalar, with what its aliases repeat.
    pub scalar_bytes_max: usize,
    /// Nodes of the document, with what its aliases repeat.
    pub nodes_max: usize,
    pub depth_max: usize,
    /// Bytes of the arguments of one stage.
    pub args_bytes_max: usize,
    pub stages_max: usize,
    pub attempts_max: u32,
    pub deadline_max: Duration,
}

/// Something that is wrong with a text, or may be: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub severity: Severity,
    /// What was found and what would be right, as one fragment.
    pub what: String,
    /// The line as it should stand, where that is plain.
    pub instead: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// A text that was read: the plan, if nothing of it is wrong, and all there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    pub graph: Option<Graph>,
    /// In the order of the text.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        match &self.instead {
            Some(line) => write!(f, "; write: {}", line.trim()),
            None => Ok(()),
        }
    }
}
