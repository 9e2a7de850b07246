//! The one thread that writes: whatever waits becomes one commit, each write a success or a refusal
//! of its own, and everybody is answered after the disk has it.

use std::thread::{self, JoinHandle};

use domain::BoxError;
use domain::journal::Error;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};
use tokio::sync::{mpsc, oneshot};

use super::Options;

/// What a write does inside a transaction. A refusal is a value; an error undoes the transaction.
pub(super) type Deed<I, T> = fn(&Connection, &Options, &I) -> rusqlite::Result<T>;

pub(super) struct Writer {
    waiting: Option<mpsc::Sender<Box<dyn Write>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    #[expect(clippy::disallowed_methods, reason = "store: an adapter that owns its threads")]
    pub(super) fn start(connection: Connection, options: &Options) -> Result<Self, std::io::Error> {
        let (sender, waiting) = mpsc::channel(options.queue_max);
        let pen = Pen { connection, waiting, options: options.clone() };
        let thread = thread::Builder::new().name("write".to_owned()).spawn(|| pen.write())?;
        Ok(Writer { waiting: Some(sender), thread: Some(thread) })
    }

    /// Has it written, and returns once that is on the disk.
    pub(super) async fn write<I, T>(&self, deed: Deed<I, T>, input: I) -> Result<T, Error>
    where
        I: Send + 'static,
        T: Send + 'static,
    {
        let gone = || Error::Unavailable("its writer has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        let waiting = self.waiting.as_ref().ok_or_else(gone)?;
        let order = Order { deed, input, outcome: None, answer };
        waiting.send(Box::new(order)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
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

/// A write that waits, whatever it is.
trait Write: Send {
    fn perform(&mut self, connection: &Connection, options: &Options) -> rusqlite::Result<()>;

    /// Tells whoever waits: what it came to if that is on the disk, the error otherwise.
    fn settle(self: Box<Self>, committed: Result<(), Error>);
}

struct Order<I, T> {
    deed: Deed<I, T>,
    input: I,
    /// What it came to, in the transaction that is open now.
    outcome: Option<T>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<I: Send, T: Send> Write for Order<I, T> {
    fn perform(&mut self, connection: &Connection, options: &Options) -> rusqlite::Result<()> {
        self.outcome = Some((self.deed)(connection, options, &self.input)?);
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), Error>) {
        let Order { outcome, answer, .. } = *self;
        let missing = || Error::Unavailable("it was not written".to_owned());
        // Whoever asked may have left; the row has not.
        let _ = answer.send(committed.and_then(|()| outcome.ok_or_else(missing)));
    }
}

struct Pen {
    connection: Connection,
    waiting: mpsc::Receiver<Box<dyn Write>>,
    options: Options,
}

impl Pen {
    fn write(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < self.options.batch_max
                && let Ok(next) = self.waiting.try_recv()
            {
                batch.push(next);
            }
            if !self.commit(batch) {
                return;
            }
        }
    }

    /// Tells whether the disk can be trusted with more.
    fn commit(&mut self, mut batch: Vec<Box<dyn Write>>) -> bool {
        match self.transact(&mut batch) {
            Ok(()) => {
                batch.into_iter().for_each(|write| write.settle(Ok(())));
                true
            }
            Err(error) if is_distrusted(&error) => {
                tracing::error!(%error, "the disk did not confirm a write: no more is written");
                let say = |write: Box<dyn Write>| write.settle(Err(told(&error)));
                batch.into_iter().for_each(say);
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

    fn transact(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in batch.iter_mut() {
            write.perform(&transaction, &self.options)?;
        }
        transaction.commit()
    }
}

/// After a failed sync nobody knows what the disk holds, and a second try would not tell.
fn is_distrusted(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

fn told(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Unavailable("the disk is full".to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Unavailable("another program holds its file".to_owned())
        }
        Some(_) | None => Error::Store(BoxError::from(error.to_string())),
    }
}
