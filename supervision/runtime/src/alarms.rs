//! The timers of one supervisor: many deadlines, one sleeping task.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::time::Clock;
use tokio::task::AbortHandle;

/// When, and which of several at that moment.
pub(crate) type AlarmId = (Duration, u64);

/// Deadlines in order. `T` says what is due.
pub(crate) struct Alarms<T> {
    pending: BTreeMap<AlarmId, T>,
    count: u64,
    sleeper: Option<(Duration, AbortHandle)>,
}

impl<T> Alarms<T> {
    pub(crate) fn new() -> Self {
        Alarms { pending: BTreeMap::new(), count: 0, sleeper: None }
    }

    /// Sets an alarm; `ring` is what the sleeping task calls when the earliest one is due.
    pub(crate) fn set(
        &mut self,
        at: Duration,
        due: T,
        clock: &dyn Clock,
        ring: impl FnOnce() + Send + 'static,
    ) -> AlarmId {
        self.count += 1;
        let id = (at, self.count);
        self.pending.insert(id, due);
        self.sleep_until_first(clock, ring);
        id
    }

    pub(crate) fn cancel(&mut self, id: AlarmId) {
        self.pending.remove(&id);
    }

    /// Takes out what is due, earliest first.
    pub(crate) fn due(
        &mut self,
        clock: &dyn Clock,
        ring: impl FnOnce() + Send + 'static,
    ) -> Vec<T> {
        let later = self.pending.split_off(&(clock.monotonic(), u64::MAX));
        let due = std::mem::replace(&mut self.pending, later);
        self.sleeper = None;
        self.sleep_until_first(clock, ring);
        due.into_values().collect()
    }

    fn sleep_until_first(&mut self, clock: &dyn Clock, ring: impl FnOnce() + Send + 'static) {
        let Some(((first, _), _)) = self.pending.first_key_value() else { return };
        match &self.sleeper {
            Some((until, _)) if until <= first => return,
            Some((_, sleeper)) => sleeper.abort(),
            None => {}
        }
        let sleep = clock.sleep(first.saturating_sub(clock.monotonic()));
        self.sleeper = Some((*first, spawn_sleeper(sleep, ring)));
    }
}

#[expect(clippy::disallowed_methods, reason = "its own task, aborted with the supervisor")]
fn spawn_sleeper(
    sleep: domain::BoxFuture<'static, ()>,
    ring: impl FnOnce() + Send + 'static,
) -> AbortHandle {
    let sleeper = async move {
        sleep.await;
        ring();
    };
    tokio::spawn(sleeper).abort_handle()
}

impl<T> Drop for Alarms<T> {
    fn drop(&mut self) {
        if let Some((_, sleeper)) = self.sleeper.take() {
            sleeper.abort();
        }
    }
}

#[cfg(test)]
mod tests;
