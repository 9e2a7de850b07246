//! The journal of the stage: it counts what passes, and tells who waits for an end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::{Address, Kind};
use domain::journal::{
    Append, Appended, Boot, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded,
    Seq, Status, Unclaimed, Waiting,
};
use domain::signals::written::TURN_REPLIED;
use domain::time::Timestamp;
use store::Sqlite;
use tokio::sync::oneshot;

use super::stage::{lock, wall_us};

/// What passed the journal.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) posts: AtomicU64,
    pub(crate) claims: AtomicU64,
    pub(crate) appends: AtomicU64,
    /// Plans that came to their end, and when the last one did.
    pub(crate) closed: AtomicU64,
    pub(crate) closed_at_us: AtomicU64,
}

/// The journal, and who waits for the end of which plan or turn.
pub(crate) struct Counted {
    pub(crate) sqlite: Sqlite,
    pub(crate) counts: Counts,
    ends: Mutex<HashMap<Address, oneshot::Sender<()>>>,
}

impl Counted {
    pub(crate) fn new(sqlite: Sqlite) -> Self {
        Counted { sqlite, counts: Counts::default(), ends: Mutex::default() }
    }

    /// Resolves when this plan is closed, or this session has replied once more; and that is on the
    /// disk.
    pub(crate) fn end(&self, of: Address) -> oneshot::Receiver<()> {
        let (ended, end) = oneshot::channel();
        lock(&self.ends).insert(of, ended);
        end
    }

    fn tell(&self, ended: Address) {
        if ended.kind == Kind::Plan {
            self.counts.closed.fetch_add(1, Ordering::Relaxed);
            self.counts.closed_at_us.fetch_max(wall_us(), Ordering::Relaxed);
        }
        if let Some(end) = lock(&self.ends).remove(&ended) {
            // Whoever waited may have left.
            let _ = end.send(());
        }
    }
}

/// Whoever comes to an end in this append.
fn ended(append: &Append) -> Option<Address> {
    let is_over = append.status == Status::Closed
        || append.events.iter().any(|event| &*event.name == TURN_REPLIED);
    is_over.then_some(append.entity)
}

impl Journal for Counted {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        self.counts.posts.fetch_add(1, Ordering::Relaxed);
        self.sqlite.post(post)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        self.counts.claims.fetch_add(1, Ordering::Relaxed);
        self.sqlite.claim(claim)
    }

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>> {
        self.counts.appends.fetch_add(1, Ordering::Relaxed);
        let ended = ended(&append);
        let appending = self.sqlite.append(append);
        let Some(address) = ended else { return appending };
        Box::pin(async move {
            let appended = appending.await?;
            if matches!(appended, Appended::Done { .. }) {
                self.tell(address);
            }
            Ok(appended)
        })
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        self.sqlite.keep(bytes, at)
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.sqlite.blob(blob)
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        self.sqlite.history(entity, after, limit)
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        self.sqlite.inbox(entity, after, limit)
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.sqlite.answer(entity, key)
    }

    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        self.sqlite.due(boot, after, limit)
    }
}
