//! The data folder: made if missing, held by one node at a time, and where that node is found.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli::{Exit, Node};
use domain::id::Id;

use crate::code::{self, Code};
use crate::failure::Failure;

/// A data folder that is this process's alone until the value is dropped or the process ends.
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
}

/// A node that can be found, until the value is dropped.
pub(crate) struct Announced {
    path: PathBuf,
}

/// Why the folder cannot be used. Each is mended by another folder, or by its owner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot use {} as the data folder: name another one with --data", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "another node runs on {}{}: stop that one, or name another folder with --data",
        path.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Taken { path: PathBuf, pid: Option<u32> },
    #[error(
        "the journal of {} is {known}, and not {place}: start it with what it has, or take the \
         journal there with `lares store copy`",
        path.display()
    )]
    Elsewhere { path: PathBuf, known: String, place: String },
    #[error("{} names no node: remove it, and the next start makes another name", path.display())]
    Identity { path: PathBuf },
    #[error("cannot write {}: the data folder must be writable for whoever starts the node",
        path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Taken { .. } => Some(code::FOLDER_TAKEN),
            Error::Elsewhere { .. } => Some(code::ELSEWHERE),
            Error::Identity { .. } => None,
            Error::Make { source, .. } | Error::Write { source, .. } => code_of(source),
        };
        Failure::new(Exit::Usage, error).coded(code)
    }
}

fn code_of(error: &io::Error) -> Option<Code> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let kind = error.kind();
    if [PermissionDenied, ReadOnlyFilesystem].contains(&kind) {
        return Some(code::READ_ONLY);
    }
    (kind == StorageFull).then_some(code::DISK_FULL)
}

/// The file that names the node. Whoever copies the folder leaves it out.
const IDENTITY: &str = "node.id";

/// Where a journal is that is on no server.
pub(crate) const IN_FOLDER: &str = "a file in it";

/// The file that says where the journal is.
const JOURNAL: &str = "journal";

/// The file that is locked; it holds the pid of who holds it.
const LOCK: &str = "lock";

/// Nobody else on the machine needs to look inside.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// One that was killed lets go only when the kernel has cleared it away, and whatever it was just
/// about to start holds its files until then: how often, and how far apart, one looks.
const LOOKS_MAX: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// More digits than any pid has.
const PID_BYTES_MAX: u64 = 20;

/// Whether a node has this folder. Unlike a pid, a lock is nobody else's.
pub(crate) fn is_held(path: &Path) -> bool {
    let lock = File::open(path.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Refuses a place where the journal of this folder is not. A start that named another one would
/// begin with nothing, and forget all that the node owes.
pub(crate) fn check_journal(path: &Path, place: &str) -> Result<(), Error> {
    let file = path.join(JOURNAL);
    let known = match std::fs::read_to_string(&file) {
        Ok(known) => known.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // One that was made before this was written down.
            if !store::is_in(path) {
                return Ok(());
            }
            IN_FOLDER.to_owned()
        }
        Err(source) => return Err(Error::Write { path: file, source }),
    };
    match known == place {
        true => Ok(()),
        false => Err(Error::Elsewhere { path: path.to_owned(), known, place: place.to_owned() }),
    }
}

impl Folder {
    /// Makes the folder where it is missing, and takes it for this process.
    pub(crate) fn claim(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&path);
        made.map_err(|source| Error::Make { path: path.clone(), source })?;

        let place = path.join(LOCK);
        let failed = |source| Error::Write { path: place.clone(), source };
        let mut options = OpenOptions::new();
        // What stands in it belongs to the holder, who may be another.
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut lock = options.open(&place).map_err(failed)?;
        if !take(&lock).map_err(failed)? {
            return Err(Error::Taken { path, pid: holder(&place) });
        }
        lock.set_len(0).map_err(failed)?;
        write!(lock, "{}", std::process::id()).map_err(failed)?;

        let folder = Self { path, lock };
        // Of a node that was killed; whoever looks now shall not take it for this one.
        remove(&folder.path.join(Node::FILE))?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names the node that lives here, from its first start on.
    pub(crate) fn identity(&self, roll: impl FnOnce() -> Id) -> Result<Id, Error> {
        let path = self.path.join(IDENTITY);
        match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| Error::Identity { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = roll();
                self.write(&path, &id.to_string())?;
                Ok(id)
            }
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// The journal of this node is there from now on.
    pub(crate) fn note_journal(&self, place: &str) -> Result<(), Error> {
        self.write(&self.path.join(JOURNAL), place)
    }

    /// Lets the other verbs find this node. They see all of the file or none of it.
    pub(crate) fn announce(&self, node: &Node) -> Result<Announced, Error> {
        let path = self.path.join(Node::FILE);
        let text = serde_json::to_string(node);
        let text =
            text.map_err(|error| Error::Write { path: path.clone(), source: error.into() })?;
        self.write(&path, &text)?;
        Ok(Announced { path })
    }

    /// A file of one line.
    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let draft = path.with_added_extension("new");
        remove(&draft)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(FILE_MODE).open(&draft).map_err(failed)?;
        writeln!(file, "{text}").map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&draft, path).map_err(failed)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // So that who meets the next holder before it has written reads no pid of the past.
        self.lock.set_len(0).ok();
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, "a node that has ended can still be found");
        }
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| Error::Write { path: path.to_owned(), source }),
    }
}

/// Whether it is ours now.
fn take(lock: &File) -> io::Result<bool> {
    for look in 0..LOOKS_MAX {
        if 0 < look {
            std::thread::sleep(PAUSE);
        }
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// The process that holds the folder, where it can be told.
fn holder(lock: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(lock).ok()?.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.parse().ok().filter(|pid| cli::is_running(*pid))
}

#[cfg(test)]
mod tests;
