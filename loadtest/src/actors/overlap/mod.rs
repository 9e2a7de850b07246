//! Are an old and a new incarnation ever both able to act?
//!
//! Honest because the actors themselves keep watch: every seat has one number, that of whoever
//! sits there, and each thing an incarnation does (its making, its init, each handler, each turn of
//! a task, of blocking work and of a port call, at the begin, again and again meanwhile, and at the
//! end) first looks whether the number is still its own. One that finds another there may only do
//! so when it is fenced, and that is not believed but tried: it sends a message. A send that is not
//! refused as that of a fenced sender is an overlap.
//!
//! The crashes: kills, panics and errors, with idle hands and with blocking work, tasks and port
//! calls under way, some of them longer than anybody waits for; supervisors that are killed
//! brutally with busy children, and supervisors that give up; and handlers that spin for a second.

mod seat;
mod subject;
mod trees;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use runtime::spec::Strategy;
use runtime::{Class, Options, Supervisor};

use self::seat::Watch;
use self::subject::{Deed, Hands, Subject};
use self::trees::Trees;
use super::stage::{self, Inside, NO_LIMIT, PATIENCE, Scatter};
use crate::figures::Figures;

/// Low, so that handlers that spin for a second are fenced long before they end.
const THRESHOLD: Duration = Duration::from_millis(250);
const SPIN: Duration = Duration::from_secs(1);
/// Handlers that spin at a time; each takes a thread away for that long.
const SPINNING_AT_A_TIME: usize = 4;
/// The longest pause of one driver between two crashes, so that crashes and spins mix.
const PAUSE_MAX_MS: usize = 30;
/// One crash in so many has blocking work that outlasts the wait for it.
const CRASHES_PER_LONG_WORK: usize = 2_000;

pub(crate) async fn ours(crashes: usize, spins: usize) -> anyhow::Result<Figures> {
    let options =
        Options { watchdog_threshold: THRESHOLD, lost_threads_max: 64, ..Options::default() };
    let node = stage::node(&options)?;
    let (probe_child, probe) = seat::probe(&node);
    let watch = Arc::new(Watch::new(probe));
    let trees = Trees::new(&node, &watch, spins);
    let (host, inside) = Inside::host(&node, Class::Adapter);
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(NO_LIMIT);
    let root = trees.hang(root.child(probe_child).child(host));
    stage::plant(&node, &root).await?;
    let budget = Budget { total: crashes, given: Arc::default() };
    let driving = trees.drive(&inside, &budget, SPINNING_AT_A_TIME);
    for driver in driving {
        driver.await??;
    }
    let read = |count: &AtomicU64| count.load(Ordering::SeqCst) as f64;
    Ok(Figures::from([
        ("overlaps", read(&watch.overlaps)),
        ("crashes", budget.given.load(Ordering::SeqCst).min(budget.total) as f64),
        ("acts", read(&watch.acts)),
        ("acts_of_fenced", read(&watch.acts_of_fenced)),
        ("incarnations", read(&watch.incarnations)),
    ]))
}

/// The crashes that are still to be injected.
#[derive(Clone)]
struct Budget {
    total: usize,
    given: Arc<AtomicUsize>,
}

impl Budget {
    /// Takes one; none is left when this says no.
    fn take(&self) -> bool {
        self.given.fetch_add(1, Ordering::SeqCst) < self.total
    }
}

/// One seat under test, as whoever makes it crash sees it.
#[derive(Clone)]
struct Target {
    seat: Arc<seat::Seat>,
    handle: runtime::Handle<Deed>,
}

impl Target {
    /// Makes it crash in a way of chance, with hands of chance.
    async fn crash(&self, scatter: &mut Scatter) {
        let (way, hands) = (scatter.below(3), Hands::by_chance(scatter));
        while !self.is_crashed(way, hands).await {
            // It was fenced with its thread, or ended with its supervisor, and is on its way back.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn is_crashed(&self, way: usize, hands: Hands) -> bool {
        match (way, hands) {
            (0, Hands::Empty) => self.handle.kill(),
            (0, hands) => {
                // Killed as soon as its hands are full.
                let begun = self.handle.ask(|begun| Deed::Hold(hands, begun), PATIENCE).await;
                begun.is_ok() && self.handle.kill()
            }
            (1, hands) => self.handle.tell(Deed::Panic(hands)).is_ok(),
            (_, hands) => self.handle.tell(Deed::Fail(hands)).is_ok(),
        }
    }

    /// Waits until somebody newer than this sits here and answers.
    async fn replaced(&self, after: u64) -> anyhow::Result<()> {
        loop {
            match self.handle.ask(Deed::Ping, PATIENCE).await {
                Ok(number) if number > after => return Ok(()),
                Ok(_) | Err(runtime::Unanswered::Lost) => {}
                // Its supervisor was killed or gave up, and has not started it again yet.
                Err(runtime::Unanswered::Refused(runtime::Why::Closed)) => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => anyhow::bail!("nobody came back: {error}"),
            }
        }
    }
}
