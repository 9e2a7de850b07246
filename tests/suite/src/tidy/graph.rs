//! The packages and their edges, as cargo resolves them for this machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use serde_json::Value;

use super::repository;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A dependency as a member's manifest names it.
pub(super) struct Dependency {
    pub name: String,
    pub kind: Kind,
    /// It is a folder of this repository, not a crate from elsewhere.
    pub ours: bool,
}

pub(super) struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub licence: Option<String>,
    /// Relative to the repository; only members have one.
    pub folder: Option<String>,
    pub dependencies: Vec<Dependency>,
}

pub(super) struct Graph {
    pub packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<(String, Vec<Kind>)>>,
}

impl Graph {
    pub(super) fn load() -> Graph {
        let host = host();
        let text = cargo(&["metadata", "--format-version", "1", "--filter-platform", &host]);
        let metadata: Value = serde_json::from_str(&text).expect("JSON from cargo metadata");
        let packages = list(&metadata["packages"]).map(package).map(|p| (p.id.clone(), p));
        let nodes = list(&metadata["resolve"]["nodes"]);
        Graph {
            packages: packages.collect(),
            edges: nodes
                .map(|node| (string(&node["id"]), list(&node["deps"]).map(edge).collect()))
                .collect(),
        }
    }

    /// The members of the workspace with their folders.
    pub(super) fn members(&self) -> impl Iterator<Item = (&Package, &str)> {
        self.packages.values().filter_map(|p| Some((p, p.folder.as_deref()?)))
    }

    /// What is linked into, or builds, some member, each with the chain of packages that leads to it.
    pub(super) fn built(&self) -> Vec<(&Package, String)> {
        let mut seen = BTreeSet::new();
        let mut waiting: VecDeque<(&str, String)> =
            self.members().map(|(p, _)| (p.id.as_str(), p.name.clone())).collect();
        let mut built = Vec::new();
        while let Some((id, chain)) = waiting.pop_front() {
            if !seen.insert(id) {
                continue;
            }
            for (to, kinds) in self.edges.get(id).into_iter().flatten() {
                if kinds.iter().any(|kind| *kind != Kind::Dev) {
                    waiting.push_back((to, format!("{chain} > {}", self.packages[to].name)));
                }
            }
            built.push((&self.packages[id], chain));
        }
        built
    }
}

/// Runs cargo without a network and with the lock file as it is.
pub(super) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(repository::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {} failed:\n{}\nWhat to do: where packages are missing, `cargo fetch --locked`; where \
         the lock file is old, build once without --locked and commit it.",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("text from cargo")
}

/// Packages of other platforms need not be on this machine, so the graph is asked for this one.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("text from rustc");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host line").to_owned()
}

fn package(value: &Value) -> Package {
    let member = value["source"].is_null();
    let manifest = string(&value["manifest_path"]);
    let root = repository::root();
    let folder = manifest
        .strip_prefix(root.to_str().expect("a path in UTF-8"))
        .and_then(|path| path.strip_suffix("/Cargo.toml"))
        .map(|path| path.trim_start_matches('/').to_owned());
    Package {
        id: string(&value["id"]),
        name: string(&value["name"]),
        version: string(&value["version"]),
        licence: value["license"].as_str().map(str::to_owned),
        folder: folder.filter(|_| member),
        dependencies: list(&value["dependencies"]).map(dependency).collect(),
    }
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: string(&value["name"]),
        kind: kind(&value["kind"]),
        ours: value["source"].is_null(),
    }
}

fn edge(value: &Value) -> (String, Vec<Kind>) {
    (string(&value["pkg"]), list(&value["dep_kinds"]).map(|each| kind(&each["kind"])).collect())
}

fn kind(value: &Value) -> Kind {
    match value.as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => panic!("cargo knows a kind of dependency that this test does not: {other}"),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
