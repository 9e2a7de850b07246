//! Who may hold which crate from elsewhere: each heavy one has one owner.
//!
//! `docs/dependencies.md` shows the same table to people, with what each crate is for; a test
//! keeps the two alike. Packages outside the product may hold anything that is listed.

use super::graph::{Dependency, Graph, Kind};
use super::{demand, repository};

#[derive(Debug, Clone, Copy)]
enum Holder {
    Anyone,
    /// Anyone but `domain` and `plan`, which know neither time nor I/O.
    Impure,
    Only(&'static [&'static str]),
    /// Dev-dependencies, and the packages outside the product.
    Tests,
}

use Holder::{Anyone, Impure, Only, Tests};

const HOLDERS: &[(&str, Holder)] = &[
    ("anyhow", Only(&["cli", "lares"])),
    ("axum", Only(&["web"])),
    ("clap", Only(&["cli", "lares"])),
    ("expect-test", Tests),
    ("futures", Anyone),
    ("getrandom", Only(&["lares"])),
    ("granit-parser", Only(&["plan"])),
    ("hdrhistogram", Only(&["loadtest"])),
    ("httpdate", Only(&["skills"])),
    ("hyper-util", Only(&["web"])),
    ("jsonschema", Only(&["skills"])),
    ("nix", Only(&["skills"])),
    ("proptest", Tests),
    ("ractor", Only(&["runtime"])),
    ("reqwest", Only(&["cli", "skills"])),
    ("rmp-serde", Anyone),
    ("rusqlite", Only(&["store"])),
    ("rustix", Only(&["store"])),
    ("rustls", Only(&["cli", "lares", "skills"])),
    ("serde", Anyone),
    ("serde_json", Anyone),
    ("sha2", Impure),
    ("sqlx", Only(&["store"])),
    ("subtle", Only(&["web"])),
    ("tempfile", Tests),
    ("thiserror", Anyone),
    ("tokio", Impure),
    ("toml", Only(&["lares"])),
    ("tracing", Impure),
    ("tracing-subscriber", Only(&["lares"])),
    ("ulid", Only(&["domain"])),
    ("webpki-roots", Only(&["skills"])),
];

const PURE: &[&str] = &["domain", "plan"];

impl Holder {
    fn allows(self, package: &str, kind: Kind) -> bool {
        match self {
            Anyone => true,
            Impure => !PURE.contains(&package),
            Only(owners) => owners.contains(&package),
            Tests => kind == Kind::Dev,
        }
    }

    /// As the last column of the table in `docs/dependencies.md` says it.
    fn spoken(self) -> String {
        match self {
            Anyone => "anyone".to_owned(),
            Impure => "anyone but domain and plan".to_owned(),
            Only(owners) => owners.join(", "),
            Tests => "tests".to_owned(),
        }
    }
}

fn holder(name: &str) -> Option<Holder> {
    HOLDERS.iter().find(|(row, _)| *row == name).map(|(_, holder)| *holder)
}

fn theirs(graph: &Graph) -> impl Iterator<Item = (&str, &str, &Dependency)> {
    graph.members().flat_map(|(package, folder)| {
        let theirs = package.dependencies.iter().filter(|dependency| !dependency.ours);
        theirs.map(move |dependency| (package.name.as_str(), folder, dependency))
    })
}

#[test]
fn every_crate_from_elsewhere_is_listed() {
    let graph = Graph::load();
    let breaches: Vec<String> = theirs(&graph)
        .filter(|(_, _, dependency)| holder(&dependency.name).is_none())
        .map(|(_, folder, dependency)| format!("{folder} names {}", dependency.name))
        .collect();
    demand(
        &breaches,
        "do without it, or add it to docs/dependencies.md and to HOLDERS in \
         tests/suite/src/tidy/owners.rs with its owner and what it is for.",
    );
}

#[test]
fn a_crate_is_held_by_its_owner_alone() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for (package, folder, dependency) in theirs(&graph) {
        let outside = folder.starts_with("tests/") || folder == "loadtest";
        let Some(holder) = holder(&dependency.name) else { continue };
        if !outside && !holder.allows(package, dependency.kind) {
            let owner = holder.spoken();
            breaches.push(format!("{folder} holds {}, which is for: {owner}", dependency.name));
        }
    }
    demand(
        &breaches,
        "reach it through a port of crates/domain that the owner implements. A further owner is a \
         change to HOLDERS in tests/suite/src/tidy/owners.rs and to docs/dependencies.md.",
    );
}

#[test]
fn the_page_and_the_table_name_the_same_owners() {
    let path = repository::root().join("docs/dependencies.md");
    let page = std::fs::read_to_string(path).expect("docs/dependencies.md");
    let mut shown: Vec<String> = page.lines().filter_map(row).collect();
    let mut known: Vec<String> =
        HOLDERS.iter().map(|(name, holder)| format!("{name}: {}", holder.spoken())).collect();
    shown.sort();
    known.sort();
    let only_shown = shown.iter().filter(|row| !known.contains(row));
    let only_known = known.iter().filter(|row| !shown.contains(row));
    let breaches: Vec<String> = only_shown
        .map(|row| format!("on the page only: {row}"))
        .chain(only_known.map(|row| format!("in the table only: {row}")))
        .collect();
    demand(
        &breaches,
        "bring the table in docs/dependencies.md and HOLDERS in tests/suite/src/tidy/owners.rs \
         together: first column the crate, last column its owner.",
    );
}

/// A row of the page, ``| `crate` | … | `owner` |``, as `crate: owner`.
fn row(line: &str) -> Option<String> {
    let cells: Vec<String> = line
        .strip_prefix("| `")?
        .trim_end()
        .trim_end_matches('|')
        .split('|')
        .map(|cell| cell.replace('`', "").trim().to_owned())
        .collect();
    Some(format!("{}: {}", cells.first()?, cells.last()?))
}
