//! The real tree in a simulated world: no sockets, no threads, and every fault that a seed finds.

mod checker;
mod crashes;
mod house;
mod people;
mod relay;
mod schedules;
mod script;
mod stage;
mod takeover;
mod workflow;
mod written;

use std::sync::Arc;

use domain::policy::TokenBearer;
use kit::world::Site;
use runtime::durable::Lanes;
use tree::{Ports, Upkeep};

const NODE: &str = "a";
const OTHER: &str = "b";
const HTTP: &str = "http";

fn ports(site: &Site<'_>) -> Ports {
    Ports {
        journal: site.journal(),
        boot: site.boot_id(),
        tools: site.tools(),
        policy: Arc::new(TokenBearer),
        lanes: Lanes { permits: [("narrow".into(), 1)].into(), others: 16 },
    }
}

fn upkeep(site: &Site<'_>) -> Upkeep {
    Upkeep { records: site.records(), plan: Default::default(), lease: None }
}
