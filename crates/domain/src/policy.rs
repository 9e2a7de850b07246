//! Policy: what may be done, by whom. Judged before a step is begun, from memory.

use crate::id::Address;

/// Something that is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// On whose behalf: whoever opened this entity.
    pub entity: Address,
    pub tool: &'a str,
    /// The hash of its arguments: what was judged is what is done.
    pub digest: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Why, and what to do about it.
    Denied(String),
}

/// The port. It never waits, so it is asked in the middle of a turn.
pub trait Policy: Send + Sync + 'static {
    fn judge(&self, act: &Act<'_>) -> Verdict;
}

/// Who holds the token of the node may do whatever the script says; nobody else gets as far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBearer;

impl Policy for TokenBearer {
    fn judge(&self, _act: &Act<'_>) -> Verdict {
        Verdict::Allowed
    }
}
