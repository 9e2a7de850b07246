//! SQLite as the journal: one file, one thread that writes, a few that read.

mod append;
pub(crate) mod audit;
pub(crate) mod blobs;
pub(crate) mod copy;
mod lease;
mod list;
mod mend;
mod open;
mod read;
pub(crate) mod rows;
pub(crate) mod schema;
mod tidy;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::Blob;
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

use self::copy::Copying;
pub use self::open::OpenError;
use self::read::Readers;
use self::writer::Writer;
use crate::rows::millis;

/// The file, inside the data folder.
pub(crate) const FILE: &str = "lares.db";

/// How the journal is kept. Every bound of it has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Writes that may wait for the writer; the next one waits with its caller.
    pub queue_max: usize,
    /// Writes that share one commit.
    pub batch_max: usize,
    /// Bytes of the writes that share one commit; a bigger one is alone.
    pub batch_bytes_max: usize,
    /// Posts that may wait for one entity.
    pub inbox_max: u32,
    /// Threads that read.
    pub readers: usize,
    /// Memory for pages, for each connection.
    pub cache_kib: u32,
    /// For how long another program may hold the file before a write is refused.
    pub busy_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            queue_max: 1_024,
            batch_max: 256,
            batch_bytes_max: 1024 * 1024,
            inbox_max: 1_024,
            readers: 2,
            cache_kib: 4_096,
            busy_max: Duration::from_secs(5),
        }
    }
}

/// A journal in one SQLite file.
///
/// All writes pass one thread, which commits whatever waits as one transaction: an answer is given
/// after the commit that holds it has reached the disk. Dropping the value ends the threads once
/// what waits is written.
pub struct Sqlite {
    file: PathBuf,
    /// Held by the one copy that is made at a time.
    copied: Mutex<()>,
    // They end first, so that the writer is the last to close the file, and leaves no WAL.
    readers: Readers,
    writer: Writer,
}

/// How much was written, and in how many commits: each of them waits for the disk once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub commits: u64,
    pub writes: u64,
}

impl Sqlite {
    /// Opens the journal of this folder, which the caller has locked; makes it if it is missing.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let file = folder.join(FILE);
        let open::Connections { writing, reading } = open::open(&file, options)?;
        let writer = Writer::start(writing, options).map_err(OpenError::Threads)?;
        let readers = Readers::start(reading, options.queue_max).map_err(OpenError::Threads)?;
        Ok(Sqlite { file, copied: Mutex::default(), readers, writer })
    }

    /// What it has written since it was opened.
    pub fn written(&self) -> Written {
        self.writer.written()
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Held while a copy is made; nothing if somebody holds it.
    pub(crate) fn copied(&self) -> Option<MutexGuard<'_, ()>> {
        match self.copied.try_lock() {
            Ok(copied) => Some(copied),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Has the writer copy the file into this one, which is empty.
    pub(crate) fn copying(&self, into: &Path) -> Result<Copying<'_>, copy::Failed> {
        Copying::begin(&self.writer, into)
    }

    /// Resolves once a sync has failed, and says how; to nothing if the journal was closed in order.
    ///
    /// Nobody knows then what the disk holds, and asking again would not tell, so nothing more is
    /// written: whoever owns the journal ends the process. The next one finds what is on the disk.
    pub fn failed(&self) -> BoxFuture<'static, Option<String>> {
        Box::pin(self.writer.failed())
    }
}

impl Journal for Sqlite {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        let bytes = post.body.bytes.len();
        Box::pin(self.writer.write(append::post, post, bytes))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        Box::pin(self.writer.write(append::claim, claim, 0))
    }

    fn append(&self, append: Arc<Append>) -> BoxFuture<'_, Result<Appended, Error>> {
        let posts: usize = append.posts.iter().map(|post| post.body.bytes.len()).sum();
        let audit: usize = append.audit.iter().map(Vec::len).sum();
        let bytes = crate::rows::bytes(&append) + posts + audit;
        Box::pin(async move {
            let appended = self.writer.write(append::append, append, bytes).await?;
            appended.map_err(Error::Unkept)
        })
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        Box::pin(
            self.readers.ask(move |connection| read::history(connection, entity, after, limit)),
        )
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        Box::pin(self.readers.ask(move |connection| read::inbox(connection, entity, after, limit)))
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        Box::pin(self.readers.ask(move |connection| read::answer(connection, entity, &key)))
    }

    fn due(
        &self,
        boot: Boot,
        after: Option<Address>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        Box::pin(self.readers.ask(move |connection| read::due(connection, boot, after, limit)))
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        Box::pin(blobs::keep(&self.readers, &self.writer, bytes, at))
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        Box::pin(self.readers.ask(move |connection| blobs::read(connection, blob)))
    }
}

impl Leases for Sqlite {
    fn begin(&self, node: NodeId, boot: Boot, lasts: Duration) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.writer.write(lease::begin, (node, boot, millis(lasts)), 0))
    }

    fn renew(
        &self,
        node: NodeId,
        boot: Boot,
        lasts: Duration,
    ) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(self.writer.write(lease::renew, (node, boot, millis(lasts)), 0))
    }

    fn end(&self, node: NodeId, boot: Boot) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.writer.write(lease::end, (node, boot), 0))
    }
}

impl Records for Sqlite {
    fn entities(&self, query: Query, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, Error>> {
        Box::pin(self.readers.ask(move |connection| list::entities(connection, query, limit)))
    }

    fn entity(&self, entity: Address) -> BoxFuture<'_, Result<Option<Entry>, Error>> {
        Box::pin(self.readers.ask(move |connection| list::entity(connection, entity)))
    }

    fn names(&self, entity: Address, blob: Blob) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(self.readers.ask(move |connection| list::names(connection, entity, blob)))
    }

    fn dead_letters(
        &self,
        before: Option<Letter>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Summary>, Error>> {
        Box::pin(self.readers.ask(move |connection| list::dead_letters(connection, before, limit)))
    }

    fn dead_letter(&self, letter: Letter) -> BoxFuture<'_, Result<Option<DeadLetter>, Error>> {
        Box::pin(
            self.readers
                .ask(move |connection| list::dead_letter(connection, letter).map_err(read::failed)),
        )
    }

    fn replay(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<Replayed, Error>> {
        Box::pin(self.writer.write(mend::replay, (letter, at), 0))
    }

    fn discard_letter(&self, letter: Letter, at: Timestamp) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(self.writer.write(mend::discard_letter, (letter, at), 0))
    }

    fn release(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        Box::pin(self.writer.write(mend::release, (entity, at), 0))
    }

    fn discard(
        &self,
        entity: Address,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Result<(), Unmended>, Error>> {
        Box::pin(self.writer.write(mend::discard, (entity, at), 0))
    }

    fn audit(&self, after: Position, limit: u32) -> BoxFuture<'_, Result<Vec<Line>, Error>> {
        Box::pin(self.readers.ask(move |connection| audit::lines(connection, after, limit)))
    }

    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<Chain, Broken>, Error>> {
        Box::pin(self.readers.ask(audit::verify))
    }

    fn tidy(&self, now: Timestamp, retention: Retention) -> BoxFuture<'_, Result<Tidied, Error>> {
        Box::pin(async move {
            let look = move |connection: &_| tidy::plan(connection, now, retention);
            let plan = self.readers.ask(look).await?;
            self.writer.write(tidy::tidy, plan, 0).await
        })
    }
}

#[cfg(test)]
mod tests;
