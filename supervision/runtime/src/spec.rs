//! Child specifications as values: what a supervisor must know about a child before it lives.

use std::time::Duration;

/// When a child that ended is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only when it did not end well.
    Transient,
    /// Never; and once it is over its specification is forgotten.
    Temporary,
}

/// How a child is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Not asked: killed.
    Brutal,
    /// Asked, and killed when this much time has passed.
    Deadline(Duration),
    /// Asked, and waited for however long it takes. For supervisors, whose children have deadlines.
    Unbounded,
}

/// Which siblings share the fate of a child that is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    OneForOne,
    OneForAll,
    RestForOne,
}

/// When a supervisor ends by itself because children it calls significant have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoShutdown {
    Never,
    AnySignificant,
    AllSignificant,
}

/// How many restarts a supervisor accepts within a period before it gives up.
///
/// The period counts in whole seconds of the monotonic clock, as OTP's does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    pub restarts_max: u32,
    pub period_s: u64,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { restarts_max: 1, period_s: 5 }
    }
}

/// Spaces out the restarts of one child, so that a dead dependency does not burn the intensity.
///
/// A restart under back-off does not count towards the intensity; a series longer than
/// `attempts_max` does, as reaching it. A series ends when an incarnation lived for `stable`.
///
/// A sibling's restart that takes the child along, under `one_for_all` or `rest_for_one`, starts it
/// with the group and does not wait for what is left of the delay; the series goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub cap: Duration,
    pub stable: Duration,
    pub attempts_max: u32,
}

impl Backoff {
    /// The longest wait before attempt `attempt` (from 1): doubles each time, up to the cap.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first.saturating_mul(1_u32 << doublings).min(self.cap)
    }

    /// The wait before attempt `attempt`: between half and all of the ceiling, as the dice fell.
    pub fn delay(&self, attempt: u32, roll: u64) -> Duration {
        let ceiling = self.ceiling(attempt);
        let half = ceiling / 2;
        let share = (roll >> 32) as u32;
        half + Duration::from_nanos(
            (u128::from(share) * half.as_nanos() / u128::from(u32::MAX)) as u64,
        )
    }
}

/// What decides over a child's restarts: the part of its specification that the rules read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub restart: Restart,
    /// Counts for the supervisor's automatic shutdown.
    pub significant: bool,
    pub backoff: Option<Backoff>,
}

/// A specification that contradicts itself, with the path to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Contradiction {
    pub path: String,
    pub what: &'static str,
}

impl Intensity {
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.period_s == 0 {
            return Err("an intensity needs a period of at least 1 second");
        }
        Ok(())
    }
}

impl Terms {
    pub(crate) fn check(&self, auto_shutdown: AutoShutdown) -> Result<(), &'static str> {
        if self.significant && auto_shutdown == AutoShutdown::Never {
            return Err("a significant child needs a supervisor with an automatic shutdown");
        }
        if self.significant && self.restart == Restart::Permanent {
            return Err("a permanent child never ends for good, so it cannot be significant");
        }
        match self.backoff {
            Some(backoff) if backoff.attempts_max == 0 => {
                Err("a back-off of 0 attempts never restarts; make the child temporary")
            }
            Some(backoff) if backoff.first.is_zero() || backoff.cap < backoff.first => {
                Err("a back-off must begin above zero and end at or above where it began")
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
