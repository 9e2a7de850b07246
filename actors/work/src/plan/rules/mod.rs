//! What follows from what: a plan's decisions, with neither time nor chance but what they are told.

mod course;
mod doubt;
mod fill;
mod outcomes;
mod owed;
mod people;
mod posts;
mod record;
mod stage;
mod standing;

pub(crate) use doubt::be_reborn;
pub(crate) use outcomes::end;
pub(crate) use owed::{effect_key, owed};
pub(crate) use people::{answer, give, hear, resume};
pub(crate) use posts::{cancel, open, settle_doubt};
pub(crate) use stage::settle;
pub(crate) use standing::{asks, awaits, standing};
