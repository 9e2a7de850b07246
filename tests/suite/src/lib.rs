//! The outer rings: tests that see the program, or the repository, from outside.

#[cfg(test)]
mod node;
