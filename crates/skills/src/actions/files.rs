//! The files of a folder, found and read without ever leaving it.
//!
//! Every name is opened below the folder that was opened before it, and never through a link: who
//! changes a folder into a link meanwhile gains nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, FileType, OpenOptions, ReadDir};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::{O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK};

use super::blocking::Halt;
use super::globs::Globs;

/// How many entries of folders are looked at.
pub(super) const LOOKED_AT_MAX: usize = 100_000;
/// How many folders may lie one in the other.
const DEPTH_MAX: usize = 64;

/// What belongs to git itself, wherever it lies.
const GIT: &str = ".git";

/// A folder, held open.
pub(super) struct Folder(File);

/// What was found, by its path.
pub(super) type Found = BTreeMap<String, Entry>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    File,
    /// It has nothing to read, for this reason.
    Closed(String),
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unfound {
    Halted,
    TooMany,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Text(String),
    /// More than there was room for.
    More,
    /// Nothing that is text, or cannot be read, for this reason.
    Nothing(String),
}

impl Folder {
    /// This one may be a link: somebody has named it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        OpenOptions::new().read(true).custom_flags(O_DIRECTORY).open(path).map(Self)
    }

    /// Everything that is wanted and not unwanted; a folder that is unwanted goes with all below.
    pub(super) fn find(
        &self,
        wanted: &Globs,
        unwanted: &Globs,
        halt: &Halt,
    ) -> Result<Found, Unfound> {
        let (found, looks_left) = (Found::new(), LOOKED_AT_MAX);
        self.carry(Search { wanted, unwanted, halt, found, looks_left })
    }

    fn carry(&self, mut search: Search<'_>) -> Result<Found, Unfound> {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            match self.entries(&folder) {
                Ok(entries) => search.list(&folder, entries, &mut folders)?,
                Err(error) => search.close(folder, unreadable(&error)),
            }
        }
        Ok(search.found)
    }

    fn entries(&self, folder: &str) -> io::Result<ReadDir> {
        std::fs::read_dir(place(&self.below(folder, true)?))
    }

    /// Reads a file, if it fits.
    pub(super) fn read(&self, path: &str, room_bytes: u64) -> Holds {
        match self.try_read(path, room_bytes) {
            Ok(holds) => holds,
            Err(error) => Holds::Nothing(unreadable(&error)),
        }
    }

    fn try_read(&self, path: &str, room_bytes: u64) -> io::Result<Holds> {
        let file = self.below(path, false)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Ok(Holds::Nothing(NO_FILE.to_owned()));
        }
        if room_bytes < found.len() {
            return Ok(Holds::More);
        }
        let mut bytes = Vec::new();
        // It may be written to meanwhile.
        file.take(room_bytes + 1).read_to_end(&mut bytes)?;
        if room_bytes < bytes.len() as u64 {
            return Ok(Holds::More);
        }
        Ok(match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Holds::Text(text),
            Ok(_) | Err(_) => Holds::Nothing("it is no text".to_owned()),
        })
    }

    fn below(&self, path: &str, is_folder: bool) -> io::Result<File> {
        let mut at = self.0.try_clone()?;
        let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            let folder = if is_folder || names.peek().is_some() { O_DIRECTORY } else { 0 };
            // Opening a pipe would wait for whoever writes to it.
            let flags = O_NOFOLLOW | O_NONBLOCK | folder;
            let place = format!("{}/{name}", place(&at));
            at = OpenOptions::new().read(true).custom_flags(flags).open(place)?;
        }
        Ok(at)
    }
}

/// One walk through a folder.
struct Search<'a> {
    wanted: &'a Globs,
    unwanted: &'a Globs,
    halt: &'a Halt,
    found: Found,
    looks_left: usize,
}

impl Search<'_> {
    fn look(&mut self) -> Result<(), Unfound> {
        if self.halt.is_asked() {
            return Err(Unfound::Halted);
        }
        self.looks_left = self.looks_left.checked_sub(1).ok_or(Unfound::TooMany)?;
        Ok(())
    }

    /// Takes note of what is in one folder, and of the folders in it.
    fn list(
        &mut self,
        folder: &str,
        entries: ReadDir,
        folders: &mut Vec<String>,
    ) -> Result<(), Unfound> {
        for entry in entries {
            self.look()?;
            match entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))) {
                Ok((name, kind)) => folders.extend(self.note(folder, &name, kind)),
                Err(error) => self.close(folder.to_owned(), unreadable(&error)),
            }
        }
        Ok(())
    }

    /// Takes note of one entry; it comes back if it is a folder to enter.
    fn note(&mut self, folder: &str, name: &OsStr, kind: FileType) -> Option<String> {
        let shown = name.to_string_lossy();
        let path = if folder.is_empty() { shown.to_string() } else { format!("{folder}/{shown}") };
        if shown == GIT || self.unwanted.mean(&path) {
            return None;
        }
        let is_text = name.to_str().is_some();
        if kind.is_dir() && is_text {
            return self.enter(path);
        }
        if self.wanted.mean(&path) {
            self.found.insert(path, entry_of(kind, is_text));
        }
        None
    }

    fn enter(&mut self, path: String) -> Option<String> {
        if !self.wanted.may_mean_below(&path) {
            return None;
        }
        if DEPTH_MAX <= path.split('/').count() {
            self.close(
                path,
                format!("it lies below {DEPTH_MAX} folders, and no deeper one is read"),
            );
            return None;
        }
        Some(path)
    }

    fn close(&mut self, path: String, why: String) {
        self.found.insert(path, Entry::Closed(why));
    }
}

const NO_FILE: &str = "it is no file";

fn entry_of(kind: FileType, is_text: bool) -> Entry {
    if !is_text {
        return Entry::Closed("its name is no text".to_owned());
    }
    if kind.is_symlink() {
        return Entry::Closed("it is a link, and none is followed".to_owned());
    }
    if kind.is_file() { Entry::File } else { Entry::Closed(NO_FILE.to_owned()) }
}

/// Where the kernel shows what is open.
fn place(open: &File) -> String {
    format!("/proc/self/fd/{}", open.as_raw_fd())
}

/// In the words for its kind, which are the same everywhere.
fn unreadable(error: &io::Error) -> String {
    format!("it cannot be read: {}", error.kind())
}

#[cfg(test)]
mod tests;
