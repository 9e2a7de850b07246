//! The trace: everything the world saw, one line per event, the same bytes for the same seed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One event. No id and no address of the process is in it, so that two runs can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, by the world's time.
    pub at: Duration,
    pub node: String,
    /// The actor's ids from the root down, or `-` where the node itself or its machine is meant.
    pub path: String,
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.at.as_secs(), self.at.subsec_nanos());
        write!(formatter, "{seconds}.{nanos:09} {} {} {}", self.node, self.path, self.what)
    }
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    lines: Mutex<Vec<Line>>,
}

impl Trace {
    pub(super) fn write(&self, line: Line) {
        self.lines().push(line);
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole of it, or the last lines of it, as text.
    pub(super) fn text(&self, last: usize) -> String {
        let lines = self.lines();
        let skipped = lines.len().saturating_sub(last);
        lines.iter().skip(skipped).map(|line| format!("{line}\n")).collect()
    }
}
