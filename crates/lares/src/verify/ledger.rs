//! The ledger: a file to which every effect adds one line, whoever is killed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A file of lines. What is written there no node can take back.
pub(super) struct Ledger {
    path: PathBuf,
}

/// How often effects were to happen, and how often they did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) once: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
    /// Lines of effects that nobody wanted.
    pub(super) foreign: usize,
}

impl Ledger {
    /// Empty, so that a question about it always has an answer.
    pub(super) fn begin(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        std::fs::write(&path, "")?;
        Ok(Ledger { path })
    }

    pub(super) fn lines(&self) -> io::Result<Vec<String>> {
        Ok(std::fs::read_to_string(&self.path)?.lines().map(ToOwned::to_owned).collect())
    }

    /// As a word of the shell.
    pub(super) fn word(&self) -> String {
        word(&self.path)
    }
}

/// A path as one word of the shell, whatever is in it.
pub(super) fn word(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// Compares what was to happen with what stands in a ledger.
pub(super) fn compare(expected: &[String], lines: &[String]) -> Tally {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        *seen.entry(line).or_default() += 1;
    }
    let mut tally = Tally::default();
    for key in expected {
        match seen.remove(key.as_str()) {
            None => tally.lost += 1,
            Some(1) => tally.once += 1,
            Some(_) => tally.doubled += 1,
        }
    }
    tally.foreign = seen.values().sum();
    tally
}
