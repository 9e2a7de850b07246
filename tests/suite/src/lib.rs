//! The outer rings of tests: what no crate can say about itself alone.
//!
//! One module is one ring, and a row in `tests/run`. Everything is compiled for tests only.

#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "suite: looks at real processes from outside, with threads and clocks of its own"
    )
)]

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod node;
#[cfg(test)]
mod otp;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod server;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod tidy;
