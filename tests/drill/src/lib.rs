//! The kill drill: a real node is killed at random, again and again, and judged from outside.
//!
//! Three processes: a ledger, which is the world that steps change and which stays up; a node,
//! which is killed; and the drill, which starts both and draws the moments. When everything has
//! ended the checker reads the files of the ledger and of the node's client, and the store. It
//! believes nothing that the node says of itself.

#![expect(
    clippy::disallowed_methods,
    reason = "drill: starts and kills real processes, and is a world of its own for them"
)]

pub mod check;
mod evidence;
mod keeping;
pub mod kill;
pub mod ledger;
pub mod node;
mod people;
mod process;
mod script;
mod tools;
mod trail;
mod world;
pub mod writers;

pub use evidence::gather;
