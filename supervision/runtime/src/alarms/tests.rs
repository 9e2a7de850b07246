use std::sync::Arc;

use domain::BoxFuture;
use tokio::sync::mpsc;

use super::*;
use crate::clock::SystemClock;

/// The clock of a paused runtime.
struct Paused(tokio::time::Instant);

#[expect(clippy::disallowed_methods, reason = "the adapter of virtual time")]
impl Paused {
    fn new() -> Self {
        Paused(tokio::time::Instant::now())
    }
}

#[expect(clippy::disallowed_methods, reason = "the adapter of virtual time")]
impl Clock for Paused {
    fn wall(&self) -> Duration {
        self.0.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock::new().sleep(duration)
    }
}

struct Desk {
    alarms: Alarms<&'static str>,
    clock: Arc<Paused>,
    bell: mpsc::Sender<()>,
    rung: mpsc::Receiver<()>,
}

impl Desk {
    fn new() -> Self {
        let (bell, rung) = mpsc::channel(100);
        Desk { alarms: Alarms::new(), clock: Arc::new(Paused::new()), bell, rung }
    }

    fn set(&mut self, at_ms: u64, due: &'static str) -> AlarmId {
        let bell = self.bell.clone();
        let ring = move || bell.try_send(()).expect("room");
        self.alarms.set(Duration::from_millis(at_ms), due, &*self.clock, ring)
    }

    /// What is due when the bell rings next, and when that is.
    async fn next(&mut self) -> (u128, Vec<&'static str>) {
        self.rung.recv().await.expect("the bell hangs here");
        let bell = self.bell.clone();
        let ring = move || bell.try_send(()).expect("room");
        let due = self.alarms.due(&*self.clock, ring);
        (self.clock.monotonic().as_millis(), due)
    }
}

#[tokio::test(start_paused = true)]
async fn alarms_ring_in_the_order_of_their_times_and_those_of_one_moment_as_they_were_set() {
    let mut desk = Desk::new();
    for (at_ms, due) in [(300, "c"), (100, "a"), (200, "b"), (100, "a too")] {
        desk.set(at_ms, due);
    }
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let (at_ms, due) = desk.next().await;
        heard.extend(due.into_iter().map(|due| (at_ms, due)));
    }
    assert_eq!(heard, [(100, "a"), (100, "a too"), (200, "b"), (300, "c")]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_alarm_is_never_due() {
    let mut desk = Desk::new();
    let cancelled = desk.set(100, "cancelled");
    desk.set(200, "kept");
    desk.alarms.cancel(cancelled);
    desk.alarms.cancel(cancelled);
    assert_eq!(desk.next().await, (100, vec![]), "the bell was set for it");
    assert_eq!(desk.next().await, (200, vec!["kept"]));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_of_the_past_rings_at_once() {
    let mut desk = Desk::new();
    desk.clock.sleep(Duration::from_secs(5)).await;
    desk.set(1_000, "late");
    assert_eq!(desk.next().await, (5_000, vec!["late"]));
}

#[tokio::test(start_paused = true)]
async fn alarms_that_are_dropped_ring_no_bell() {
    let mut desk = Desk::new();
    desk.set(100, "dropped");
    desk.alarms = Alarms::new();
    desk.clock.sleep(Duration::from_secs(1)).await;
    assert!(desk.rung.try_recv().is_err());
}
