//! Where somebody waits until nothing is at work: no permit is out, and no child is left.

use std::pin::pin;

use tokio::sync::Notify;

/// Whoever gives the last of something back says so here; whoever waits looks again then.
#[derive(Default)]
pub(super) struct Quiet(Notify);

impl Quiet {
    /// Something has ended that somebody may wait for the end of.
    pub(super) fn look(&self) {
        self.0.notify_waiters();
    }

    /// Waits until this holds.
    pub(super) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut looked = pin!(self.0.notified());
            // Before it is looked: what ends in between is not missed.
            looked.as_mut().enable();
            if holds() {
                return;
            }
            looked.await;
        }
    }
}
