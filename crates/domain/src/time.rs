//! Time and chance as ports: whoever owns these owns the run, and a seed replays it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;

/// A moment of wall time, in milliseconds since the Unix epoch: what is recorded, and what a
/// deadline that must outlive its process is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This much later; the end of time at the latest, which every store can hold.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(millis).min(i64::MAX as u64))
    }

    /// How long after `earlier` this is; nothing if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Tells time and owns timers.
///
/// Everything above the adapters measures, waits and times out through this port, so a simulated
/// node can pause, drift or jump its clock without any actor noticing another way.
pub trait Clock: Send + Sync + 'static {
    /// Wall time since the Unix epoch; may jump.
    fn wall(&self) -> Duration;

    /// The same, as it is recorded.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from(self.wall().as_millis()).unwrap_or(u64::MAX))
    }

    /// Time since some fixed moment before this node started; never goes back.
    fn monotonic(&self) -> Duration;

    /// Resolves once `duration` has passed on the monotonic clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The only source of chance.
pub trait Dice: Send + Sync + 'static {
    /// Returns 64 evenly distributed bits.
    fn roll(&self) -> u64;
}
