//! The words of the house: the values every other crate passes around, and the ports they meet at.
//!
//! Nothing here performs anything: no I/O, no async runtime, no clock. A type moves down into this
//! crate the day a second crate needs it, not before.

pub mod approval;
pub mod backup;
pub mod blob;
pub mod conversation;
pub mod door;
pub mod duration;
pub mod id;
pub mod journal;
pub mod lease;
pub mod mutants;
pub mod nearest;
pub mod policy;
pub mod priority;
pub mod records;
pub mod run;
pub mod signals;
pub mod time;
pub mod token;
pub mod tool;
pub mod tree;
pub mod wire;

use std::future::Future;
use std::pin::Pin;

/// A future that a port hands out: boxed, so that ports stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An error from beyond a port, carried as a source and never repeated in `Display`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
