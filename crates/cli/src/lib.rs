//! The verbs that talk to a running node, and how they find it.
//!
//! A verb is a module with its `Arguments` and one `run`. It asks the node over HTTP and writes
//! what it learned to the writer it is given. It reads no environment and ends no process: `lares`
//! hands plain values down and turns an [`Error`] into an [`Exit`].

#![expect(
    clippy::disallowed_methods,
    reason = "cli: an adapter; its one timer waits for a node that a person waits for as well"
)]

pub mod approvals;
pub mod approve;
mod ask;
pub mod audit;
pub mod backup;
mod call;
mod client;
pub mod dead;
pub mod doubt;
pub mod doubts;
mod error;
mod exit;
pub mod find;
mod follow;
mod node;
mod place;
pub mod quarantine;
pub mod run;
pub mod runs;
mod story;
mod text;
pub mod top;
pub mod tree;

pub use client::Client;
pub use error::Error;
pub use exit::Exit;
pub use node::{Node, is_running};

/// Where a node keeps what is its own when nobody says otherwise.
pub const DATA_DEFAULT: &str = "lares-data";
