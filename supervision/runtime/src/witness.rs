//! A witness: told of every start and end in the tree, in the order they are known.

use crate::exit::Exit;

/// What happened to the actor at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It is up; a supervisor before its children are.
    Started,
    /// It did not come up.
    Failed,
    /// It is over.
    Stopped(Exit),
    /// Its supervisor has dealt with everything that it knew.
    AtRest,
}

/// Sees supervision at work. For traces and tests: a node without one pays nothing.
pub trait Witness: Send + Sync + 'static {
    fn saw(&self, path: &str, sight: &Sight);
}
