//! A folder that has its name only once it is whole.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Beside the folder that was asked for, until that is whole.
pub(super) struct Folder {
    whole: PathBuf,
    part: PathBuf,
}

/// A file of it that is being written.
pub(super) struct File {
    path: PathBuf,
    file: fs::File,
}

impl Folder {
    /// Refused where anything lies already: nothing is written over.
    pub(super) fn begin(whole: &Path) -> Result<Self, Error> {
        let occupied =
            |path: &Path, instead| Err(Error::Occupied { path: path.to_owned(), instead });
        match fs::read_dir(whole).map(|mut entries| entries.next().is_none()) {
            Ok(true) => {}
            Ok(false) => return occupied(whole, "name a folder that is empty, or none yet"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return occupied(whole, "name a folder");
            }
            Err(error) => return Err(failed(whole)(error)),
        }
        let part = beside(whole)?;
        if let Some(parent) = part.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        match fs::create_dir(&part) {
            Ok(()) => Ok(Folder { whole: whole.to_owned(), part }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                occupied(&part, "an export was cut off there, or is under way; else remove it")
            }
            Err(error) => Err(failed(&part)(error)),
        }
    }

    /// A whole file.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut file = self.create(name)?;
        file.append(bytes)?;
        file.finish()
    }

    pub(super) fn create(&self, name: &str) -> Result<File, Error> {
        let path = self.part.join(name);
        let file = fs::File::create_new(&path).map_err(failed(&path))?;
        Ok(File { path, file })
    }

    pub(super) fn create_folder(&self, name: &str) -> Result<(), Error> {
        let path = self.part.join(name);
        fs::create_dir(&path).map_err(failed(&path))
    }

    /// Gives it its name: all of it is on the disk.
    pub(super) fn finish(self) -> Result<(), Error> {
        let named = sync(&self.part).and_then(|()| fs::rename(&self.part, &self.whole));
        named.map_err(failed(&self.whole))
    }

    /// Removes what was written; what cannot be removed does not look whole.
    pub(super) fn discard(self) {
        fs::remove_dir_all(&self.part).ok();
    }
}

impl File {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(failed(&self.path))
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        self.file.sync_all().map_err(failed(&self.path))
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Where it grows: the same name with `.part` after it.
fn beside(whole: &Path) -> Result<PathBuf, Error> {
    let nowhere = || io::Error::from(io::ErrorKind::InvalidInput);
    let name = whole.file_name().ok_or_else(nowhere);
    let name = name.map_err(|source| Error::Nowhere { path: whole.to_owned(), source })?;
    let mut part = OsString::from(name);
    part.push(".part");
    Ok(whole.with_file_name(part))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Keep { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_its_name_once_it_is_whole() {
        let ground = tempfile::tempdir().expect("a temporary folder");
        let whole = ground.path().join("whole");
        let part = Folder::begin(&whole).expect("nothing is there");
        part.keep("a", b"one").expect("it is ours");
        assert!(!whole.exists());
        part.finish().expect("nothing is there");
        assert_eq!(fs::read(whole.join("a")).expect("it is whole"), b"one");
        assert!(!ground.path().join("whole.part").exists());
    }

    #[test]
    fn what_was_given_up_leaves_nothing() {
        let ground = tempfile::tempdir().expect("a temporary folder");
        let part = Folder::begin(&ground.path().join("whole")).expect("nothing is there");
        part.keep("a", b"one").expect("it is ours");
        part.discard();
        assert_eq!(fs::read_dir(ground.path()).expect("it is there").count(), 0);
    }

    #[test]
    fn an_empty_folder_is_taken_and_nothing_else_is_written_over() {
        let ground = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| ground.path().join(name);
        fs::create_dir(at("empty")).expect("it is ours");
        let part = Folder::begin(&at("empty")).expect("it is empty");
        part.finish().expect("it is empty");

        fs::create_dir_all(at("full/a")).expect("it is ours");
        fs::write(at("file"), "").expect("it is ours");
        fs::create_dir(at("cut.part")).expect("it is ours");
        for (name, part) in [
            ("full", "full is there already: name a folder that is empty"),
            ("file", "file is there already: name a folder"),
            ("cut", "cut.part is there already: an export was cut off there"),
        ] {
            let refused = Folder::begin(&at(name)).err().expect("something is there");
            assert!(refused.to_string().contains(part), "{refused}");
        }
        assert!(at("full/a").exists() && at("cut.part").exists());
    }
}
