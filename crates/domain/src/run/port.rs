//! The port to runs, for the doors.

use serde_json::Value;

use super::{Descending, Page, Question, Rehearsal, Replayed, Request, Run};
use crate::id::Address;
use crate::journal::Undeliverable;
use crate::{BoxError, BoxFuture};

/// Why a run cannot be opened, looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Everything that is wrong with what was sent, each with its place.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
    #[error(transparent)]
    Undeliverable(#[from] Undeliverable),
    /// It is there, and does not take that now.
    #[error("{0}")]
    Refused(String),
    /// Nobody in this run waits for such a signal, or ever will.
    #[error("{0}")]
    Unawaited(String),
    /// There is no such step, approval or other part of it; or it never ran.
    #[error("{0}")]
    Missing(String),
    /// It may be taken already; the same key tells.
    #[error("{0}")]
    Unavailable(String),
    #[error("the journal could not say")]
    Journal(#[source] BoxError),
}

/// The port: runs, for the doors. A key that comes again is the same request.
pub trait Runs: Send + Sync + 'static {
    /// Returns once the run is durable. Without a key every call is a run of its own.
    fn open(&self, request: Request, key: Option<String>) -> BoxFuture<'_, Result<Address, Error>>;

    /// What it would do. Nothing is begun, and nothing is written.
    fn rehearse(&self, request: Request) -> BoxFuture<'_, Result<Rehearsal, Error>>;

    /// The newest first, no more than so many, without what their steps have brought.
    fn list(&self, before: Option<i64>, limit: u32) -> BoxFuture<'_, Result<Page, Error>>;

    fn show(&self, run: Address) -> BoxFuture<'_, Result<Run, Error>>;

    fn cancel(
        &self,
        run: Address,
        reason: String,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// All that a step has brought under this name, where it was too much for its output.
    fn attachment(
        &self,
        run: Address,
        step: String,
        name: String,
    ) -> BoxFuture<'_, Result<Vec<u8>, Error>>;

    /// Decides its history again, with nothing done.
    fn replay(&self, run: Address) -> BoxFuture<'_, Result<Replayed, Error>>;

    /// All that only people can settle, oldest first.
    fn questions(&self, limit: u32) -> BoxFuture<'_, Result<Vec<Question>, Error>>;

    fn settle(
        &self,
        run: Address,
        step: String,
        happened: bool,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// Something has happened that a step may wait for. Returns once it is durable.
    fn signal(
        &self,
        run: Address,
        name: String,
        data: Value,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// Gives a run something else under a name, if that is still at this version. Returns the
    /// version it has from then on.
    fn give(
        &self,
        run: Address,
        input: String,
        value: Value,
        version: Option<u64>,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<u64, Error>>;

    /// Lets a run go on that has paused, if it has taken up so many steps.
    fn resume(
        &self,
        run: Address,
        note: Option<String>,
        at: Option<u32>,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<(), Error>>;

    /// Begins a run from another one, which stays as it is.
    fn descend(
        &self,
        run: Address,
        descending: Descending,
        key: Option<String>,
    ) -> BoxFuture<'_, Result<Address, Error>>;

    /// What was recorded of it after this event, oldest first, no more than so many: each a line
    /// of JSON.
    fn timeline(
        &self,
        run: Address,
        after: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<String>, Error>>;

    /// The text of its plan, as it runs.
    fn plan(&self, run: Address) -> BoxFuture<'_, Result<String, Error>>;

    /// Bytes that it has brought, by the hash of what they hold.
    fn artifact(&self, run: Address, blob: String) -> BoxFuture<'_, Result<Vec<u8>, Error>>;
}
