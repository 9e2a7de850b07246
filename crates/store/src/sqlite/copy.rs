//! A copy of the file, made by the thread that writes it: some pages at a time, between two commits.
//!
//! Whoever reads an old state of the file keeps the WAL from shrinking, and every commit pays for
//! that. The connection that writes needs no old state: SQLite brings the pages that were copied up
//! to date with each of its commits, so the copy is the file as the last stroke finds it.

use std::ffi::c_int;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::sync::oneshot;

use super::writer::Writer;

/// What a stroke has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stroked {
    /// Not all is copied. The file has so many pages now.
    Of(c_int),
    Whole,
}

/// Why there was no stroke.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The journal is being closed, or takes no more.
    Closed,
    Sqlite(rusqlite::Error),
}

/// What the writer is asked for by whoever wants a copy, one at a time.
pub(super) struct Asked {
    pub what: Stroke,
    pub answer: oneshot::Sender<rusqlite::Result<Stroked>>,
}

pub(super) enum Stroke {
    /// None yet, and into this file, which is empty.
    First(PathBuf),
    /// Of so many pages.
    Next(c_int),
    /// None any more: its file is closed.
    Last,
}

/// A copy that the writer makes. It lets go of it with this value.
pub(crate) struct Copying<'a> {
    writer: &'a Writer,
}

impl<'a> Copying<'a> {
    /// Like all of these, it blocks until the writer has done so.
    pub(super) fn begin(writer: &'a Writer, into: &Path) -> Result<Self, Failed> {
        writer.stroke(Stroke::First(into.to_owned()))?;
        Ok(Copying { writer })
    }

    pub(crate) fn stroke(&self, pages: c_int) -> Result<Stroked, Failed> {
        self.writer.stroke(Stroke::Next(pages))
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        // A writer that has ended has let go of it.
        let _ = self.writer.stroke(Stroke::Last);
    }
}

/// The file a copy goes into. Whoever asked for it syncs it as a whole.
pub(crate) fn open(part: &Path) -> rusqlite::Result<Connection> {
    let to = Connection::open(part)?;
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    Ok(to)
}

pub(crate) fn stroke(copy: &Backup<'_, '_>, pages: c_int) -> rusqlite::Result<Stroked> {
    let done = copy.step(pages)? == StepResult::Done;
    Ok(if done { Stroked::Whole } else { Stroked::Of(copy.progress().pagecount) })
}
