//! The journal on disk: what `domain::journal` and `domain::records` promise, kept by SQLite.
//!
//! [`Sqlite`] is one file in the data folder, written by one thread. It knows no entity, no rule
//! and no actor; it keeps rows, and refuses who comes late. [`backup`] copies it while it is in
//! use, and [`check`] reads a copy from end to end.

mod backup;
mod chain;
pub mod postgres;
mod rows;
mod sqlite;
pub mod transfer;

pub use backup::{BackupError, Checked, Pace, backup, check, is_in, restore};
pub use sqlite::{OpenError, Options, Sqlite, Written};
