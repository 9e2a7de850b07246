//! The journal on disk: what `domain::journal` promises, kept by SQLite.
//!
//! [`Sqlite`] is one file in the data folder, written by one thread. It knows no entity, no rule
//! and no actor; it keeps rows, and refuses who comes late.

mod sqlite;

pub use sqlite::{OpenError, Options, Sqlite};
