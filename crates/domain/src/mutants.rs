//! Faults that tests put into the product on purpose, to see that whoever judges it finds them.
//!
//! Without the feature `mutants`, which no product has, there are none: every question is answered
//! by a constant.

#[cfg(feature = "mutants")]
use std::sync::atomic::{AtomicU8, Ordering};

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The journal takes appends of writers that were superseded.
    NoEpochCheck,
    /// The journal answers before the commit.
    AckBeforeCommit,
    /// The journal takes the same key again.
    NoInboxDedupe,
    /// A step says that it is done, and does it afterwards.
    OutcomeBeforeEffect,
    /// A history that cannot be read is begun afresh.
    EmptyOnUnreadable,
    /// A plan does again what a crash has cut off, whatever a second time would do.
    RepeatUnsafe,
    /// A plan takes an answer to an approval that has one, and goes by it.
    AnswerTwice,
    /// What was in doubt and has happened is not taken back.
    ForgetSettled,
}

impl Mutant {
    pub const ALL: [Mutant; 8] = [
        Mutant::NoEpochCheck,
        Mutant::AckBeforeCommit,
        Mutant::NoInboxDedupe,
        Mutant::OutcomeBeforeEffect,
        Mutant::EmptyOnUnreadable,
        Mutant::RepeatUnsafe,
        Mutant::AnswerTwice,
        Mutant::ForgetSettled,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Mutant::NoEpochCheck => "no-epoch-check",
            Mutant::AckBeforeCommit => "ack-before-commit",
            Mutant::NoInboxDedupe => "no-inbox-dedupe",
            Mutant::OutcomeBeforeEffect => "outcome-before-effect",
            Mutant::EmptyOnUnreadable => "empty-on-unreadable",
            Mutant::RepeatUnsafe => "repeat-unsafe",
            Mutant::AnswerTwice => "answer-twice",
            Mutant::ForgetSettled => "forget-settled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Mutant::ALL.into_iter().find(|mutant| mutant.name() == name)
    }
}

/// The one that this process was made to be, by its place in `ALL` from 1; 0 is none.
#[cfg(feature = "mutants")]
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// Whether this process breaks this promise.
#[cfg(feature = "mutants")]
pub fn is(mutant: Mutant) -> bool {
    CHOSEN.load(Ordering::Relaxed) == mutant as u8 + 1
}

/// Whether this process breaks this promise. It does not.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn is(_mutant: Mutant) -> bool {
    false
}

/// From now on this process breaks it. Only for a process that was started for that.
#[cfg(feature = "mutants")]
pub fn become_one(mutant: Mutant) {
    CHOSEN.store(mutant as u8 + 1, Ordering::Relaxed);
}
