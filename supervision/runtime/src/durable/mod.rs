//! Entities: pure deciders that outlive every process, under one shell.
//!
//! A turn of an entity has four beats: decide what was heard, settle what follows, record it as one
//! append, and only then act. Birth is claim, read, fold, and hear how it was left; first start,
//! restart and take-over are this one path, so nobody writes recovery twice.

mod entity;
mod history;
mod house;
mod keeper;
mod replay;
mod shell;
mod step;
mod timers;
mod turn;
mod view;

pub use entity::{Decision, Ended, Entity, Heard, Job, Moment, Owed};
pub use house::{Bells, Durable, Kinds};
pub use replay::{Replayed, replay};
pub use view::view;
