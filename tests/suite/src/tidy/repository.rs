//! The files of the repository, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// This folder spells out what it forbids, so rules about text do not apply to it.
pub(super) const TIDY: &str = "tests/suite/src/tidy";

pub(super) struct File {
    /// Relative to the repository, with `/` between folders.
    pub path: String,
    pub text: String,
}

impl File {
    pub(super) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Its lines from 1 on, as a message quotes them.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// What lies at the top of the repository, without what `.gitignore` names there.
pub(super) fn top_level() -> Vec<String> {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    let ignored: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('/')).collect();
    let mut names = names_in(&root());
    names.retain(|name| name != ".git" && !ignored.contains(&name.as_str()));
    names
}

/// Every text file of the repository, in a stable order.
pub(super) fn files() -> Vec<File> {
    let mut found = Vec::new();
    for name in top_level() {
        collect(&root(), &name, &mut found);
    }
    found
}

/// Every Rust file, in a stable order.
pub(super) fn rust_files() -> Vec<File> {
    let mut rust = files();
    rust.retain(|file| file.has_extension("rs"));
    rust
}

fn collect(root: &Path, path: &str, found: &mut Vec<File>) {
    let full = root.join(path);
    if full.is_dir() {
        for name in names_in(&full) {
            collect(root, &format!("{path}/{name}"), found);
        }
    } else if let Ok(text) = fs::read_to_string(&full) {
        found.push(File { path: path.to_owned(), text });
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
