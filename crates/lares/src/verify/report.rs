//! The report: what was checked, what was counted on the way, and what was not as it should be.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::scratch::Scratch;

/// All checks of one `lares verify durability`, for people and for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    status: Status,
    /// The version of the program that was judged, which is this one.
    version: &'static str,
    took_ms: u64,
    /// Where everything was left, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Passed,
    Failed,
}

/// Names a check for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Name {
    RestartContinuity,
    ReplayEquivalence,
    FailureInjection,
}

#[derive(Debug, Serialize)]
pub(super) struct Check {
    name: Name,
    status: Status,
    what: &'static str,
    took_ms: u64,
    evidence: BTreeMap<String, Value>,
    /// What was expected, what was found instead, and where to look.
    failures: Vec<String>,
}

/// What one check has seen: counts, and whatever is not as it should be.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Findings {
    pub(super) evidence: BTreeMap<String, Value>,
    pub(super) failures: Vec<String>,
}

impl Report {
    pub(super) fn new(scratch: &Scratch) -> Self {
        let folder = scratch.kept().map(ToOwned::to_owned);
        let version = env!("CARGO_PKG_VERSION");
        Report { status: Status::Passed, version, took_ms: 0, folder, checks: Vec::new() }
    }

    pub(super) fn add(&mut self, check: Check) {
        self.took_ms += check.took_ms;
        if check.status == Status::Failed {
            self.status = Status::Failed;
        }
        self.checks.push(check);
    }

    pub(super) fn has_passed(&self) -> bool {
        self.status == Status::Passed
    }
}

impl Name {
    fn word(self) -> &'static str {
        match self {
            Name::RestartContinuity => "restart_continuity",
            Name::ReplayEquivalence => "replay_equivalence",
            Name::FailureInjection => "failure_injection",
        }
    }

    /// What is shown where it passes.
    fn what(self) -> &'static str {
        match self {
            Name::RestartContinuity => {
                "a node that is killed in the middle goes on after its next start: every run \
                 completes, and every effect happens exactly once"
            }
            Name::ReplayEquivalence => {
                "a history that is decided again is the same, and a run that replays another one \
                 comes to the same without an effect"
            }
            Name::FailureInjection => {
                "a plan that fails takes back what it did; a node that is told to stop cuts \
                 nothing off; a damaged history is never served; a folder has one node"
            }
        }
    }
}

impl Check {
    /// A check that could not be carried out has failed.
    pub(super) fn of(
        name: Name,
        took: Duration,
        found: anyhow::Result<Findings>,
        scratch: &Scratch,
    ) -> Self {
        let mut all = Findings::default();
        all.take("", found);
        if let Some(kept) = scratch.kept() {
            all.failures.iter_mut().for_each(|told| *told += &format!("; see {}", kept.display()));
        }
        let Findings { evidence, failures } = all;
        let status = if failures.is_empty() { Status::Passed } else { Status::Failed };
        let took_ms = millis(took);
        Check { name, status, what: name.what(), took_ms, evidence, failures }
    }

    /// What people are told as soon as it is over.
    pub(super) fn line(&self) -> String {
        let word = match self.status {
            Status::Passed => "passed",
            Status::Failed => "failed",
        };
        let seconds = Duration::from_millis(self.took_ms).as_secs_f64();
        let failures = self.failures.iter().map(|told| format!("\n  {told}"));
        format!("{} {word} after {seconds:.1} s{}", self.name.word(), failures.collect::<String>())
    }
}

impl Findings {
    /// Something that is told, whatever it is.
    pub(super) fn tell(&mut self, name: &str, value: impl Into<Value>) {
        self.evidence.insert(name.to_owned(), value.into());
    }

    /// A count that has one right value.
    pub(super) fn exactly(&mut self, name: &str, expected: usize, found: usize) {
        self.tell(name, found);
        self.same(name, &expected, &found);
    }

    /// A count that is too small where nothing was shown.
    pub(super) fn at_least(&mut self, name: &str, least: usize, found: usize) {
        self.tell(name, found);
        if found < least {
            self.failures.push(format!("{name}: expected {least} or more, found {found}"));
        }
    }

    /// Something too long to be evidence, which still has to be right.
    pub(super) fn same<T: PartialEq + Debug>(&mut self, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.failures.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Adds what a part has found; a part that could not be carried out has failed.
    pub(super) fn take(&mut self, part: &str, found: anyhow::Result<Findings>) {
        let named = |name: &str| match part {
            "" => name.to_owned(),
            part => format!("{part}_{name}"),
        };
        match found {
            Ok(Findings { evidence, failures }) => {
                self.evidence.extend(evidence.into_iter().map(|(key, value)| (named(&key), value)));
                self.failures.extend(failures.iter().map(|told| named(told)));
            }
            Err(error) => self.failures.push(match part {
                "" => format!("it could not be carried out: {error:#}"),
                part => format!("{part}: it could not be carried out: {error:#}"),
            }),
        }
    }
}

/// As it is told.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
