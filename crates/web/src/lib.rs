//! The HTTP door of a node: where people and programs on this machine ask it things.
//!
//! [`HttpDoor`] implements `domain::door::Door`. Every route is declared together with the check it
//! makes of its caller; a route that names none asks for the node's token.
//!
//! It never answers beyond loopback, never lets a page of another origin ask, and holds no state of
//! its own: what it shows it reads through ports.

#![expect(
    clippy::disallowed_methods,
    reason = "web: an adapter; its timers and tasks belong to real sockets and end with `serve`"
)]

mod approvals;
mod asked;
mod audit;
mod backup;
mod dead;
mod door;
mod error;
mod guard;
mod intake;
mod options;
mod patience;
mod quarantine;
mod refusal;
mod request;
mod routes;
mod runs;
mod sessions;

pub use door::HttpDoor;
pub use error::Error;
pub use options::Options;
pub use routes::{Bell, Ports};
