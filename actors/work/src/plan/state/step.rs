//! A step of a plan: what it is to do, and where it is.

use domain::approval::Verdict;
use domain::time::Timestamp;

use serde_json::Value;

use crate::plan::wire::{Check, Fill, Filled, Task, Then};

/// Where tools that have an environment take it.
const ENV: &str = "env";

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) task: Task,
    /// Attempts that were begun; the one a crash has cut off counts once.
    pub(crate) attempt: u32,
    pub(crate) phase: Phase,
    /// Whether an attempt may have done what nobody has found to be absent.
    pub(crate) may_have_happened: bool,
    /// Its arguments, where they were known only when it began.
    pub(crate) filled: Option<Box<Filled>>,
    pub(crate) seal: Option<Box<Seal>>,
}

/// What a person was asked about it, and has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) number: u32,
    /// Of what would be done.
    pub(crate) digest: String,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    /// For others, for a permit, or for this moment.
    Waiting {
        not_before: Option<Timestamp>,
    },
    /// A person is asked whether it may begin.
    Seeking {
        until: Timestamp,
    },
    Running {
        until: Timestamp,
    },
    /// Nobody knows what became of it, and until then somebody may be at it.
    InDoubt {
        evidence: String,
        until: Timestamp,
        then: Then,
        is_spent: bool,
        /// How often its check was asked.
        looks: u32,
    },
    /// Its check is asked for this many times now.
    Checking {
        evidence: String,
        look: u32,
        is_spent: bool,
    },
    /// A person is asked.
    Asked {
        until: Timestamp,
        is_spent: bool,
    },
    /// It was found not to have happened.
    Absent {
        evidence: String,
        is_spent: bool,
        not_before: Option<Timestamp>,
    },
    Ended(Fate),
}

/// How a step has ended, as far as the others care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Failed,
    Skipped,
    Stopped,
}

impl Step {
    pub(super) fn new(task: Task) -> Self {
        let phase = Phase::Waiting { not_before: None };
        Step { task, attempt: 0, phase, may_have_happened: false, filled: None, seal: None }
    }

    pub(crate) fn fate(&self) -> Option<Fate> {
        match self.phase {
            Phase::Ended(fate) => Some(fate),
            Phase::Waiting { .. }
            | Phase::Seeking { .. }
            | Phase::Running { .. }
            | Phase::InDoubt { .. }
            | Phase::Checking { .. }
            | Phase::Asked { .. }
            | Phase::Absent { .. } => None,
        }
    }

    /// Whether the thing it locks may not be touched by others: it is at it, or may be.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Waiting { .. } | Phase::Seeking { .. } | Phase::Ended(_))
    }
}

impl Step {
    /// Whether the attempt that is in doubt counts.
    pub(crate) fn is_spent(&self) -> bool {
        self.doubt().1
    }

    /// Of what it does, or would do as far as that is known.
    pub(crate) fn digest(&self) -> &str {
        self.filled.as_ref().map_or(&self.task.digest, |filled| &filled.digest)
    }

    pub(crate) fn args(&self) -> &Value {
        self.filled.as_ref().map_or(&self.task.args, |filled| &filled.args)
    }

    /// What its check is given: one by the same tool finds the variables of its step, where it
    /// says none itself.
    pub(crate) fn check_args(&self, check: &Check) -> (Value, Vec<Fill>) {
        let mut args = check.args.clone();
        let env = self.args().get(ENV).filter(|_| check.tool == self.task.tool);
        let (Some(env), Some(given)) = (env, args.as_object_mut()) else {
            return (args, Vec::new());
        };
        if given.contains_key(ENV) {
            return (args, Vec::new());
        }
        given.insert(ENV.to_owned(), env.clone());
        let blobs = self.filled.iter().flat_map(|filled| &filled.blobs);
        let of_env = blobs.filter(|fill| fill.at.first().is_some_and(|first| first == ENV));
        (args, of_env.cloned().collect())
    }

    /// The approval that it may be begun by.
    pub(crate) fn approval(&self) -> Option<u32> {
        let seal = self.seal.as_ref().filter(|seal| seal.verdict == Some(Verdict::Granted));
        seal.map(|seal| seal.number)
    }

    /// What is known of a step in doubt, and whether its attempt is spent.
    pub(super) fn doubt(&self) -> (String, bool) {
        match &self.phase {
            Phase::InDoubt { evidence, is_spent, .. }
            | Phase::Checking { evidence, is_spent, .. }
            | Phase::Absent { evidence, is_spent, .. } => (evidence.clone(), *is_spent),
            Phase::Asked { is_spent, .. } => (String::new(), *is_spent),
            Phase::Waiting { .. }
            | Phase::Seeking { .. }
            | Phase::Running { .. }
            | Phase::Ended(_) => (String::new(), false),
        }
    }
}
