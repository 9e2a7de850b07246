//! Copies of everything that is recorded, as doors ask for them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;

/// A copy that was read from end to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub file: PathBuf,
    pub entities: u64,
    pub events: u64,
    pub blobs: u64,
    /// Entities whose histories were copied and not read: they are quarantined, or were.
    pub put_aside: u64,
    pub audit_lines: u64,
    /// The hash of the last line of the audit, in hexadecimal digits.
    pub audit_head: String,
    /// Where the audit is broken, and how; it is copied as it is, and counted up to there.
    pub audit_broken: Option<String>,
}

/// Why there is no copy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a copy is being made already: wait for its end")]
    Busy,
    /// With what to do about it.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
}

/// The port. The copy is of one moment, whatever is written meanwhile.
pub trait Backup: Send + Sync + 'static {
    /// Makes this file, which is not there yet. It goes on when nobody waits for it any more.
    fn copy(&self, file: PathBuf) -> BoxFuture<'_, Result<Copied, Error>>;
}
