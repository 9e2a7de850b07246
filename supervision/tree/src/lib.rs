//! Who supervises whom: the tree of a node as one readable value.

use std::sync::Arc;

use domain::door::Door;
use runtime::spec::{Intensity, Strategy};
use runtime::{Node, Supervisor};

/// The ports that actors of the tree work through.
pub struct Ports {
    pub http: Arc<dyn Door>,
}

/// What a supervisor of the house accepts before it gives up.
const PATIENCE: Intensity = Intensity { restarts_max: 5, period_s: 10 };

/// What the root accepts. A part of the house that keeps coming back after minutes of trying is as
/// lost as one that crashes in a loop, and a new process may mend what this one cannot.
const ROOT_PATIENCE: Intensity = Intensity { restarts_max: 3, period_s: 600 };

/// The root, with everybody below it in the order of their start; they stop in reverse.
///
/// ```text
/// root          one_for_one   gives up → the process ends, and its manager starts it again
/// ├─ upkeep     one_for_one   timer
/// └─ doors      one_for_one   http         last to open, first to close
/// ```
pub fn root(node: &Node, ports: &Ports) -> Supervisor {
    let upkeep = Supervisor::new("upkeep", Strategy::OneForOne)
        .intensity(PATIENCE)
        .child(upkeep::timer::spec(node).0);
    let doors = Supervisor::new("doors", Strategy::OneForOne)
        .intensity(PATIENCE)
        .child(edge::http::spec(node, Arc::clone(&ports.http)));
    Supervisor::new("root", Strategy::OneForOne)
        .intensity(ROOT_PATIENCE)
        .child(upkeep.as_child())
        .child(doors.as_child())
}
