//! Opening the file: what is asked of SQLite, and what people are told when it cannot be had.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Options, schema, writer};

/// More than there are.
const STATEMENTS_MAX: usize = 128;
/// What the WAL keeps of the disk after something held it up, such as a backup.
const WAL_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the journal is of version {version}, and this program knows {known}: start a newer lares"
    )]
    TooNew { version: u32, known: u32 },
    #[error("{} cannot be written: make its folder and itself writable for this user", path.display())]
    ReadOnly { path: PathBuf },
    #[error("there is no folder for {}: make it first", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is no journal, or is damaged: move it away, and restore a backup", path.display())]
    NotAJournal { path: PathBuf },
    #[error("another program holds {}: close it, and start again", path.display())]
    Locked { path: PathBuf },
    #[error("the disk of {} is full: make room, and start again", path.display())]
    Full { path: PathBuf },
    #[error("cannot use {} as the journal", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot start the threads of the journal")]
    Threads(#[source] std::io::Error),
}

impl OpenError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let has_folder = path.parent().is_some_and(Path::is_dir);
        match source.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly { path },
            Some(ErrorCode::CannotOpen) if !has_folder => OpenError::NoFolder { path },
            // A file that is there, or could be made, opens.
            Some(ErrorCode::CannotOpen) => OpenError::ReadOnly { path },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                OpenError::NotAJournal { path }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { path },
            Some(ErrorCode::DiskFull) => OpenError::Full { path },
            Some(_) | None => OpenError::File { path, source },
        }
    }
}

pub(super) struct Connections {
    pub writing: Connection,
    pub reading: Vec<Connection>,
}

pub(super) fn open(path: &Path, options: &Options) -> Result<Connections, OpenError> {
    let named = |source| OpenError::of(path, source);
    refuse_what_was_emptied(path)?;
    // Nobody else may read it; what SQLite makes beside it is made alike.
    let mut made = OpenOptions::new();
    // Where that fails, SQLite says why.
    let _ = made.write(true).create_new(true).mode(0o600).open(path);
    // Each connection has a thread of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut writing = Connection::open_with_flags(path, flags).map_err(named)?;
    writing.busy_timeout(options.busy_max).map_err(named)?;
    // SQLite opens what it cannot write all the same, and says so at the first write.
    if writing.is_readonly("main").map_err(named)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    // Before anything is changed in it.
    schema::check(&writing, path)?;
    prepare(&writing, options).map_err(named)?;
    schema::migrate(&mut writing).map_err(named)?;
    // Nobody else has the folder, so whoever had a lease in this file, or in the one that it is a
    // copy of, is over.
    writing.execute("DELETE FROM nodes", []).map_err(named)?;
    begin_anew(&writing).map_err(named)?;
    let mut reading = Vec::with_capacity(options.readers.max(1));
    for _ in 0..options.readers.max(1) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags).map_err(named)?;
        reader.busy_timeout(options.busy_max).map_err(named)?;
        caches(&reader, options).map_err(named)?;
        reading.push(reader);
    }
    Ok(Connections { writing, reading })
}

/// SQLite would begin a new one, and nobody would know that there had been another.
fn refuse_what_was_emptied(path: &Path) -> Result<(), OpenError> {
    let length = |path: &Path| path.metadata().map_or(0, |found| found.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    match length(path) == 0 && length(Path::new(&wal)) > 0 {
        true => Err(OpenError::NotAJournal { path: path.to_owned() }),
        false => Ok(()),
    }
}

fn prepare(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Acknowledged means on disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    // The writer does it, and looks at what comes of it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    caches(connection, options)
}

fn caches(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan does not depend on values, so no statement is made anew because of one.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Writes back what the WAL still holds, and empties it.
///
/// A process that ended because a sync had failed has left frames that can be read and may not be
/// on the disk. Nothing that is acknowledged from now on may depend on them.
fn begin_anew(connection: &Connection) -> rusqlite::Result<()> {
    match connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        Err(error) if writer::is_distrusted(&error) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the WAL could not be written back, and is gone on with");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
