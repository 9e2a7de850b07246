//! Reading a copy from end to end: whatever could be wrong with it is found before it is needed.

use std::ffi::c_int;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use domain::blob::Blob;
use domain::id::Address;
use domain::records::{Broken, Chain};
use rusqlite::{Connection, OpenFlags};

use super::BackupError;
use crate::sqlite::{audit, blobs, rows, schema};

/// What was read, and is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub entities: u64,
    pub events: u64,
    pub blobs: u64,
    /// Entities that are put aside, or were: their histories may be damaged, and were not read.
    pub put_aside: u64,
    /// Up to where it is sound.
    pub audit: Chain,
    /// Lines cannot be mended, and are no reason to be without a copy of all the rest.
    pub audit_broken: Option<Broken>,
}

/// How much is read between two rests: some milliseconds' worth of steps of SQLite's machine.
const STEPS: c_int = 100_000;
/// How long a rest is, in times of what was worked before it: a third of a processor is used,
/// whatever the machine.
const REST: u32 = 2;
/// Whoever was held up for long by others does not rest as long.
const REST_MAX: Duration = Duration::from_millis(5);
/// The lowest of priorities.
const NICE: i32 = 19;

/// Reads the whole file: its pages, each event, each blob, the audit, and that they fit together.
pub fn check(file: &Path) -> Result<Checked, BackupError> {
    read_all(file, &open(file)?)
}

/// The same, and leaves the machine to others meanwhile.
///
/// It rests, so that they find their caches; and whoever wants the processor takes it at once: a
/// writer that waits for its turn holds up everybody who waits for the writer.
#[expect(
    clippy::disallowed_methods,
    reason = "store: it reads on a thread that blocks anyway, and rests by the time that took"
)]
pub(super) fn check_politely(file: &Path) -> Result<Checked, BackupError> {
    let read = || {
        // A thread that could not be lowered rests all the same.
        let _ = rustix::process::nice(NICE);
        let connection = open(file)?;
        let mut began = Instant::now();
        let rest = move || {
            thread::sleep(REST_MAX.min(began.elapsed() * REST));
            began = Instant::now();
            false
        };
        let rests = connection.progress_handler(STEPS, Some(rest));
        rests.map_err(|source| BackupError::Sqlite { path: file.to_owned(), source })?;
        read_all(file, &connection)
    };
    // One of its own: a priority that was lowered cannot be raised again.
    thread::scope(|scope| {
        let reading = thread::Builder::new().name("check".to_owned()).spawn_scoped(scope, read);
        let reading = reading.map_err(BackupError::Thread)?;
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Read only, and without a journal beside it.
fn open(file: &Path) -> Result<Connection, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
        .map_err(|source| BackupError::Sqlite { path: file.to_owned(), source })
}

fn read_all(file: &Path, connection: &Connection) -> Result<Checked, BackupError> {
    let sqlite = |source| BackupError::Sqlite { path: file.to_owned(), source };
    let version = schema::version(connection).map_err(|error| damaged(file, &error))?;
    match version {
        0 => return Err(damaged(file, &"it is no journal")),
        version if version > schema::VERSION => {
            return Err(BackupError::TooNew { version, known: schema::VERSION });
        }
        _ => {}
    }
    pages(connection).map_err(|what| damaged(file, &what))?;
    let events = events(connection).map_err(|what| damaged(file, &what))?;
    heads(connection).map_err(|what| damaged(file, &what))?;
    let blobs = whole_blobs(connection).map_err(|what| damaged(file, &what))?;
    let audit = audit::verify(connection).map_err(|error| damaged(file, &error))?;
    let (audit, audit_broken) = match audit {
        Ok(chain) => (chain, None),
        Err(broken) => (Chain { lines: broken.position.0 - 1, head: Vec::new() }, Some(broken)),
    };
    let entities = connection.query_row("SELECT count(*) FROM entities", [], |row| row.get(0));
    let put_aside = format!("SELECT count(*) FROM ({PUT_ASIDE})");
    let put_aside = connection.query_row(&put_aside, [], |row| row.get(0)).map_err(sqlite)?;
    let entities = entities.map_err(sqlite)?;
    Ok(Checked { entities, events, blobs, put_aside, audit, audit_broken })
}

fn damaged(file: &Path, what: &dyn std::fmt::Display) -> BackupError {
    BackupError::Damaged { path: file.to_owned(), what: what.to_string() }
}

/// What is wrong, in words; SQLite's own among them.
struct Fault(String);

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault(error.to_string())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn pages(connection: &Connection) -> Result<(), Fault> {
    let found: String = connection.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Fault(found)) }
}

/// What is quarantined, or was when it was discarded: that its history may be damaged is known, and
/// keeps nobody from the others.
const PUT_ASIDE: &str = "SELECT entity FROM entities WHERE status = 2 OR reason IS NOT NULL";

/// In the order in which they lie; those of an entity that goes belong to nobody.
fn events(connection: &Connection) -> Result<u64, Fault> {
    let sql = format!(
        "SELECT seq, events.epoch, at, name, version, body, heard, checksum, kind, id
         FROM events LEFT JOIN entities USING (entity)
         WHERE events.entity NOT IN (SELECT entity FROM going)
             AND events.entity NOT IN ({PUT_ASIDE}) ORDER BY position"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        let seq: u64 = row.get(0)?;
        let entity: Address = rows::address(row, 8)
            .map_err(|error| Fault(format!("an event {seq} belongs to nobody: {error}")))?;
        if rows::recorded(entity, row)?.is_none() {
            return Err(Fault(format!(
                "event {seq} of {entity} is not what was written: if the journal itself is like \
                 that, give the entity up with `lares quarantine discard {entity}`"
            )));
        }
        count += 1;
    }
    Ok(count)
}

/// An entity has as many events as it says, numbered from 1.
fn heads(connection: &Connection) -> Result<(), Fault> {
    let sql = format!(
        "SELECT kind, id, head, count(seq), coalesce(min(seq), 1), coalesce(max(seq), 0)
         FROM entities LEFT JOIN events USING (entity)
         WHERE entities.entity NOT IN ({PUT_ASIDE}) GROUP BY entities.entity"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let entity = rows::address(row, 0)?;
        let [head, count, first, last]: [u64; 4] =
            [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        if (head, head, 1) != (count, last, first) {
            return Err(Fault(format!("{entity} says it has {head} events, and has {count}")));
        }
    }
    Ok(())
}

/// Each blob is what its name says, and each that an event names is there.
fn whole_blobs(connection: &Connection) -> Result<u64, Fault> {
    let mut statement = connection.prepare("SELECT hash FROM blobs WHERE whole = 1")?;
    let mut found = statement.query([])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        let blob = Blob::from_hash(row.get(0)?);
        blobs::read(connection, blob).map_err(|error| Fault(error.to_string()))?;
        count += 1;
    }
    let sql = "SELECT hash FROM blob_uses
               WHERE entity NOT IN (SELECT entity FROM going)
                   AND hash NOT IN (SELECT hash FROM blobs WHERE whole = 1) LIMIT 1";
    let mut statement = connection.prepare(sql)?;
    let mut missing = statement.query([])?;
    match missing.next()? {
        Some(row) => Err(Fault(format!("blob {} is missing", Blob::from_hash(row.get(0)?)))),
        None => Ok(count),
    }
}
