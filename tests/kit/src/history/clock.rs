//! The clock of a simulated replay.

use std::time::Duration;

use domain::BoxFuture;
use domain::time::Clock;
use tokio::time::Instant;

/// The paused clock of the runtime it was made on, counted from that moment.
pub(super) struct PausedClock {
    began: Instant,
}

#[expect(clippy::disallowed_methods, reason = "kit: a clock is what everybody else goes through")]
impl PausedClock {
    pub(super) fn new() -> Self {
        PausedClock { began: Instant::now() }
    }
}

#[expect(clippy::disallowed_methods, reason = "kit: a clock is what everybody else goes through")]
impl Clock for PausedClock {
    fn wall(&self) -> Duration {
        self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
