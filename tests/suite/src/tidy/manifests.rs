//! What every manifest says: versions and lints from the workspace, and panics that unwind.

use toml::{Table, Value};

use super::graph::{self, Graph};
use super::{demand, repository};

const DEPENDENCIES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];
/// The profiles that cargo has by itself; its `test` and `bench` follow these two.
const PROFILES: &[&str] = &["dev", "release"];

#[test]
fn every_member_takes_lints_and_versions_from_the_workspace() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for (_, folder) in graph.members() {
        let manifest = manifest(folder);
        let mut demand_inherited = |place: &str, value: Option<&Value>| {
            if !inherits(value) {
                breaches.push(format!("{folder}/Cargo.toml: {place}"));
            }
        };
        demand_inherited("lints", manifest.get("lints"));
        for key in INHERITED {
            demand_inherited(key, manifest.get("package").and_then(|package| package.get(*key)));
        }
        for table in dependency_tables(&manifest) {
            for (name, value) in table {
                demand_inherited(name, Some(value));
            }
        }
    }
    demand(
        &breaches,
        "write `lints` as `[lints] workspace = true` and the others as `NAME.workspace = true`; \
         versions, paths and features of dependencies live in [workspace.dependencies] alone.",
    );
}

#[test]
fn a_panic_unwinds_in_every_profile() {
    let root = manifest("");
    let profiles = root.get("profile").and_then(Value::as_table).cloned().unwrap_or_default();
    let missing = PROFILES.iter().filter(|name| !profiles.contains_key(**name));
    let mut breaches: Vec<String> = missing.map(|name| format!("profile.{name}")).collect();
    let unwinds = |profile: &Value| profile.get("panic").and_then(Value::as_str) == Some("unwind");
    let others = profiles.iter().filter(|(_, profile)| !unwinds(profile));
    breaches.extend(others.map(|(name, _)| format!("profile.{name}")));
    for file in repository::files() {
        let aborts = |line: &str| line.replace([' ', '"', '\''], "").contains("panic=abort");
        let settings = file.has_extension("toml") || file.path.starts_with("deploy/");
        for (number, _) in file.lines().filter(|(_, line)| settings && aborts(line)) {
            breaches.push(format!("{}:{number}", file.path));
        }
    }
    demand(
        &breaches,
        "write `panic = \"unwind\"` there: a supervisor can only mend a panic that unwinds to it.",
    );
}

#[test]
fn only_the_drill_asks_for_mutants() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for (_, folder) in graph.members() {
        let manifest = manifest(folder);
        let asks = |value: &Value| value.to_string().contains("mutants");
        let its = dependency_tables(&manifest).into_iter().flatten();
        let its = its.filter(|(_, value)| folder != "tests/drill" && asks(value));
        breaches.extend(its.map(|(name, _)| format!("{folder}/Cargo.toml: {name}")));
        let features = manifest.get("features").and_then(Value::as_table);
        let others = features.into_iter().flatten().filter(|(_, value)| asks(value));
        breaches.extend(others.map(|(name, _)| format!("{folder}/Cargo.toml: feature {name}")));
    }
    demand(
        &breaches,
        "leave the feature `mutants` of domain to tests/drill, and let no other feature imply it.",
    );
}

#[test]
fn the_product_has_no_feature_that_only_tests_need() {
    let graph = Graph::load();
    if !graph.members().any(|(_, folder)| folder == "crates/lares") {
        return; // No product yet, so nothing that tests could have leaked into.
    }
    let tree = graph::cargo(&[
        "tree",
        "-p",
        "lares",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p} | {f}",
    ]);
    let leaked = tree.lines().filter(|line| {
        let features = line.rsplit(" | ").next().unwrap_or_default();
        features.split([',', ' ']).any(|feature| ["test-util", "mutants"].contains(&feature))
    });
    let mut breaches: Vec<String> = leaked.map(str::to_owned).collect();
    breaches.sort();
    breaches.dedup();
    demand(
        &breaches,
        "switch `test-util` on in tests/kit or in dev-dependencies only, and `mutants` in tests/drill; \
         `cargo tree -p lares -e features,normal -i CRATE` shows who asks for them.",
    );
}

fn manifest(folder: &str) -> Table {
    let path = repository::root().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(path).expect("a manifest");
    text.parse().expect("a manifest in TOML")
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// The tables of dependencies in a manifest, those for one platform included.
fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets =
        targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    let places = std::iter::once(manifest).chain(targets);
    places
        .flat_map(|place| DEPENDENCIES.iter().filter_map(|name| place.get(*name)?.as_table()))
        .collect()
}
