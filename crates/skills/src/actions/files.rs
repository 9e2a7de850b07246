//! The files of a folder, found and read without ever leaving it.
//!
//! Every name is opened below the folder that was opened before it, and never through a link: who
//! changes a folder into a link meanwhile gains nothing.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
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
            if let Err(error) = self.list(&folder, &mut folders, &mut search)? {
                search.found.insert(folder, Entry::Closed(unreadable(&error)));
            }
        }
        Ok(search.found)
    }

    /// Takes note of what is in one folder, and of the folders in it.
    fn list(
        &self,
        folder: &str,
        folders: &mut Vec<String>,
        search: &mut Search<'_>,
    ) -> Result<io::Result<()>, Unfound> {
        let listing = self.below(folder, true).and_then(|at| {
            let entries = std::fs::read_dir(place(&at));
            entries.map(|entries| (at, entries))
        });
        let (_open, entries) = match listing {
            Ok(listing) => listing,
            Err(error) => return Ok(Err(error)),
        };
        for entry in entries {
            search.look()?;
            let entry = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)));
            let (name, kind) = match entry {
                Ok(entry) => entry,
                Err(error) => return Ok(Err(error)),
            };
            let lossy = name.to_string_lossy();
            let path =
                if folder.is_empty() { lossy.to_string() } else { format!("{folder}/{lossy}") };
            if lossy == GIT || search.unwanted.mean(&path) {
                continue;
            }
            if kind.is_dir() && name.to_str().is_some() {
                search.enter(path, folders);
            } else if search.wanted.mean(&path) {
                search.found.insert(path, entry_of(kind, name.to_str().is_some()));
            }
        }
        Ok(Ok(()))
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

    fn enter(&mut self, path: String, folders: &mut Vec<String>) {
        if !self.wanted.may_mean_below(&path) {
            return;
        }
        if DEPTH_MAX <= path.split('/').count() {
            let why = format!("it lies below {DEPTH_MAX} folders, and no deeper one is entered");
            self.found.insert(path, Entry::Closed(why));
            return;
        }
        folders.push(path);
    }
}

const NO_FILE: &str = "it is no file";

fn entry_of(kind: std::fs::FileType, is_named: bool) -> Entry {
    if !is_named {
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
