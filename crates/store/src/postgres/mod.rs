//! Postgres as the journal: any server from 14 on, shared by the nodes of a house.
//!
//! Every write is a transaction of its own; what must be in order is put in order by the locks of
//! rows. All of it happens on a thread of its own, so that a connection is looked after whoever
//! asked for it.

mod audit;
mod connect;
mod lease;
mod list;
mod mend;
mod read;
mod schema;
mod tidy;
mod values;
mod write;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::{BYTES_MAX, Blob};
use domain::id::Address;
use domain::journal::{
    Append, Appended, Boot, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded,
    Seq, Unclaimed, Waiting,
};
use domain::lease::{Leases, NodeId};
use domain::records::{
    Broken, Chain, DeadLetter, Entry, Letter, Line, Position, Query, Records, Replayed, Retention,
    Summary, Tidied, Unmended,
};
use domain::time::Timestamp;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::connect::{OpenError, Place};
pub(crate) use self::connect::{connect, prepared};
use crate::rows::{millis, name};

/// How the journal is kept. Every bound of it has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections to the server.
    pub connections_max: u32,
    /// How long somebody waits for one of them.
    pub acquire_max: Duration,
    /// Posts that may wait for one entity.
    pub inbox_max: u32,
    /// How often a transaction is tried that others have got in the way of.
    pub tries_max: u32,
    /// Whether a server is taken that may forget what it has acknowledged.
    pub accepts_loss: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connections_max: 8,
            acquire_max: Duration::from_secs(5),
            inbox_max: 1_024,
            tries_max: 5,
            accepts_loss: false,
        }
    }
}

/// A journal in the tables of one schema of a server. Dropping the value closes its connections.
pub struct Postgres {
    desk: Arc<Desk>,
    runtime: Handle,
    /// Dropping it ends the thread.
    closing: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Desk {
    pool: PgPool,
    options: Options,
}

/// What a question comes to.
type Asked<T> = Result<T, Error>;
/// Something that is done with a connection.
type Doing<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

impl Postgres {
    /// Opens the journal in this place, and makes its tables where there are none. Blocks.
    pub fn open(place: &Place, options: &Options) -> Result<Self, OpenError> {
        let (opened, told) = std::sync::mpsc::sync_channel(1);
        let (closing, closed) = oneshot::channel::<()>();
        let (place, kept) = (place.clone(), options.clone());
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = opened.send(Err(OpenError::Threads(error)));
                    return;
                }
            };
            let pool = match runtime.block_on(connect::open(&place, &kept)) {
                Ok(pool) => pool,
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            if opened.send(Ok((pool.clone(), runtime.handle().clone()))).is_err() {
                return;
            }
            runtime.block_on(async {
                let _ = closed.await;
                pool.close().await;
            });
        };
        #[expect(clippy::disallowed_methods, reason = "store: an adapter that owns its threads")]
        let thread = std::thread::Builder::new().name("postgres".to_owned()).spawn(work);
        let thread = thread.map_err(OpenError::Threads)?;
        let gone = || OpenError::Threads(std::io::Error::other("the thread has ended"));
        let (pool, runtime) = told.recv().map_err(|_| gone())??;
        let desk = Arc::new(Desk { pool, options: options.clone() });
        Ok(Postgres { desk, runtime, closing: Some(closing), thread: Some(thread) })
    }

    /// A transaction: all of it, or nothing. What others have got in the way of is tried again.
    async fn write<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c mut PgConnection, &'c Options) -> Doing<'c, T, sqlx::Error>
        + Send
        + Sync
        + 'static,
    ) -> Asked<T> {
        let desk = Arc::clone(&self.desk);
        self.on_thread(async move { desk.transact(work).await }).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut PgConnection) -> Doing<'c, T, Error> + Send + 'static,
    ) -> Asked<T> {
        let desk = Arc::clone(&self.desk);
        self.on_thread(async move {
            let mut connection = desk.pool.acquire().await.map_err(trouble)?;
            work(&mut connection).await
        })
        .await
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl Future<Output = Asked<T>> + Send + 'static,
    ) -> Asked<T> {
        let (answer, answered) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "store: an adapter that owns its threads")]
        self.runtime.spawn(async move {
            // Whoever asked may have left; the row has not.
            let _ = answer.send(work.await);
        });
        let gone = |_| Err(Error::Unavailable("its connections are closed".to_owned()));
        answered.await.unwrap_or_else(gone)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.closing = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Desk {
    async fn transact<T>(
        &self,
        work: impl for<'c> Fn(&'c mut PgConnection, &'c Options) -> Doing<'c, T, sqlx::Error>,
    ) -> Asked<T> {
        let mut tries = 1;
        loop {
            match self.try_once(&work).await {
                Err(error) if tries < self.options.tries_max && is_in_the_way(&error) => tries += 1,
                done => return done.map_err(trouble),
            }
        }
    }

    async fn try_once<T>(
        &self,
        work: &impl for<'c> Fn(&'c mut PgConnection, &'c Options) -> Doing<'c, T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut change = connection.begin().await?;
        let done = work(&mut change, &self.options).await?;
        change.commit().await?;
        Ok(done)
    }
}

/// Whether somebody else was in the way of a transaction, which was undone.
fn is_in_the_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["40001", "40P01"].contains(&&*code))
}

/// Whether the same again may succeed: the server cannot be reached, is going, or has no room.
fn trouble(error: sqlx::Error) -> Error {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut};
    // Connections, rollbacks, resources, and whoever runs the server.
    let may_pass =
        |code: &str| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class));
    let code = error.as_database_error().and_then(DatabaseError::code);
    let is_away = matches!(error, Io(_) | PoolTimedOut | PoolClosed);
    match is_away || code.is_some_and(|code| may_pass(&code)) {
        true => Error::Unavailable(error.to_string()),
        false => Error::Store(error.into()),
    }
}

impl Journal for Postgres {
    fn post(&self, post: Post) -> BoxFuture<'_, Asked<Posted>> {
        let post = Arc::new(post);
        Box::pin(self.write(move |connection, options| {
            let post = Arc::clone(&post);
            Box::pin(async move { write::post(connection, options, &post).await })
        }))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Asked<Result<Claimed, Unclaimed>>> {
        Box::pin(self.write(move |connection, _| {
            Box::pin(async move { write::claim(connection, &claim).await })
        }))
    }

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Asked<Appended>> {
        Box::pin(async move {
            let appended = self.write(move |connection, _| {
                let append = Arc::clone(&append);
                Box::pin(async move { write::append(connection, &append).await })
            });
            appended.await?.map_err(Error::Unkept)
        })
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Asked<Vec<Recorded>>> {
        Box::pin(
            self.read(move |connection| Box::pin(read::history(connection, entity, after, limit))),
        )
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Asked<Vec<Waiting>>> {
        Box::pin(
            self.read(move |connection| Box::pin(read::inbox(connection, entity, after, limit))),
        )
    }

    fn answer(&self, entity: Address, key: Arc<str>) -> BoxFuture<'_, Asked<Option<Vec<u8>>>> {
        Box::pin(self.read(move |connection| Box::pin(read::answer(connection, entity, key))))
    }

    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Asked<Vec<Due>>> {
        Box::pin(self.read(move |connection| Box::pin(read::due(connection, boot, after, limit))))
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Asked<Blob>> {
        Box::pin(async move {
            if BYTES_MAX < bytes.len() {
                return Err(Error::TooBig(bytes.len()));
            }
            let bytes = Arc::new(bytes);
            let kept = self.write(move |connection, _| {
                let bytes = Arc::clone(&bytes);
                Box::pin(async move {
                    let blob = name(&bytes);
                    write::keep(connection, (blob, &bytes, at)).await.map(|()| blob)
                })
            });
            kept.await
        })
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Asked<Option<Vec<u8>>>> {
        Box::pin(self.read(move |connection| Box::pin(read::blob(connection, blob))))
    }
}

impl Leases for Postgres {
    fn begin(&self, node: NodeId, boot: Boot, lasts: Duration) -> BoxFuture<'_, Asked<()>> {
        let what = (node, boot, millis(lasts));
        Box::pin(self.write(move |connection, _| Box::pin(lease::begin(connection, what))))
    }

    fn renew(&self, node: NodeId, boot: Boot, lasts: Duration) -> BoxFuture<'_, Asked<bool>> {
        let what = (node, boot, millis(lasts));
        Box::pin(self.write(move |connection, _| Box::pin(lease::renew(connection, what))))
    }

    fn end(&self, node: NodeId, boot: Boot) -> BoxFuture<'_, Asked<()>> {
        Box::pin(self.write(move |connection, _| Box::pin(lease::end(connection, (node, boot)))))
    }
}

impl Records for Postgres {
    fn entities(&self, query: Query, limit: u32) -> BoxFuture<'_, Asked<Vec<Entry>>> {
        Box::pin(self.read(move |connection| Box::pin(list::entities(connection, query, limit))))
    }

    fn entity(&self, entity: Address) -> BoxFuture<'_, Asked<Option<Entry>>> {
        Box::pin(self.read(move |connection| Box::pin(list::entity(connection, entity))))
    }

    fn names(&self, entity: Address, blob: Blob) -> BoxFuture<'_, Asked<bool>> {
        Box::pin(self.read(move |connection| Box::pin(list::names(connection, entity, blob))))
    }

    fn dead_letters(
        &self,
        before: Option<Letter>,
        limit: u32,
    ) -> BoxFuture<'_, Asked<Vec<Summary>>> {
        Box::pin(
            self.read(move |connection| Box::pin(list::dead_letters(connection, before, limit))),
        )
    }

    fn dead_letter(&self, letter: Letter) -> BoxFuture<'_, Asked<Option<DeadLetter>>> {
        Box::pin(self.read(move |connection| {
            Box::pin(async move { list::dead_letter(connection, letter).await.map_err(trouble) })
        }))
    }

    fn replay(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Asked<Replayed>> {
        Box::pin(self.write(move |connection, options| {
            Box::pin(mend::replay(connection, options, (letter, at)))
        }))
    }

    fn discard_letter(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Asked<bool>> {
        Box::pin(
            self.write(move |connection, _| {
                Box::pin(mend::discard_letter(connection, (letter, at)))
            }),
        )
    }

    fn release(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Asked<Result<(), Unmended>>> {
        Box::pin(self.write(move |connection, _| Box::pin(mend::release(connection, (entity, at)))))
    }

    fn discard(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Asked<Result<(), Unmended>>> {
        Box::pin(self.write(move |connection, _| Box::pin(mend::discard(connection, (entity, at)))))
    }

    fn audit(&self, after: Position, limit: u32) -> BoxFuture<'_, Asked<Vec<Line>>> {
        Box::pin(self.read(move |connection| Box::pin(audit::lines(connection, after, limit))))
    }

    fn verify_audit(&self) -> BoxFuture<'_, Asked<Result<Chain, Broken>>> {
        Box::pin(self.read(move |connection| Box::pin(audit::verify(connection))))
    }

    fn tidy(&self, now: Timestamp, retention: Retention) -> BoxFuture<'_, Asked<Tidied>> {
        Box::pin(
            self.write(move |connection, _| {
                Box::pin(tidy::tidy(connection, (now, retention.clone())))
            }),
        )
    }
}
