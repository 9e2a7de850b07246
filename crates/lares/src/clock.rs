//! The system's time, and tokio's timers.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::BoxFuture;
use domain::time::Clock;

/// The clock of the product.
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // A machine whose clock stands before 1970 has no better answer than the beginning.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}
