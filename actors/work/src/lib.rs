//! Work that people asked for: the entities that carry it to an outcome, and the door to them.
//!
//! Entities decide and never touch the world: a step does, through the port `Tools`, and its
//! outcome comes back as something that its plan hears.

mod approvals;
mod brief;
mod descent;
mod desk;
pub mod plan;
mod rehearsal;
mod runs;
pub mod session;
mod sessions;
mod step;
mod timeline;

use domain::id::Id;
use sha2::{Digest, Sha256};

pub use approvals::Approvals;
pub use brief::{Limits, read, unresolved};
pub use descent::descend;
pub use desk::Desk;
pub use runs::Runs;
pub use sessions::Sessions;
pub use step::Ports;

/// The same name always gives the same id.
fn named(name: &str) -> Id {
    let hash = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Id::from_bytes(bytes)
}
