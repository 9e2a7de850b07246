//! What a run may hold and how long it may take.

use std::time::Duration;

use plan::graph;
use plan::script::{self, Deadline};
use serde::{Deserialize, Serialize};

use super::millis;
use crate::plan::Caps;

/// What a run may hold and how long it may take. Every bound has a name here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a script, or of a written plan.
    pub script_bytes_max: usize,
    /// Bytes of the arguments of one step.
    pub args_bytes_max: usize,
    /// Steps of one run.
    pub steps_max: usize,
    /// How often one step may be tried.
    pub attempts_max: u32,
    /// How long one attempt may take, whatever a script says.
    #[serde(with = "domain::duration")]
    pub deadline_max: Duration,
    /// What a script means by `fast`.
    #[serde(with = "domain::duration")]
    pub fast: Duration,
    /// What a script means by `medium`.
    #[serde(with = "domain::duration")]
    pub medium: Duration,
    /// What a script means by `long`.
    #[serde(with = "domain::duration")]
    pub long: Duration,
    /// Rounds in a row that repeat what was done already, before a run fails.
    pub idle_rounds_max: u32,
    /// How long a run waits for a person, before what it asked about counts as failed.
    #[serde(with = "domain::duration")]
    pub silence_max: Duration,
    /// Steps that one run of a written plan takes up in all, however often it comes by.
    pub passes_max: u32,
    /// Bytes of what a run is given, all inputs together.
    pub inputs_bytes_max: usize,
    /// How many runs may stand above one that another has opened.
    pub depth_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let script = script::Limits::default();
        Limits {
            script_bytes_max: script.text_bytes_max,
            args_bytes_max: script.args_bytes_max,
            steps_max: script.steps_max,
            attempts_max: script.attempts_max,
            deadline_max: Duration::from_millis(script.deadline_ms_max),
            fast: Duration::from_secs(10),
            medium: Duration::from_secs(120),
            long: Duration::from_secs(60 * 60),
            idle_rounds_max: 3,
            silence_max: Duration::from_secs(7 * 24 * 60 * 60),
            passes_max: 1_000,
            inputs_bytes_max: 32 << 10,
            depth_max: 4,
        }
    }
}

/// More than anybody has written by hand, and little enough to be looked at as a whole.
const STEPS_MAX: usize = 1_000;

impl Limits {
    /// The first limit that is out of its bounds, and what they are.
    pub fn invalid(&self) -> Option<(&'static str, String)> {
        if !(1..=STEPS_MAX).contains(&self.steps_max) {
            return Some(("steps_max", format!("must lie between 1 and {STEPS_MAX}")));
        }
        let nothing = [
            ("script_bytes_max", self.script_bytes_max == 0),
            ("attempts_max", self.attempts_max == 0),
            ("idle_rounds_max", self.idle_rounds_max == 0),
            ("passes_max", self.passes_max == 0),
            ("deadline_max", self.deadline_max.is_zero()),
            ("fast", self.fast.is_zero()),
            ("medium", self.medium.is_zero()),
            ("long", self.long.is_zero()),
            ("silence_max", self.silence_max.is_zero()),
        ];
        let zero = nothing.into_iter().find(|(_, is_zero)| *is_zero);
        zero.map(|(key, _)| (key, "must be more than 0".to_owned()))
    }

    /// Those that are about the text of a script.
    pub fn script(&self) -> script::Limits {
        script::Limits {
            text_bytes_max: self.script_bytes_max,
            args_bytes_max: self.args_bytes_max,
            steps_max: self.steps_max,
            attempts_max: self.attempts_max,
            deadline_ms_max: millis(self.deadline_max),
        }
    }

    /// Those that are about the text of a written plan.
    pub fn graph(&self) -> graph::Limits {
        graph::Limits {
            text_bytes_max: self.script_bytes_max,
            args_bytes_max: self.args_bytes_max,
            stages_max: self.steps_max,
            attempts_max: self.attempts_max,
            deadline_max: self.deadline_max,
            ..graph::Limits::default()
        }
    }

    /// How long an attempt may take that was given this.
    pub(super) fn within(&self, deadline: Deadline) -> Duration {
        match deadline {
            Deadline::Fast => self.fast,
            Deadline::Medium => self.medium,
            Deadline::Long => self.long,
            Deadline::Ms(ms) => Duration::from_millis(ms),
        }
    }

    pub(super) fn caps(&self) -> Caps {
        Caps {
            idle_rounds_max: self.idle_rounds_max,
            silence_max_ms: millis(self.silence_max),
            depth_max: self.depth_max,
        }
    }
}
