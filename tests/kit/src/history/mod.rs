//! A history of supervision: one tree, then one event after the other.
//!
//! The same history can be replayed on the real actors, on the rules alone and on a real OTP node;
//! each yields a trace of the same lines.

mod clock;
mod compare;
pub mod conditions;
pub mod erlang;
mod generate;
mod parse;
mod puppet;
pub mod replay;
mod shrink;
mod trial;

use serde::{Deserialize, Serialize};

pub use compare::{Difference, difference};
pub use generate::generate;
pub use parse::{Error, empty, parse, parse_event, parse_line, parse_tree, print};
pub use shrink::shrink;
pub use trial::{Failure, Uncompared, against_otp, trial};

/// A tree and what is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub tree: Sup,
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sup {
    pub id: String,
    pub strategy: Strategy,
    #[serde(deserialize_with = "parse::saturating")]
    pub intensity: u32,
    pub period_s: u64,
    #[serde(default)]
    pub auto_shutdown: AutoShutdown,
    #[serde(default)]
    pub children: Vec<Child>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    pub id: String,
    /// What a line leaves out is as OTP has it for a worker; a dynamic child takes its template's.
    #[serde(default)]
    pub restart: Restart,
    #[serde(default)]
    pub shutdown: Shutdown,
    #[serde(default)]
    pub significant: bool,
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// Which of its attempts to start fail, from 1. For workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails: Vec<u32>,
    /// It ignores a polite stop. For workers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stubborn: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sup: Option<Sup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    OneForOne,
    OneForAll,
    RestForOne,
    SimpleOneForOne,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    #[default]
    Never,
    AnySignificant,
    AllSignificant,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    #[default]
    Permanent,
    Transient,
    Temporary,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Worker,
    Supervisor,
}

/// A word, or milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shutdown {
    Word(ShutdownWord),
    Ms(u64),
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown::Ms(5_000)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownWord {
    BrutalKill,
    Infinity,
}

/// How a worker is told to end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Normal,
    Shutdown,
    Error,
    Kill,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    Exit { exit: String, reason: Reason },
    Terminate { terminate: String },
    Restart { restart: String },
    Delete { delete: String },
    Start { start: String, child: Child },
    Sleep { sleep_ms: u64 },
}

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Line {
    Started { started: String, n: u32 },
    Failed { failed: String, n: u32 },
    Stopped { stopped: String, reason: &'static str },
    Result { result: &'static str, of: usize },
    Final { r#final: std::collections::BTreeMap<String, &'static str> },
}

impl Line {
    /// The line as the trace prints it.
    pub fn print(&self) -> String {
        serde_json::to_string(self).expect("a line of strings and numbers is always JSON")
    }
}
