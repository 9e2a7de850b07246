//! The journal as a node of the world reaches it: every call takes a moment and may be the last.

use std::future::pending;
use std::sync::Arc;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::{Address, Id};
use domain::journal::{
    Append, Appended, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded, Seq,
    Unclaimed, Waiting,
};
use domain::time::{Clock, Timestamp};
use futures::FutureExt;

use super::boot::{Boot, SimulatedClock};
use crate::journal::FakeJournal;

pub(super) struct SimulatedJournal {
    pub(super) boot: Arc<Boot>,
}

fn unavailable<T>() -> Result<T, Error> {
    Err(Error::Unavailable("its machine is down".to_owned()))
}

impl SimulatedJournal {
    /// A write: on its way for a while, then in, then known to be. The node may crash before,
    /// between and after; whoever gives it up does not take it back.
    fn write<T: Send + 'static>(
        &self,
        (path, what): (String, &'static str),
        write: impl FnOnce(&FakeJournal) -> BoxFuture<'_, Result<T, Error>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let boot = Arc::clone(&self.boot);
        Box::pin(async move {
            reach(&boot, &path, &format!("{what} begins")).await;
            let commits = &boot.common.commits;
            if commits.is_down(boot.common.now_ns()) {
                return unavailable();
            }
            let at_once = |journal: &FakeJournal| {
                write(journal).now_or_never().expect("a journal in memory waits for nothing")
            };
            let committed = commits.begin(&boot, &path, what, at_once);
            let Ok(written) = committed.await else { return unavailable() };
            reach(&boot, &path, &format!("{what} is in")).await;
            written
        })
    }

    fn read<T: Send + 'static>(
        &self,
        line: Option<(String, &'static str)>,
        read: impl FnOnce(&FakeJournal) -> BoxFuture<'_, Result<T, Error>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let boot = Arc::clone(&self.boot);
        Box::pin(async move {
            match line {
                Some((path, what)) => reach(&boot, &path, what).await,
                None if boot.touch() => {}
                None => return pending().await,
            }
            match boot.common.commits.is_down(boot.common.now_ns()) {
                true => unavailable(),
                false => read(&boot.common.journal).await,
            }
        })
    }
}

async fn reach(boot: &Boot, path: &str, what: &str) {
    if !boot.write(path, what) {
        pending::<()>().await;
    }
}

fn of(entity: Address) -> String {
    format!("journal/{entity}")
}

impl Journal for SimulatedJournal {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        self.write((of(post.to), "a post"), move |shelf| shelf.post(post))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        let boot = Arc::clone(&self.boot);
        let claiming = self.write((of(claim.entity), "a claim"), move |shelf| shelf.claim(claim));
        Box::pin(async move {
            let claimed = claiming.await?;
            let path = of(claim.entity);
            let now = SimulatedClock(Arc::clone(&boot)).now();
            let wake_at = claimed.as_ref().ok().and_then(|claimed| claimed.wake_at);
            match &claimed {
                Ok(_) if wake_at.is_some_and(|at| at <= now) => {
                    reach(&boot, &path, "is woken").await;
                }
                Err(Unclaimed::Held(_)) => reach(&boot, &path, "is held by another").await,
                Ok(_) | Err(_) => {}
            }
            Ok(claimed)
        })
    }

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>> {
        let boot = Arc::clone(&self.boot);
        let path = of(append.entity);
        let appending = self.write((path.clone(), "an append"), move |shelf| shelf.append(append));
        Box::pin(async move {
            let appended = appending.await?;
            if appended == Appended::Superseded {
                reach(&boot, &path, "is superseded").await;
            }
            Ok(appended)
        })
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        self.write(("journal".to_owned(), "a blob"), move |shelf| shelf.keep(bytes, at))
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.read(None, move |shelf| shelf.blob(blob))
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        let line = (of(entity), "its history is read");
        self.read(Some(line), move |shelf| shelf.history(entity, after, limit))
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        let line = (of(entity), "its inbox is read");
        self.read(Some(line), move |shelf| shelf.inbox(entity, after, limit))
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.read(None, move |shelf| shelf.answer(entity, key))
    }

    fn due(
        &self,
        boot: Id,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        self.read(None, move |shelf| shelf.due(boot, after, limit))
    }
}
