//! Copies of the journal: made while it is in use, read from end to end before they count, and put
//! back where there is nothing.
//!
//! These functions block, for as long as copying and reading the whole file takes: they are called
//! under a permit, or by a program that does nothing else. They need no running node, and no more
//! than the folder.

mod check;

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

pub use self::check::{Checked, check};
use crate::postgres::Place;
use crate::sqlite::copy::{self, Stroked};
use crate::sqlite::{FILE, Sqlite};
use crate::transfer::Failed;

/// How fast a copy is made. Whoever writes meanwhile shares the disk with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Pages of four KiB that are copied at a time.
    pub step_pages: u16,
    /// How long the disk is left to others after each stroke.
    pub pause: Duration,
}

impl Default for Pace {
    /// Some sixteen MiB a second: more of it makes every sync of others wait.
    fn default() -> Self {
        Pace { step_pages: 64, pause: Duration::from_millis(15) }
    }
}

impl Pace {
    /// Of a journal that nobody uses.
    pub fn unhindered() -> Self {
        Pace { step_pages: 4_096, pause: Duration::ZERO }
    }
}

/// Strokes between two syncs.
const STROKES_A_SYNC: u32 = 4;

/// Why there is no copy, or no journal made from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already: choose another name, or move it away", .0.display())]
    Exists(PathBuf),
    #[error("{} holds a journal: restore into an empty folder", .0.display())]
    Occupied(PathBuf),
    #[error("there is no journal in {}", .0.display())]
    NoJournal(PathBuf),
    #[error("a copy is being made already: wait for its end")]
    Busy,
    #[error("the journal is being closed: ask again once a node runs")]
    Closed,
    #[error("the copy is of version {version}, and this program knows {known}: use a newer lares")]
    TooNew { version: u32, known: u32 },
    /// The journal it was made of may be damaged as well: look at that first.
    #[error("{} is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot start the thread that reads the copy")]
    Thread(#[source] io::Error),
    #[error("cannot write {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot copy the journal at {place}")]
    Transfer {
        place: String,
        #[source]
        source: Failed,
    },
    #[error("cannot copy {}", path.display())]
    Sqlite {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

impl Sqlite {
    /// Copies this journal into one file, while it is in use.
    ///
    /// The copy is the journal of one moment, blobs included: that in which copying ended. It has
    /// another name until it has been read from end to end. Whoever writes meanwhile is held up by
    /// no disk but the one of the journal: onto another one it is copied as [`backup`] does it.
    pub fn backup(&self, to: &Path, pace: Pace) -> Result<Checked, BackupError> {
        let _copied = self.copied().ok_or(BackupError::Busy)?;
        if to.exists() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        make(self.file(), to, check::check_politely, |part| match is_beside(self.file(), part) {
            true => self.copy(part, pace),
            false => copy_a_moment(self.file(), part, pace),
        })
    }

    fn copy(&self, part: &Path, pace: Pace) -> Result<(), BackupError> {
        let failed = |failed| match failed {
            copy::Failed::Closed => BackupError::Closed,
            copy::Failed::Sqlite(source) => {
                BackupError::Sqlite { path: self.file().to_owned(), source }
            }
        };
        let copying = self.copying(part).map_err(failed)?;
        keep_pace(part, pace, |pages| copying.stroke(pages).map_err(failed))?;
        drop(copying);
        stand_alone(part)
    }
}

/// A file of what a server holds.
pub(crate) fn make_from_server(
    place: &Place,
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<(), Failed>,
) -> Result<Checked, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let failed = |source| BackupError::Transfer { place: place.to_string(), source };
    make(Path::new(&place.to_string()), to, check::check_politely, |part| {
        fill(part).map_err(failed)?;
        stand_alone(part)
    })
}

/// Copies the journal of this folder into one file. It is meant for a folder that no node uses;
/// where one does, the copy is as sound, and the WAL cannot shrink while it is made.
pub fn backup(folder: &Path, to: &Path, pace: Pace) -> Result<Checked, BackupError> {
    let from = folder.join(FILE);
    if !from.exists() {
        return Err(BackupError::NoJournal(folder.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    make(&from, to, check::check_politely, |part| copy_a_moment(&from, part, pace))
}

/// Whether there is a journal in this folder.
pub fn is_in(folder: &Path) -> bool {
    folder.join(FILE).exists()
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
    make(file, &target, check, |part| {
        let mut from = File::open(file).map_err(failed(file))?;
        let mut to = OpenOptions::new().write(true).open(part).map_err(failed(part))?;
        io::copy(&mut from, &mut to).map_err(failed(part))?;
        Ok(())
    })
}

/// Fills a file with what is in another one, under another name, and gives it its own once it is on
/// the disk and checked.
fn make(
    from: &Path,
    to: &Path,
    check: fn(&Path) -> Result<Checked, BackupError>,
    fill: impl FnOnce(&Path) -> Result<(), BackupError>,
) -> Result<Checked, BackupError> {
    let part = with_end(to, ".part");
    let named = |mut error| {
        if let BackupError::Damaged { path, .. } = &mut error {
            // The other one is gone by then.
            from.clone_into(path);
        }
        error
    };
    let made = fresh(&part)
        .map_err(|source| BackupError::File { path: part.clone(), source })
        .and_then(|()| fill(&part))
        .and_then(|()| check(&part).map_err(named))
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

/// Whether both are on one disk.
fn is_beside(file: &Path, other: &Path) -> bool {
    let disk = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    matches!((disk(file), disk(other)), (Ok(one), Ok(other)) if one == other)
}

/// Copies the file as it is when copying begins.
fn copy_a_moment(from: &Path, part: &Path, pace: Pace) -> Result<(), BackupError> {
    let sqlite = |source| BackupError::Sqlite { path: from.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(sqlite)?;
    source.pragma_update(None, "query_only", true).map_err(sqlite)?;
    // The moment: without it the copy would begin again whenever somebody writes.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(sqlite)?;
    let mut to = copy::open(part).map_err(sqlite)?;
    let copying = Backup::new(&source, &mut to).map_err(sqlite)?;
    keep_pace(part, pace, |pages| copy::stroke(&copying, pages).map_err(sqlite))?;
    drop(copying);
    drop(to);
    stand_alone(part)
}

/// Copies stroke by stroke, and leaves the disk to others in between.
#[expect(clippy::disallowed_methods, reason = "store: it copies on a thread that blocks anyway")]
fn keep_pace(
    part: &Path,
    pace: Pace,
    mut stroke: impl FnMut(c_int) -> Result<Stroked, BackupError>,
) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: part.to_owned(), source };
    let file = File::open(part).map_err(failed)?;
    let step = c_int::from(pace.step_pages.max(1));
    let (mut strokes, mut known, mut pages) = (0_u32, None, step);
    while let Stroked::Of(now) = stroke(pages)? {
        // What it has grown by comes on top, or the copy would run after its end for ever.
        pages = step.saturating_add(now.saturating_sub(known.unwrap_or(now)).max(0));
        known = Some(now);
        strokes = strokes.wrapping_add(1);
        if strokes.is_multiple_of(STROKES_A_SYNC) {
            // All of it at the end would hold up whoever else waits for the disk.
            file.sync_data().map_err(failed)?;
        }
        std::thread::sleep(pace.pause);
    }
    Ok(())
}

/// Makes it one file that stands by itself, without a WAL beside it.
fn stand_alone(part: &Path) -> Result<(), BackupError> {
    let sqlite = |source| BackupError::Sqlite { path: part.to_owned(), source };
    let copy = Connection::open(part).map_err(sqlite)?;
    copy.pragma_update(None, "journal_mode", "DELETE").map_err(sqlite)?;
    copy.close().map_err(|(_, error)| sqlite(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_known_by_its_number() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rows = [(folder.path(), true), (Path::new("/proc/self/stat"), false)];
        for (other, is_same) in rows {
            assert_eq!(is_beside(folder.path(), other), is_same, "{}", other.display());
        }
        assert!(!is_beside(folder.path(), &folder.path().join("what is not there")));
    }
}
