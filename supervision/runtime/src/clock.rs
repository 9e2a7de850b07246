//! The clock of a real node: the one adapter that touches the machine's time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::BoxFuture;
use domain::time::Clock;

/// Wall time, monotonic time and timers of this machine.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter that everybody else goes through"
)]
impl SystemClock {
    pub fn new() -> Self {
        SystemClock { began: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter that everybody else goes through"
)]
impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
