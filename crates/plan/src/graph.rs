//! What a written plan comes to, whatever it was written in: stages, and the ways between them.

mod arguments;
mod blueprint;
mod entries;
mod inputs;
mod names;
mod node;
mod parse;
mod paths;
mod reader;
mod request;
mod stage;
mod story;
mod values;
mod variables;
mod workflow;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use domain::priority::Priority;
use domain::tool::{Effect, OnDoubt};
use serde_json::Value;

use self::node::{Map, Node};
use self::reader::Reader;
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
    pub priority: Priority,
    pub defaults: Defaults,
    /// What a run of it may be given, or must be.
    pub inputs: BTreeMap<String, Input>,
    /// In the order of the text; it begins with the first.
    pub stages: Vec<Stage>,
    /// Done in this order where a route says so; their own routes count among them.
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
    /// Without one it must be given. Null is one, and no value: what uses it goes without.
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
    /// Of one attempt. What only waits has the longest there is, unless it says less.
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

/// A part of the arguments that stands elsewhere. Where its source has a value, that replaces what
/// stands there; where it has none, or null, what stands there stays. What leads to it is there
/// already, as an empty object at least.
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
    /// Bytes of the whole text; also of its scalars, with what their aliases repeat.
    pub text_bytes_max: usize,
    /// Bytes of one scalar.
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

/// What is missing of a stage whose work could not be read; such a graph is no plan.
pub const UNREAD: &str = "nothing";

/// A text that was read: the plan, if nothing of it is wrong, and all there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    pub graph: Option<Graph>,
    /// What could be made of a text with faults: to be asked what else is wrong, and for no more.
    pub draft: Option<Graph>,
    /// In the order of the text.
    pub faults: Vec<Fault>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            text_bytes_max: 4 << 20,
            scalar_bytes_max: 256 << 10,
            nodes_max: 200_000,
            depth_max: 64,
            args_bytes_max: 64 << 10,
            stages_max: 25,
            attempts_max: 10,
            deadline_max: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// A file as text, or the place of what is none.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let mut lines = before.split(|byte| *byte == b'\n');
        let (line, last) = (lines.clone().count(), lines.next_back().unwrap_or_default());
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        let byte = bytes.get(before.len()).copied().unwrap_or_default();
        Fault {
            place: Place { line, column },
            severity: Severity::Error,
            what: format!("the byte {byte:#04x} here is no UTF-8: save the file as UTF-8"),
            instead: None,
        }
    })
}

/// Reads a plan written as YAML and checks it; all that is wrong with it comes at once.
pub fn check(text: &str, limits: &Limits) -> Checked {
    let (root, faults) = match parse::document(text, limits) {
        Ok(document) => document,
        Err(fault) => return Checked { graph: None, draft: None, faults: vec![fault] },
    };
    let mut reader = Reader::new(text, limits, faults);
    let graph = graph(&mut reader, &root);
    let (graph, draft) = if reader.errors == 0 { (graph, None) } else { (None, graph) };
    Checked { graph, draft, faults: reader.faults() }
}

fn graph(reader: &mut Reader<'_>, root: &Node) -> Option<Graph> {
    const EITHER: &str = "a blueprint has `stages`, a workflow has `steps`";
    let top = reader.any_map(root, "a plan")?;
    match (top.entry("stages"), top.entry("steps")) {
        (Some(_), None) => {
            blueprint::keys(reader, root);
            blueprint::graph(reader, top)
        }
        (None, Some(_)) => {
            workflow::keys(reader, root);
            workflow::graph(reader, top)
        }
        (Some(_), Some((key, _))) => {
            reader.error(key.place, format!("both `stages` and `steps` are here, and {EITHER}"));
            None
        }
        (None, None) => {
            neither(reader, top, EITHER);
            None
        }
    }
}

fn neither(reader: &mut Reader<'_>, top: &Map, either: &str) {
    const FORMATS: [&str; 2] = ["stages", "steps"];
    let mut keys = top.entries.iter().map(|(key, _)| key);
    let near = |word: &str| reader::meant(word, FORMATS).is_some();
    if let Some((key, _)) = top.entry("rounds") {
        reader.error(key.place, format!("`rounds` make a script, and scripts are JSON; {either}"));
    } else if let Some(key) = keys.find(|key| FORMATS.contains(&key.text.as_str())) {
        reader.error(key.place, format!("`{}` is empty: write at least one", key.text));
    } else if let Some((key, _)) = top.entries.iter().find(|(key, _)| near(&key.text)) {
        reader.unknown(key, &format!("a plan has no key `{}`", key.text), FORMATS);
    } else {
        reader.error(top.place, format!("this is no plan: {either}"));
    }
}

/// What people call the plan.
fn name(reader: &mut Reader<'_>, top: &Map, what: &str) -> String {
    let name = reader.text(top, "name").unwrap_or_default();
    if name.trim().is_empty() && !matches!(top.get("name"), Some(Node::List(_) | Node::Map(_))) {
        reader.warn(top.place, format!("{what} says no `name`: nobody will know it in a list"));
    }
    name
}

fn priority(reader: &mut Reader<'_>, top: &Map) -> Priority {
    reader.choice(top, "priority", &Priority::NAMED).unwrap_or_default()
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

#[cfg(test)]
mod tests;
