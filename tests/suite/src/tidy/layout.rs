//! Where things lie: the top of the repository, and no file that nobody compiles or runs.

use std::collections::BTreeSet;
use std::process::Command;

use super::demand;
use super::repository::{self, File};

const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "actors",
    "clippy.toml",
    "config",
    "crates",
    "deploy",
    "docs",
    "justfile",
    "loadtest",
    "rustfmt.toml",
    "supervision",
    "tests",
];

const SUITE: &str = "tests/suite/src/";

#[test]
fn the_top_of_the_repository_is_as_the_code_map_says() {
    let mut breaches = repository::top_level();
    breaches.retain(|name| !TOP_LEVEL.contains(&name.as_str()));
    demand(
        &breaches,
        "put it into one of the folders there, name it in .gitignore if it is nobody else's, or \
         add it to TOP_LEVEL in tests/suite/src/tidy/layout.rs and to docs/architecture.md.",
    );
}

#[test]
fn no_source_is_forgotten() {
    let files = repository::rust_files();
    let modules = files.iter().filter_map(module);
    let undeclared = modules.filter(|module| !module.is_declared(&files));
    let breaches: Vec<String> = undeclared.map(|module| module.path).collect();
    demand(
        &breaches,
        "declare it with `mod` in the file above it, or delete it: nobody compiles it.",
    );
}

#[test]
fn every_ring_of_the_suite_is_run() {
    let output = Command::new(repository::root().join("tests/run")).arg("--list").output();
    let listed = String::from_utf8(output.expect("tests/run --list").stdout).expect("text");
    let rings: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let files = repository::rust_files();
    let tests = files.iter().filter(|file| file.text.contains("test]"));
    let modules: BTreeSet<&str> = tests
        .filter_map(|file| file.path.strip_prefix(SUITE)?.split(['/', '.']).next())
        .filter(|module| *module != "lib")
        .collect();
    let breaches: Vec<String> =
        modules.difference(&rings).map(|module| format!("{SUITE}{module}")).collect();
    demand(&breaches, "add a row for it to the table of rings in tests/run.");
}

/// A source that some other one has to declare.
struct Module {
    path: String,
    name: String,
    /// Where it can be declared: any of these.
    parents: Vec<String>,
}

impl Module {
    fn is_declared(&self, files: &[File]) -> bool {
        let ends = [format!("mod {};", self.name), format!("mod {} {{", self.name)];
        let mut parents = files.iter().filter(|file| self.parents.contains(&file.path));
        parents.any(|parent| {
            let mut lines = parent.text.lines().map(str::trim);
            lines.any(|line| !line.starts_with("//") && ends.iter().any(|end| line.ends_with(end)))
        })
    }
}

/// Nothing for a root that cargo finds by itself: `src/lib.rs`, `src/main.rs`, `src/bin/`, and the
/// files right in `tests/`, `examples/`, `benches/` of a package.
fn module(file: &File) -> Option<Module> {
    let (_, inner) = file.path.split_once("/src/")?;
    let stem = file.path.strip_suffix("/mod.rs").or(file.path.strip_suffix(".rs"))?;
    let (folder, name) = stem.rsplit_once('/')?;
    if ["lib.rs", "main.rs"].contains(&inner) || inner.starts_with("bin/") {
        return None;
    }
    let mut parents = vec![format!("{folder}/mod.rs"), format!("{folder}.rs")];
    if folder.ends_with("/src") {
        parents = vec![format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    }
    Some(Module { path: file.path.clone(), name: name.to_owned(), parents })
}
