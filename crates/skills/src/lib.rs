//! The tools of a node: `shell`, `http` and the actions that blueprints name, and the guard that
//! every subprocess runs under.
//!
//! [`Toolbox`] implements `domain::tool::Tools`. What it starts ends with the call that started it:
//! a subprocess and everything it leaves behind is the charge of a [`guard`], which outlives the
//! node just long enough to end them, and [`hands_down`] waits for the guards of an earlier node.
//!
//! It never reads the environment, keeps no state between two calls, and repeats nothing by itself.

#![expect(
    clippy::disallowed_methods,
    reason = "skills: an adapter; its timers belong to real processes and sockets and end with \
              the call they bound"
)]

mod actions;
mod arguments;
mod command;
mod errand;
pub mod guard;
pub mod hands;
mod http;
mod keep;
mod options;
mod processes;
mod shell;
mod toolbox;

pub use hands::{close_inherited, hands_down};
pub use options::{Environment, Options};
pub use toolbox::{Error, Toolbox};
