//! The journal as a node of the world reaches it: every call takes a moment and may be the last.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{
    Append, Appended, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded, Seq,
    Unclaimed, Waiting,
};
use domain::time::{Clock, Dice, Timestamp};

use super::boot::{Boot, SimulatedClock, SimulatedDice};
use crate::journal::FakeJournal;

/// The longest that a commit takes, unless it is told otherwise.
const COMMIT_MAX_US: u64 = 2_000;

pub(super) struct SimulatedJournal {
    pub(super) boot: Arc<Boot>,
    pub(super) shelf: Arc<FakeJournal>,
}

impl SimulatedJournal {
    /// A write: on its way for a moment, then in, then known to be. The node may crash before,
    /// between and after.
    fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        write: impl Future<Output = T> + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let boot = Arc::clone(&self.boot);
        Box::pin(async move {
            reach(&boot, what, "begins").await;
            let moment = SimulatedDice(Arc::clone(&boot)).roll() % COMMIT_MAX_US;
            SimulatedClock(Arc::clone(&boot)).sleep(Duration::from_micros(moment)).await;
            if !boot.is_alive() {
                return pending().await;
            }
            let written = write.await;
            reach(&boot, what, "is in").await;
            written
        })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl Future<Output = T> + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let boot = Arc::clone(&self.boot);
        Box::pin(async move {
            if !boot.touch() {
                return pending().await;
            }
            read.await
        })
    }
}

async fn reach(boot: &Boot, what: &str, how: &str) {
    if !boot.write("journal", &format!("{what} {how}")) {
        pending::<()>().await;
    }
}

impl Journal for SimulatedJournal {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.write("a post", async move { shelf.post(post).await })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.write("a claim", async move { shelf.claim(claim).await })
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.write("an append", async move { shelf.append(append).await })
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.write("a blob", async move { shelf.keep(bytes, at).await })
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.read(async move { shelf.blob(blob).await })
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.read(async move { shelf.history(entity, after, limit).await })
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.read(async move { shelf.inbox(entity, after, limit).await })
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.read(async move { shelf.answer(entity, key).await })
    }

    fn due(&self, after: Option<Address>, limit: u32) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        let shelf = Arc::clone(&self.shelf);
        self.read(async move { shelf.due(after, limit).await })
    }
}
