//! Callers that keep asking at a fixed rate while something else happens.
//!
//! The rate does not wait for the answers: a question that is due while the one before is still
//! unanswered is late from the moment it was due, and one answer that takes a second is counted as
//! the many that it kept from being asked. The callers are tasks on the threads of adapters, where
//! the doors of a product are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use runtime::{Handle, Unanswered};

use super::stage::{Inside, Order, PATIENCE, Scatter};

const CALLERS: usize = 64;
/// Between two questions of one caller: together they ask a thousand a second.
const PERIOD: Duration = Duration::from_millis(64);

pub(crate) struct Callers {
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<anyhow::Result<()>>>,
}

struct Shared {
    over: AtomicBool,
    counts: AtomicBool,
    /// Nanoseconds.
    latencies: Mutex<Histogram<u64>>,
}

impl Callers {
    /// Begins to ask whoever is in `whom`, one as often as the other. Nothing counts yet.
    pub(crate) fn begin(inside: &Inside, whom: &[Handle<Order>]) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            over: AtomicBool::new(false),
            counts: AtomicBool::new(false),
            latencies: Mutex::new(Histogram::new(3)?),
        });
        let whom: Arc<[Handle<Order>]> = Arc::from(whom);
        let asking = |number| ask(number, Arc::clone(&whom), Arc::clone(&shared));
        let tasks = (0..CALLERS).map(|number| inside.start(asking(number))).collect();
        Ok(Callers { shared, tasks })
    }

    /// From now on what is asked counts, or does not.
    pub(crate) fn count(&self, counts: bool) {
        self.shared.counts.store(counts, Ordering::SeqCst);
    }

    /// What was counted since this was last asked for, in nanoseconds.
    pub(crate) fn take(&self) -> Histogram<u64> {
        let mut latencies = self.shared.latencies();
        let taken = latencies.clone();
        latencies.reset();
        taken
    }

    /// Asks no more; returns when all answers are there.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.shared.over.store(true, Ordering::SeqCst);
        for task in std::mem::take(&mut self.tasks) {
            task.await??;
        }
        Ok(())
    }
}

/// The milliseconds within which 99 of 100 answers came.
pub(crate) fn p99_ms(latencies: &Histogram<u64>) -> anyhow::Result<f64> {
    anyhow::ensure!(latencies.len() >= 1_000, "too few questions were asked");
    Ok(latencies.value_at_quantile(0.99) as f64 / 1_000_000.0)
}

impl Shared {
    fn latencies(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(number: usize, whom: Arc<[Handle<Order>]>, shared: Arc<Shared>) -> anyhow::Result<()> {
    let mut scatter = Scatter::from_seed(number as u64 + 1);
    let mut due = Instant::now() + PERIOD * u32::try_from(number)? / u32::try_from(CALLERS)?;
    while !shared.over.load(Ordering::Relaxed) {
        // A timer rings up to a millisecond late; that is not the node's doing.
        let asked = match due.checked_duration_since(Instant::now()) {
            Some(early) => {
                tokio::time::sleep(early).await;
                Instant::now()
            }
            None => due,
        };
        let counts = shared.counts.load(Ordering::Relaxed);
        match whom[scatter.below(whom.len())].ask(Order::Ping, PATIENCE).await {
            // One that was lost in a crash is late, and the crash is counted by others.
            Ok(_) | Err(Unanswered::Lost) => {}
            Err(error) => return Err(error.into()),
        }
        if counts {
            let took = u64::try_from(asked.elapsed().as_nanos())?;
            shared.latencies().record(took)?;
        }
        due += PERIOD;
    }
    Ok(())
}
