//! OTP's supervision contract on ractor.
//!
//! A tree is written down as values ([`Supervisor`], [`Worker`]), checked as a whole and planted
//! on a [`Node`]. Supervisors start children from left to right and stop them from right to left;
//! what crashes is restarted by its supervisor's strategy, up to an intensity, beyond which the
//! supervisor gives up and its parent decides. Never are two incarnations of one actor able to
//! act: the old one is over, or fenced, before the new one starts.
//!
//! `core` holds the rules as pure state machines; `supervisor` and `worker` carry them out on
//! ractor, and nothing of ractor leaves this crate. Callers hold a [`Handle`].

#![expect(
    clippy::disallowed_types,
    reason = "the one crate that holds ractor, and lets none of it out"
)]

mod actor;
mod alarms;
mod child;
mod clock;
pub mod core;
pub mod durable;
mod exit;
mod handle;
mod incarnation;
mod mailbox;
mod names;
mod node;
mod panics;
mod patience;
mod question;
mod seat;
pub mod spec;
mod supervisor;
mod threads;
mod watchdog;
mod witness;
mod worker;

pub use actor::{Actor, Context, Leave, Next, Unserved};
pub use child::{Child, Supervisor, Template, Worker};
pub use clock::SystemClock;
pub use exit::Exit;
pub use handle::{Handle, Unanswered};
pub use mailbox::{Bounds, Message, Refused, Why};
pub use names::Unclaimed;
pub use node::{Error, Node, Options, Phase};
pub use question::Reply;
pub use supervisor::{Kid, SupervisorHandle, Tally};
pub use threads::Class;
pub use witness::{Sight, Witness};
