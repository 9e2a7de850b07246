//! The tools with real processes and real sockets: what a call is given, what it brings, and that
//! nothing of it is left however it ends.

#![expect(
    clippy::disallowed_methods,
    reason = "looks at real processes from outside, and measures how long they take"
)]

mod apply_patch;
mod bench;
mod checks;
mod context_pack;
mod diff_report;
mod ends;
mod http;
mod shell;
mod workspaces;
mod yard;
