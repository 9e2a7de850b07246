//! Who supervises whom: the tree of a node as one readable value.

use std::sync::Arc;

use domain::door::Door;
use domain::journal::{Boot, Journal};
use domain::policy::Policy;
use domain::records::Records;
use domain::tool::Tools;
use runtime::durable::{Durable, Fittings, Kinds, Lanes};
use runtime::spec::{Intensity, Strategy};
use runtime::{Node, Supervisor};
use work::plan::Plan;
use work::session::Session;

/// The ports that entities work through.
pub struct Ports {
    pub journal: Arc<dyn Journal>,
    pub boot: Boot,
    pub tools: Arc<dyn Tools>,
    pub policy: Arc<dyn Policy>,
    pub lanes: Lanes,
}

/// What is kept in order, and how.
pub struct Upkeep {
    pub records: Arc<dyn Records>,
    pub plan: upkeep::janitor::Plan,
    /// Nothing where nobody else could have what this node has.
    pub lease: Option<upkeep::lease::Plan>,
}

/// What a supervisor of the house accepts before it gives up.
const PATIENCE: Intensity = Intensity { restarts_max: 5, period_s: 10 };

/// What the root accepts. A part of the house that keeps coming back after minutes of trying is as
/// lost as one that crashes in a loop, and a new process may mend what this one cannot.
const ROOT_PATIENCE: Intensity = Intensity { restarts_max: 3, period_s: 600 };

/// Everybody who outlives the node: doors post to them before the tree is planted.
pub fn entities(node: &Node, ports: Ports) -> Durable {
    let Ports { journal, boot, tools, policy, lanes } = ports;
    let hands = work::Ports { tools, journal: Arc::clone(&journal) };
    let kinds = Kinds::default().with::<Session>(()).with::<Plan>(hands);
    Durable::new(node, Fittings { journal, boot, policy, lanes, kinds })
}

/// The root, with everybody below it in the order of their start; they stop in reverse.
///
/// ```text
/// root          one_for_one   gives up → the process ends, and its manager starts it again
/// ├─ durable    rest_for_one  steps → entities → timers → keeper
/// ├─ upkeep     one_for_one   timer, janitor, lease
/// └─ doors      one_for_one   http         last to open, first to close
/// ```
pub fn root(node: &Node, entities: &Durable, upkeep: Upkeep, http: Arc<dyn Door>) -> Supervisor {
    let Upkeep { records, plan, lease } = upkeep;
    let keeping = Supervisor::new("upkeep", Strategy::OneForOne)
        .intensity(PATIENCE)
        .child(upkeep::timer::spec(node).0)
        .child(upkeep::janitor::spec(node, records, plan));
    let upkeep = lease
        .into_iter()
        .fold(keeping, |keeping, lease| keeping.child(upkeep::lease::spec(node, lease)));
    let doors = Supervisor::new("doors", Strategy::OneForOne)
        .intensity(PATIENCE)
        .child(edge::http::spec(node, http));
    Supervisor::new("root", Strategy::OneForOne)
        .intensity(ROOT_PATIENCE)
        .child(entities.as_child())
        .child(upkeep.as_child())
        .child(doors.as_child())
}
