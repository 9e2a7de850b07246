//! SQLite as the journal: one file, one thread that writes, a few that read.

mod append;
mod read;
mod rows;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::BoxFuture;
use domain::id::Address;
use domain::journal::{
    Append, Appended, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded, Seq,
    Unclaimed, Waiting,
};
use rusqlite::{Connection, OpenFlags};

use self::read::Readers;
use self::writer::Writer;

/// The file, inside the data folder.
const FILE: &str = "lares.db";

/// How the journal is kept. Every bound of it has a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Writes that may wait for the writer; the next one waits with its caller.
    pub queue_max: usize,
    /// Writes that share one commit.
    pub batch_max: usize,
    /// Posts that may wait for one entity.
    pub inbox_max: u32,
    /// Threads that read.
    pub readers: usize,
    /// Memory for pages, for each connection.
    pub cache_kib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { queue_max: 1_024, batch_max: 256, inbox_max: 1_024, readers: 2, cache_kib: 4_096 }
    }
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the journal is of version {version}, and this program knows {known}: start a newer lares"
    )]
    TooNew { version: u32, known: u32 },
    #[error("cannot use {} as the journal", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the journal refused")]
    Sqlite(#[from] rusqlite::Error),
    #[error("cannot start the threads of the journal")]
    Threads(#[source] std::io::Error),
}

/// A journal in one SQLite file.
///
/// All writes pass one thread, which commits whatever waits as one transaction: an answer is given
/// after the commit that holds it has reached the disk. Dropping the value ends the threads once
/// what waits is written.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    /// Opens the journal of this folder, which the caller has locked; makes it if it is missing.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        let named = |source| OpenError::File { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(named)?;
        prepare(&connection, options).map_err(named)?;
        schema::migrate(&mut connection)?;
        let mut reading = Vec::with_capacity(options.readers);
        for _ in 0..options.readers.max(1) {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let reader = Connection::open_with_flags(&path, flags).map_err(named)?;
            reader.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
            reader.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            reading.push(reader);
        }
        let writer = Writer::start(connection, options).map_err(OpenError::Threads)?;
        let readers = Readers::start(reading, options.queue_max).map_err(OpenError::Threads)?;
        Ok(Sqlite { writer, readers })
    }
}

/// More than there are.
const STATEMENTS_MAX: usize = 64;
/// Nobody else writes; only a backup or a person's shell may hold it for a moment.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Pages in the WAL before it is written back into the file.
const CHECKPOINT_PAGES: u32 = 4_000;

fn prepare(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Acknowledged means on disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

impl Journal for Sqlite {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        Box::pin(self.writer.write(append::post, post))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        Box::pin(self.writer.write(append::claim, claim))
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, Error>> {
        Box::pin(self.writer.write(append::append, append))
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

    fn due(&self, after: Option<Address>, limit: u32) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        Box::pin(self.readers.ask(move |connection| read::due(connection, after, limit)))
    }
}

#[cfg(test)]
mod tests;
