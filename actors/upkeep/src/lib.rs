//! Actors that keep the house itself in order.

pub mod janitor;
pub mod lease;
pub mod timer;
