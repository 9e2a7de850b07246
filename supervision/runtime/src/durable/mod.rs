//! Entities: pure deciders that outlive every process, under one shell.
//!
//! A turn of an entity has four beats: decide what was heard, settle what follows, record it as one
//! append, and only then act. Birth is claim, read, fold, and hear how it was left; first start,
//! restart and take-over are this one path, so nobody writes recovery twice.

mod entity;
mod history;
mod house;
mod keeper;
mod lanes;
mod mail;
mod permits;
mod quiet;
mod replay;
mod shell;
mod step;
mod timers;
mod turn;

pub use entity::{Admission, Bench, Decision, Ended, Entity, Heard, Job, Moment, Owed};
pub use history::{Past, past};
pub use house::{Durable, Fittings, Kinds};
pub use lanes::{Lane, Lanes};
pub use mail::{Mail, Unheard};
pub use replay::{Replayed, replay};
