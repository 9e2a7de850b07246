//! What tests stand on: histories of supervision, and nodes that live in a simulated world.

pub mod chance;
pub mod history;
pub mod journal;
pub mod world;
