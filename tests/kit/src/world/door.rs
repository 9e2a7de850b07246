//! A door that nobody knocks on: it keeps a book of how it was served and closed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use domain::BoxFuture;
use domain::door::{Door, Error};
use tokio::sync::Notify;

use super::boot::{Boot, lock};

/// What a door has been through, over all boots of its node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Calls that serve it right now; more than one would be two incarnations at one door.
    pub now: u32,
    pub most_at_once: u32,
    pub opened: u32,
    /// Ended because they were asked to.
    pub closed: u32,
    /// Ended in an error.
    pub failed: u32,
    /// Dropped: by a kill, or with the node.
    pub dropped: u32,
}

/// What the world keeps of a door while nodes come and go.
#[derive(Debug, Default)]
pub(super) struct Book {
    served: Mutex<Served>,
    /// Errors still to come.
    failures: Mutex<u32>,
    news: Notify,
}

impl Book {
    pub(super) fn served(&self) -> Served {
        *lock(&self.served)
    }

    pub(super) fn fail(&self, times: u32) {
        *lock(&self.failures) += times;
        self.news.notify_waiters();
    }

    pub(super) fn mend(&self) {
        *lock(&self.failures) = 0;
    }

    fn take_failure(&self) -> bool {
        let mut failures = lock(&self.failures);
        let fails = 0 < *failures;
        *failures -= u32::from(fails);
        fails
    }

    /// Resolves when it is time to fail.
    async fn failure(&self) {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if self.take_failure() {
                return;
            }
            news.await;
        }
    }
}

/// A door of one node of the world.
pub struct FakeDoor {
    pub(super) boot: Arc<Boot>,
    pub(super) name: String,
    pub(super) book: Arc<Book>,
}

impl Door for FakeDoor {
    fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 7878))
    }

    fn serve(&self, closing: BoxFuture<'static, ()>) -> BoxFuture<'static, Result<(), Error>> {
        let (boot, book) = (Arc::clone(&self.boot), Arc::clone(&self.book));
        let (path, address) = (format!("door/{}", self.name), self.address());
        Box::pin(async move {
            let mut call = Call::open(boot, book, path);
            let book = Arc::clone(&call.book);
            tokio::select! {
                biased;
                () = book.failure() => {
                    call.end(Ended::Failed);
                    Err(Error::Accept { address, source: "as the test says".into() })
                }
                () = closing => {
                    call.end(Ended::Closed);
                    Ok(())
                }
            }
        })
    }
}

enum Ended {
    Closed,
    Failed,
    Dropped,
}

/// One call that serves the door, for as long as it does.
struct Call {
    boot: Arc<Boot>,
    book: Arc<Book>,
    path: String,
    ended: bool,
}

impl Call {
    fn open(boot: Arc<Boot>, book: Arc<Book>, path: String) -> Self {
        let mut served = lock(&book.served);
        served.opened += 1;
        served.now += 1;
        served.most_at_once = served.most_at_once.max(served.now);
        drop(served);
        boot.write(&path, "opened");
        Call { boot, book, path, ended: false }
    }

    fn end(&mut self, ended: Ended) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let mut served = lock(&self.book.served);
        served.now -= 1;
        let (count, what) = match ended {
            Ended::Closed => (&mut served.closed, "closed"),
            Ended::Failed => (&mut served.failed, "failed"),
            Ended::Dropped => (&mut served.dropped, "dropped"),
        };
        *count += 1;
        drop(served);
        self.boot.write(&self.path, what);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
    }
}
