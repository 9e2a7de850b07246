//! Copies of the journal: made while it is in use, read from end to end before they count, and put
//! back where there is nothing.
//!
//! These functions block, for as long as copying and reading the whole file takes: they are called
//! under a permit, or by a program that does nothing else. They need no running node, and no more
//! than the folder.

mod check;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::records::Broken;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use self::check::Reading;
pub use self::check::{Checked, check};
use crate::sqlite::FILE;

/// How fast a copy is made. Whoever writes meanwhile shares the disk with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Pages of four KiB that are copied at a time.
    pub step_pages: u16,
    /// How long the disk is left to others after each.
    pub pause: Duration,
}

impl Default for Pace {
    /// Some sixteen MiB a second: more of it makes every sync of others wait.
    fn default() -> Self {
        Pace { step_pages: 64, pause: Duration::from_millis(15) }
    }
}

/// Steps of copying between two syncs.
const STEPS_A_SYNC: u32 = 4;

/// Why there is no copy, or no journal made from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already: choose another name, or move it away", .0.display())]
    Exists(PathBuf),
    #[error("{} holds a journal: restore into an empty folder", .0.display())]
    Occupied(PathBuf),
    #[error("there is no journal in {}", .0.display())]
    NoJournal(PathBuf),
    #[error("the copy is of version {version}, and this program knows {known}: use a newer lares")]
    TooNew { version: u32, known: u32 },
    /// The journal it was made of may be damaged as well: look at that first.
    #[error("{} is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{} is damaged: {broken}", path.display())]
    Audit { path: PathBuf, broken: Broken },
    #[error("cannot write {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot copy {}", path.display())]
    Sqlite {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

/// Copies the journal of this folder, in use or not, into one file.
///
/// The copy is the journal of one moment, blobs included: that in which copying began. It has
/// another name until it has been read from end to end. While it is made the WAL cannot shrink.
pub fn backup(folder: &Path, to: &Path, pace: Pace) -> Result<Checked, BackupError> {
    let from = folder.join(FILE);
    if !from.exists() {
        return Err(BackupError::NoJournal(folder.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    make(to, Reading::Restful, |part| copy(&from, part, pace))
}

/// Makes a journal in this folder from a copy. Nothing that is there is ever written over.
///
/// What has its name has been read from end to end.
pub fn restore(file: &Path, folder: &Path) -> Result<Checked, BackupError> {
    let target = folder.join(FILE);
    let beside = ["", "-wal", "-shm", "-journal"];
    let names = beside.map(|end| folder.join(format!("{FILE}{end}")));
    if names.iter().any(|name| name.exists()) {
        return Err(BackupError::Occupied(folder.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::File { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    make(&target, Reading::AtOnce, |part| {
        let mut from = File::open(file).map_err(failed(file))?;
        let mut to = OpenOptions::new().write(true).open(part).map_err(failed(part))?;
        io::copy(&mut from, &mut to).map_err(failed(part))?;
        Ok(())
    })
}

/// Fills a file under another name, and gives it its own once it is on the disk and checked.
fn make(
    to: &Path,
    reading: Reading,
    fill: impl FnOnce(&Path) -> Result<(), BackupError>,
) -> Result<Checked, BackupError> {
    let part = with_end(to, ".part");
    let made = fresh(&part)
        .map_err(|source| BackupError::File { path: part.clone(), source })
        .and_then(|()| fill(&part))
        .and_then(|()| check::read_all(&part, reading))
        .and_then(|checked| {
            publish(&part, to)
                .map_err(|source| BackupError::File { path: to.to_owned(), source })?;
            Ok(checked)
        });
    if made.is_err() {
        // What is left of it is in nobody's way: the next one begins with removing it.
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// An empty file that nobody else may read; what an earlier try has left there goes.
fn fresh(part: &Path) -> io::Result<()> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(part).map(|_| ())
}

fn publish(part: &Path, to: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    // Unlike a renaming, this never replaces what has come there meanwhile.
    std::fs::hard_link(part, to)?;
    std::fs::remove_file(part)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "store: it copies on a thread that blocks anyway")]
fn copy(from: &Path, part: &Path, pace: Pace) -> Result<(), BackupError> {
    let sqlite = |source| BackupError::Sqlite { path: from.to_owned(), source };
    let failed = |source| BackupError::File { path: part.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(sqlite)?;
    source.pragma_update(None, "query_only", true).map_err(sqlite)?;
    // The moment: without it the copy would begin again whenever somebody writes.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(sqlite)?;
    let mut to = Connection::open(part).map_err(sqlite)?;
    // It is synced here and as a whole, before it has its name.
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").map_err(sqlite)?;
    let copying = Backup::new(&source, &mut to).map_err(sqlite)?;
    let file = File::open(part).map_err(failed)?;
    let step_pages = i32::from(pace.step_pages.max(1));
    let mut steps: u32 = 0;
    while copying.step(step_pages).map_err(sqlite)? != StepResult::Done {
        steps += 1;
        if steps.is_multiple_of(STEPS_A_SYNC) {
            // All of it at the end would hold up whoever else waits for the disk.
            file.sync_data().map_err(failed)?;
        }
        std::thread::sleep(pace.pause);
    }
    drop(copying);
    // One file that stands by itself, without a WAL beside it.
    to.pragma_update(None, "journal_mode", "DELETE").map_err(sqlite)?;
    to.close().map_err(|(_, error)| sqlite(error))
}
