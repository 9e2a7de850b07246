//! The outer rings of tests: what no crate can say about itself alone.
//!
//! One module is one ring, and a row in `tests/run`. Everything is compiled for tests only.

#[cfg(test)]
mod node;
#[cfg(test)]
mod tidy;
