//! The floor plan: who may import whom among our own packages.

use super::demand;
use super::graph::{Dependency, Graph, Kind};

/// What a package may import of ours.
enum Reach {
    /// These, by name.
    These(&'static [&'static str]),
    /// Everything but the packages that only tests and measures use.
    Product,
    Everything,
}

use Reach::{Everything, Product, These};

/// An adapter sees the words of the house and no other adapter, and never an actor.
const ADAPTER: Reach = These(&["domain"]);
const RUNTIME_ABOVE_DOMAIN: Reach = These(&["domain", "runtime"]);
/// Actors decide and wait; whatever touches the world reaches them as a port of `domain`.
const ACTORS: Reach = These(&["domain", "plan", "runtime"]);

/// Folder (its last part is the package's name) and reach. A row may come before its package.
const FLOOR_PLAN: &[(&str, Reach)] = &[
    ("crates/domain", These(&[])),
    ("crates/plan", These(&["domain"])),
    ("crates/store", ADAPTER),
    ("crates/llm", ADAPTER),
    ("crates/guard", ADAPTER),
    ("crates/skills", ADAPTER),
    ("crates/channels", ADAPTER),
    ("crates/fabric", ADAPTER),
    ("crates/browser", ADAPTER),
    ("crates/infra", ADAPTER),
    ("crates/web", ADAPTER),
    ("crates/cli", ADAPTER),
    ("crates/lares", Product),
    ("supervision/runtime", These(&["domain"])),
    ("supervision/cluster", RUNTIME_ABOVE_DOMAIN),
    (
        "supervision/tree",
        These(&["domain", "plan", "runtime", "cluster", "work", "edge", "upkeep"]),
    ),
    ("actors/work", ACTORS),
    ("actors/edge", ACTORS),
    ("actors/upkeep", ACTORS),
    ("tests/drill", Everything),
    ("tests/kit", RUNTIME_ABOVE_DOMAIN),
    ("tests/suite", Everything),
    ("loadtest", Everything),
];

const OUTSIDE_THE_PRODUCT: &[&str] = &["drill", "kit", "suite", "loadtest"];

impl Reach {
    fn allows(&self, dependency: &Dependency) -> bool {
        // The simulated world is there for everybody's tests, and for tests alone.
        let name = dependency.name.as_str();
        (name == "kit" && dependency.kind == Kind::Dev)
            || match self {
                These(names) => names.contains(&name),
                Product => !OUTSIDE_THE_PRODUCT.contains(&name),
                Everything => true,
            }
    }
}

#[test]
fn every_package_is_on_the_floor_plan() {
    let graph = Graph::load();
    let known = |folder: &str| FLOOR_PLAN.iter().any(|(row, _)| *row == folder);
    let strays = graph.members().filter(|(package, folder)| {
        let name = folder.rsplit('/').next();
        !known(folder) || name != Some(package.name.as_str())
    });
    let breaches: Vec<String> =
        strays.map(|(package, folder)| format!("package {} in {folder}", package.name)).collect();
    demand(
        &breaches,
        "give the package the name of its folder, and add a row to FLOOR_PLAN in \
         tests/suite/src/tidy/imports.rs and to the code map in docs/architecture.md.",
    );
}

#[test]
fn nobody_imports_beyond_the_floor_plan() {
    let graph = Graph::load();
    let mut breaches = Vec::new();
    for (package, folder) in graph.members() {
        let Some((_, reach)) = FLOOR_PLAN.iter().find(|(row, _)| *row == folder) else { continue };
        let ours = package.dependencies.iter().filter(|dependency| dependency.ours);
        for dependency in ours.filter(|dependency| !reach.allows(dependency)) {
            breaches.push(format!("{folder} imports {}", dependency.name));
        }
    }
    demand(
        &breaches,
        "move the shared type down into crates/domain, put a port there that the other side \
         implements, or wire the two in crates/lares. The plan is FLOOR_PLAN in \
         tests/suite/src/tidy/imports.rs; to change it takes a decision record.",
    );
}
