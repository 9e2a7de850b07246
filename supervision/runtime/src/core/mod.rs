//! The supervisor's rules as pure state machines: an event goes in, effects come out.
//!
//! No clock, no dice, no waiting: whoever drives a machine tells it the time of each event and
//! carries out the effects in their order. [`Ordered`] holds children that start from left to
//! right and stop from right to left, one transition at a time; [`Dynamic`] holds children of one
//! template that know nothing of each other, one transition at a time for each of them.
//!
//! An `Ended` event says that an incarnation is *over*: its handler, its tasks and its blocking
//! work have ended, or it was fenced. The driver owes that; nothing here would notice.

mod dynamic;
mod ordered;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use dynamic::Dynamic;
pub use ordered::Ordered;

use crate::spec::{AutoShutdown, Intensity, Terms};

/// Names one child specification within its supervisor, in the order of their arrival.
pub type Key = u64;

/// Counts the lives of one child, from 1.
pub type Life = u32;

/// Names one question to the supervisor, so that its answer finds the way back.
pub type CallId = u64;

/// How an incarnation ended, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself with success, or because it was asked to.
    Clean,
    /// In any other way.
    Crash,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Start everything, from left to right.
    Begin,
    Started(Key, Life),
    StartFailed(Key, Life),
    Ended(Key, Life, End),
    /// The time of a `Retry` effect has come.
    Retry(Key, Life),
    Call(CallId, Call),
    /// The parent asks this supervisor to end.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Start(Arc<str>, Terms),
    Terminate(Arc<str>),
    Restart(Arc<str>),
    Delete(Arc<str>),
}

/// What the driver must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The child of this call now has this key.
    Adopt(Key, CallId),
    /// Bring up a new incarnation; answer with `Started` or `StartFailed`.
    Start(Key, Life),
    /// Ask this incarnation to end, as its specification says; answer with `Ended` once it is over.
    Stop(Key, Life),
    /// Send `Retry` back: after everything that already waits, or under a back-off when the delay
    /// of this attempt has passed.
    Retry(Key, Life, Option<u32>),
    /// The child waits with a sibling that is in back-off.
    Hold(Key),
    /// The child is down and stays down until somebody acts; its mailbox is closed.
    Rest(Key),
    /// The child crashed too often for its own intensity; it stays down, its siblings go on.
    Quarantine(Key),
    /// The specification is gone; so is its mailbox.
    Forget(Key),
    Answer(CallId, Result<Key, Refusal>),
    /// Every child of the first start is up.
    Ready,
    /// Too many restarts; what follows is the end of this supervisor.
    GaveUp(Key),
    /// Nothing below is left; this supervisor is over.
    Exit(Verdict),
}

/// Why a supervisor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Asked to, gave up, or shut itself down after its significant children.
    Shutdown,
    /// Its first start failed at this child.
    StartFailed(Key),
}

/// Why a call to a supervisor was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a child of this id is already running")]
    AlreadyStarted,
    #[error("a child of this id exists; restart it or delete it first")]
    AlreadyPresent,
    #[error("no child has this id")]
    NotFound,
    #[error("the child is running")]
    Running,
    #[error("the child is being restarted")]
    Restarting,
    #[error("the child crashed too often and is quarantined; terminate it first")]
    Quarantined,
    #[error("children of a dynamic supervisor cannot be restarted or deleted, only terminated")]
    Dynamic,
    #[error("the child did not start")]
    StartFailed,
    #[error("{0}")]
    Contradiction(&'static str),
    #[error("too many calls wait for this supervisor; try again later")]
    Busy,
    #[error("the supervisor is ending")]
    Ending,
    #[error("the caller was cut off by the watchdog")]
    Fenced,
}

/// The calls that may wait for a supervisor in transition; one more is refused.
pub const CALLS_WAITING_MAX: usize = 1024;

/// Remembers restarts within the period, newest last; never longer than the intensity plus one.
#[derive(Debug, Clone, Default)]
struct RestartLog {
    seconds: VecDeque<u64>,
}

impl RestartLog {
    /// Notes a restart and tells whether the intensity still holds.
    fn add(&mut self, intensity: Intensity, at: Duration) -> bool {
        let now = at.as_secs();
        let oldest = now.saturating_sub(intensity.period_s);
        while self.seconds.front().is_some_and(|second| *second < oldest) {
            self.seconds.pop_front();
        }
        self.seconds.push_back(now);
        self.seconds.len() <= intensity.restarts_max as usize
    }
}

/// What a supervisor is asked to hold itself to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub intensity: Intensity,
    pub auto_shutdown: AutoShutdown,
}

/// Whether the present series of quick ends allows another attempt, and its number.
fn next_attempt(terms: &Terms, attempts: &mut u32, lived: Option<Duration>) -> Option<u32> {
    let backoff = terms.backoff?;
    if lived.is_some_and(|lived| lived >= backoff.stable) {
        *attempts = 0;
    }
    *attempts += 1;
    (*attempts <= backoff.attempts_max).then_some(*attempts)
}
