//! Actors that keep the house itself in order.

pub mod timer;
