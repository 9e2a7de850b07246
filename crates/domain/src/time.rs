//! Time and chance as ports: whoever owns these owns the run, and a seed replays it.

use std::time::Duration;

use crate::BoxFuture;

/// Tells time and owns timers.
///
/// Everything above the adapters measures, waits and times out through this port, so a simulated
/// node can pause, drift or jump its clock without any actor noticing another way.
pub trait Clock: Send + Sync + 'static {
    /// Wall time since the Unix epoch; may jump.
    fn wall(&self) -> Duration;

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
