//! Work that people asked for: the entities that carry it to an outcome, and the door to them.
//!
//! Entities decide and never touch the world: a step does, through the port `Tools`, and its
//! outcome comes back as something that its plan hears.

mod brief;
pub mod plan;
mod runs;
mod step;

pub use brief::{Limits, resolve};
pub use runs::Runs;
pub use step::Ports;
