//! The one thread that writes: whatever waits becomes one commit, each write a success or a refusal
//! of its own, and everybody is answered after the disk has it.

use std::cell::Cell;
use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use domain::BoxError;
use domain::journal::Error;
use domain::mutants::{self, Mutant};
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::{mpsc, oneshot, watch};

use super::audit::Tail;
use super::copy::{self, Stroke, Stroked};
use super::{Options, Written};

/// What a write does inside a transaction. A refusal is a value; an error undoes the transaction.
pub(super) type Deed<I, T> = fn(&Desk<'_>, &I) -> rusqlite::Result<T>;

/// What a deed has before it.
pub(super) struct Desk<'a> {
    pub connection: &'a Connection,
    pub options: &'a Options,
    pub tail: &'a Tail,
}

pub(super) struct Writer {
    waiting: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
    failure: watch::Receiver<Option<String>>,
    written: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
}

impl Writer {
    #[expect(clippy::disallowed_methods, reason = "store: an adapter that owns its threads")]
    pub(super) fn start(connection: Connection, options: &Options) -> Result<Self, std::io::Error> {
        let (sender, waiting) = mpsc::channel(options.queue_max);
        let (failing, failure) = watch::channel(None);
        let options = options.clone();
        let written = Arc::<Counters>::default();
        let counters = Arc::clone(&written);
        let write = move || {
            let pen = Pen {
                connection: &connection,
                waiting,
                next: None,
                last: 0,
                wal_pages_max: CHECKPOINT_PAGES,
                options,
                tail: Tail::default(),
                failing,
                written: counters,
            };
            pen.write();
        };
        let thread = thread::Builder::new().name("write".to_owned()).spawn(write)?;
        Ok(Writer { waiting: Some(sender), thread: Some(thread), failure, written })
    }

    /// Resolves once it has failed for good, and says why; to nothing if it ended in order.
    pub(super) fn failed(&self) -> impl Future<Output = Option<String>> + Send + 'static {
        let mut failure = self.failure.clone();
        async move { failure.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) }
    }

    pub(super) fn written(&self) -> Written {
        let Counters { commits, writes } = &*self.written;
        Written { commits: commits.load(Relaxed), writes: writes.load(Relaxed) }
    }

    /// Has it written, and returns once that is on the disk. `bytes` is about what it adds.
    pub(super) async fn write<I, T>(
        &self,
        deed: Deed<I, T>,
        input: I,
        bytes: usize,
    ) -> Result<T, Error>
    where
        I: Send + 'static,
        T: Send + 'static,
    {
        let gone = || Error::Unavailable("its writer has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        let waiting = self.waiting.as_ref().ok_or_else(gone)?;
        let order = Order { deed, input, bytes, outcome: None, answer };
        let asked = Asked::Write(Box::new(order));
        waiting.send(asked).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Blocks until that is done.
    pub(super) fn stroke(&self, what: Stroke) -> Result<Stroked, copy::Failed> {
        let (answer, answered) = oneshot::channel();
        let waiting = self.waiting.as_ref().ok_or(copy::Failed::Closed)?;
        let asked = Asked::Stroke(copy::Asked { what, answer });
        waiting.blocking_send(asked).map_err(|_| copy::Failed::Closed)?;
        let stroked = answered.blocking_recv().map_err(|_| copy::Failed::Closed)?;
        stroked.map_err(copy::Failed::Sqlite)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.waiting = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What the writer does: commits what waits, and copies its file between two commits.
enum Asked {
    Write(Box<dyn Write>),
    Stroke(copy::Asked),
}

/// A write that waits, whatever it is.
trait Write: Send {
    fn bytes(&self) -> usize;

    fn perform(&mut self, desk: &Desk<'_>) -> rusqlite::Result<()>;

    /// Tells whoever waits: what it came to if that is on the disk, the error otherwise.
    fn settle(self: Box<Self>, committed: Result<(), Error>);
}

struct Order<I, T> {
    deed: Deed<I, T>,
    input: I,
    bytes: usize,
    /// What it came to, in the transaction that is open now.
    outcome: Option<T>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<I: Send, T: Send> Write for Order<I, T> {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn perform(&mut self, desk: &Desk<'_>) -> rusqlite::Result<()> {
        self.outcome = Some((self.deed)(desk, &self.input)?);
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), Error>) {
        let Order { outcome, answer, .. } = *self;
        let missing = || Error::Unavailable("it was not written".to_owned());
        // Whoever asked may have left; the row has not.
        let _ = answer.send(committed.and_then(|()| outcome.ok_or_else(missing)));
    }
}

struct Pen<'a> {
    connection: &'a Connection,
    waiting: mpsc::Receiver<Asked>,
    /// It was too big for the batch before, or is no write, and comes first now.
    next: Option<Asked>,
    /// Writes in the batch before.
    last: usize,
    /// How long the WAL may be before it is written back once more.
    wal_pages_max: c_int,
    options: Options,
    tail: Tail,
    failing: watch::Sender<Option<String>>,
    written: Arc<Counters>,
}

/// Where so many shared the last commit, more are on their way: they are waited for, a moment that a
/// quick disk would have used for a flush of its own. Timers of the kernel add some 50 us.
const CROWD: usize = 4;
const LINGER: Duration = Duration::from_micros(10);

/// Pages in the WAL before it is written back into the file.
const CHECKPOINT_PAGES: c_int = 4_000;

/// How long a mutant that has answered puts the commit off.
const MUTANT_LAG: Duration = Duration::from_millis(30);

const NO_CHECKPOINT_AT_THE_END: DbConfig = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;

thread_local! {
    /// Pages in the WAL after the last commit of this thread.
    static WAL_PAGES: Cell<c_int> = const { Cell::new(0) };
}

fn note_pages(_: &Wal, pages: c_int) -> rusqlite::Result<()> {
    WAL_PAGES.set(pages);
    Ok(())
}

impl Pen<'_> {
    fn write(mut self) {
        self.connection.wal_hook(Some(note_pages));
        let mut goes_on = true;
        while goes_on {
            goes_on = match self.serve(None) {
                Some(copy::Asked { what: Stroke::First(into), answer }) => self.copy(&into, answer),
                // Of a copy that never began.
                Some(copy::Asked { what: Stroke::Next(_) | Stroke::Last, .. }) => true,
                None => false,
            };
        }
    }

    /// Makes a copy beside its other work, and tells whether there is more of that. The copy
    /// borrows the connection, so it lives here.
    fn copy(&mut self, into: &Path, begun: oneshot::Sender<rusqlite::Result<Stroked>>) -> bool {
        let mut into = match copy::open(into) {
            Ok(into) => into,
            Err(error) => {
                // Whoever asked may have left, here and below.
                let _ = begun.send(Err(error));
                return true;
            }
        };
        let copy = match Backup::new(self.connection, &mut into) {
            Ok(copy) => copy,
            Err(error) => {
                let _ = begun.send(Err(error));
                return true;
            }
        };
        let _ = begun.send(Ok(Stroked::Of(0)));
        let last = self.serve(Some(&copy));
        drop(copy);
        drop(into);
        match last {
            Some(copy::Asked { answer, .. }) => {
                let _ = answer.send(Ok(Stroked::Whole));
                true
            }
            None => false,
        }
    }

    /// Writes what waits, until it is asked to begin or to end a copy; nothing if it is over.
    fn serve(&mut self, copy: Option<&Backup<'_, '_>>) -> Option<copy::Asked> {
        loop {
            match self.next.take().or_else(|| self.waiting.blocking_recv())? {
                Asked::Write(first) => {
                    let batch = self.gather(first);
                    if !self.commit(batch) || !self.checkpoint() {
                        return None;
                    }
                }
                Asked::Stroke(copy::Asked { what: Stroke::Next(pages), answer }) => {
                    if let Some(copy) = copy {
                        let _ = answer.send(copy::stroke(copy, pages));
                    }
                }
                Asked::Stroke(asked) => return Some(asked),
            }
        }
    }

    /// What waits and may share a commit with this one.
    fn gather(&mut self, first: Box<dyn Write>) -> Vec<Box<dyn Write>> {
        if self.last >= CROWD {
            thread::park_timeout(LINGER);
        }
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while batch.len() < self.options.batch_max
            && let Ok(next) = self.waiting.try_recv()
        {
            match next {
                Asked::Write(next)
                    if bytes.saturating_add(next.bytes()) <= self.options.batch_bytes_max =>
                {
                    bytes += next.bytes();
                    batch.push(next);
                }
                next @ (Asked::Write(_) | Asked::Stroke(_)) => {
                    self.next = Some(next);
                    break;
                }
            }
        }
        self.last = batch.len();
        batch
    }

    /// Tells whether the disk can be trusted with more.
    fn commit(&mut self, mut batch: Vec<Box<dyn Write>>) -> bool {
        if mutants::is(Mutant::AckBeforeCommit) {
            return self.answer_first(batch).is_ok();
        }
        match self.transact(&mut batch) {
            Ok(()) => {
                self.written.commits.fetch_add(1, Relaxed);
                self.written.writes.fetch_add(batch.len() as u64, Relaxed);
                batch.into_iter().for_each(|write| write.settle(Ok(())));
                true
            }
            Err(error) if is_distrusted(&error) => {
                let say = |write: Box<dyn Write>| write.settle(Err(told(&error)));
                batch.into_iter().for_each(say);
                self.fail(&error);
                false
            }
            Err(error) if batch.len() == 1 => {
                batch.into_iter().for_each(|write| write.settle(Err(told(&error))));
                true
            }
            // One of them is at fault, and the others shall not pay for it.
            Err(_) => batch.into_iter().all(|write| self.commit(vec![write])),
        }
    }

    /// Writes the WAL back if it is long. Tells whether the disk can be trusted with more.
    ///
    /// SQLite would do it by itself within a commit, but a sync that fails there is lost: it is
    /// tried again, and the second one succeeds without having written what the first one lost.
    ///
    /// While somebody reads what was written long ago, such as a backup, it cannot shrink, and each
    /// try looks at all of it: the next one comes when it has grown as much again.
    fn checkpoint(&mut self) -> bool {
        let pages = WAL_PAGES.get();
        if pages < CHECKPOINT_PAGES {
            self.wal_pages_max = CHECKPOINT_PAGES;
        }
        if pages < self.wal_pages_max {
            return true;
        }
        self.wal_pages_max = pages.saturating_add(CHECKPOINT_PAGES);
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match done {
            Ok(()) => true,
            Err(error) if is_distrusted(&error) => {
                self.fail(&error);
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the WAL could not be written back, and grows");
                true
            }
        }
    }

    fn fail(&self, error: &rusqlite::Error) {
        tracing::error!(%error, "the disk did not confirm a write: no more is written");
        // Closing would write the WAL back, and remove what the next process needs.
        if let Err(error) = self.connection.set_db_config(NO_CHECKPOINT_AT_THE_END, true) {
            tracing::error!(%error, "the WAL may be gone once the journal is closed");
        }
        self.failing.send_replace(Some(error.to_string()));
    }

    /// The fault of a mutant: those who were answered go on for a while before the commit.
    fn answer_first(&mut self, mut batch: Vec<Box<dyn Write>>) -> rusqlite::Result<()> {
        let Pen { connection, options, tail, .. } = self;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let desk = Desk { connection, options, tail };
        batch.iter_mut().try_for_each(|write| write.perform(&desk))?;
        tail.write(connection)?;
        batch.into_iter().for_each(|write| write.settle(Ok(())));
        thread::park_timeout(MUTANT_LAG);
        connection.execute_batch("COMMIT")
    }

    fn transact(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let done = self.try_transact(batch);
        if done.is_err() {
            self.tail.forget();
        }
        done
    }

    fn try_transact(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let Pen { connection, options, tail, .. } = self;
        // By hand, so that these are prepared once like everything else.
        let run = |sql| connection.prepare_cached(sql)?.execute([]);
        run("BEGIN IMMEDIATE")?;
        let desk = Desk { connection, options, tail };
        let done = batch.iter_mut().try_for_each(|write| write.perform(&desk));
        let done = done.and_then(|()| tail.write(connection));
        let done = done.and_then(|()| run("COMMIT").map(|_| ()));
        if done.is_err() && !connection.is_autocommit() {
            // Where that fails too, the next beginning says so.
            let _ = run("ROLLBACK");
        }
        done
    }
}

/// After a failed sync nobody knows what the disk holds, and a second try would not tell.
pub(super) fn is_distrusted(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

fn told(error: &rusqlite::Error) -> Error {
    let full = "the disk is full: make room, and it goes on by itself";
    let code = error.sqlite_error();
    match code.map(|error| error.code) {
        Some(ErrorCode::DiskFull) => Error::Unavailable(full.to_owned()),
        // The index of the WAL could not grow.
        Some(ErrorCode::SystemIoFailure)
            if code.is_some_and(|code| code.extended_code == ffi::SQLITE_IOERR_SHMSIZE) =>
        {
            Error::Unavailable(full.to_owned())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Unavailable("another program holds its file".to_owned())
        }
        Some(_) | None => Error::Store(BoxError::from(error.to_string())),
    }
}
