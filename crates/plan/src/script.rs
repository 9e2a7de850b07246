//! A script: rounds of steps that a person wrote down, as JSON.

mod check;
mod once;
mod read;

use std::fmt;

use domain::priority::Priority;
use domain::tool::{Effect, OnDoubt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rounds of steps; each round begins when the one before it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Beside other runs that wait for the same lanes.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    pub rounds: Vec<Round>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    pub steps: Vec<Step>,
}

/// One use of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in its script; with the plan's address it is the key of the effect.
    pub id: String,
    pub tool: String,
    pub args: Value,
    /// What is known of the effect; the tool says it where the step does not.
    pub effect: Option<Effect>,
    /// Steps that must have succeeded before.
    pub after: Vec<String>,
    /// Two steps that name the same thing never run at the same time.
    pub locks: Vec<String>,
    /// Whose permits it takes; its tool's where it does not say.
    pub lane: Option<String>,
    /// How often it is tried in all.
    pub attempts: u32,
    pub deadline: Deadline,
    pub on_doubt: OnDoubt,
    /// Tells whether the effect has happened, where that can be found out.
    pub check: Option<Check>,
}

/// How long one attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    Fast,
    Medium,
    Long,
    Ms(u64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub tool: String,
    pub args: Value,
}

/// What a script may hold. Every bound has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub text_bytes_max: usize,
    /// Bytes of the arguments of one step.
    pub args_bytes_max: usize,
    /// Steps in all rounds together.
    pub steps_max: usize,
    pub attempts_max: u32,
    pub deadline_ms_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            text_bytes_max: 4 << 20,
            args_bytes_max: 64 << 10,
            steps_max: 25,
            attempts_max: 10,
            deadline_ms_max: 24 * 60 * 60 * 1_000,
        }
    }
}

/// Something that is wrong with a script: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: String,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Script {
    /// Whether a text is meant to be one: what else people write is no JSON, or has no rounds.
    pub fn is_meant_by(text: &str) -> bool {
        text.trim_start().starts_with('{') && text.contains("\"rounds\"")
    }

    /// Reads and checks a script; all that is wrong with it comes at once.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Vec<Fault>> {
        let script = read::script(text, limits)?;
        let faults = check::faults(&script, limits);
        if faults.is_empty() { Ok(script) } else { Err(faults) }
    }

    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.rounds.iter().flat_map(|round| &round.steps)
    }
}

#[cfg(test)]
mod tests;
