//! A node: the ground all its actors stand on, and the root of their tree.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Dice};
use domain::tree;
use ractor::ActorRef;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use crate::child::Supervisor;
use crate::handle::Handle;
use crate::incarnation::Incarnation;
use crate::mailbox::{Ceiling, Message};
use crate::names::Names;
use crate::patience;
use crate::seat::Seat;
use crate::spec::{Contradiction, Strategy};
use crate::supervisor::{self, Above, Note};
use crate::threads::{Class, Crews, Threads};
use crate::watchdog::Watchdog;
use crate::witness::Witness;

/// What a node is built with. Every bound of it has a name here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How long a handler may hold its thread before it is cut off; 10ms to 1h.
    #[serde(with = "domain::duration")]
    pub watchdog_threshold: Duration,
    /// How many threads may be lost to such handlers before the root gives up; 1 to 64.
    pub lost_threads_max: usize,
    /// Bytes that may wait in all mailboxes together; 64 KiB or more.
    pub mailbox_bytes_max: usize,
    /// Pieces of blocking work under way at a time; 1 to 512.
    pub blocking_max: usize,
    /// Threads for supervisors; 1 to 64.
    pub control_threads: usize,
    /// Threads for actors that decide; 1 to 64, one for each core by default.
    pub worker_threads: usize,
    /// Threads for actors that touch the world; 1 to 64.
    pub adapter_threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Options {
            watchdog_threshold: Duration::from_secs(2),
            lost_threads_max: 8,
            mailbox_bytes_max: 64 << 20,
            blocking_max: 64,
            control_threads: 1,
            worker_threads: cores.max(2),
            adapter_threads: 2,
        }
    }
}

impl Options {
    /// The first option that is out of its bounds, and what they are.
    pub fn invalid(&self) -> Option<(&'static str, String)> {
        let threshold = Duration::from_millis(10)..=Duration::from_secs(3_600);
        if !threshold.contains(&self.watchdog_threshold) {
            return Some(("watchdog_threshold", "must lie between 10ms and 1h".to_owned()));
        }
        let rows = [
            ("lost_threads_max", self.lost_threads_max, 1, 64),
            ("mailbox_bytes_max", self.mailbox_bytes_max, 1 << 16, usize::MAX),
            ("blocking_max", self.blocking_max, 1, 512),
            ("control_threads", self.control_threads, 1, 64),
            ("worker_threads", self.worker_threads, 1, 64),
            ("adapter_threads", self.adapter_threads, 1, 64),
        ];
        let wrong = rows.into_iter().find(|(_, value, least, most)| value < least || most < value);
        wrong.map(|(key, _, least, most)| match most {
            usize::MAX => (key, format!("must be at least {least}")),
            most => (key, format!("must lie between {least} and {most}")),
        })
    }
}

/// What every actor of a node shares.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) ceiling: Ceiling,
    pub(crate) blocking: Arc<Semaphore>,
    pub(crate) names: Arc<Names>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    lost_threads_max: usize,
    serials: AtomicU64,
    /// Until the node goes: its tree leads back here, by the specifications of its actors.
    root: Mutex<Option<Root>>,
    phase: watch::Sender<Phase>,
    /// Why the root gave up.
    why: OnceLock<String>,
}

#[derive(Clone)]
struct Root {
    seat: Arc<Seat>,
    actor: ActorRef<Note>,
}

/// How far the root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Ready,
    /// Over, because it was asked to.
    Stopped,
    /// Over by itself: too many restarts, too many threads lost, or a start that failed.
    GaveUp,
}

impl Shared {
    pub(crate) fn next_serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn enter_phase(&self, phase: Phase) {
        self.phase.send_if_modified(|now| match now {
            // What was given up is not ended in order by being stopped afterwards.
            Phase::GaveUp => false,
            Phase::Starting | Phase::Ready | Phase::Stopped => {
                *now = phase;
                true
            }
        });
    }

    fn root(&self) -> Option<Root> {
        lock(&self.root).clone()
    }

    /// Shows every incarnation of the tree to `visit`.
    pub(crate) fn find(&self, visit: &mut dyn FnMut(&Arc<Incarnation>)) {
        let Some(root) = self.root() else { return };
        root.seat.walk(&mut |seat| {
            if let Some(incarnation) = seat.incarnation() {
                visit(&incarnation);
            }
        });
    }

    pub(crate) fn threads_were_lost(&self, lost: usize) {
        if lost < self.lost_threads_max {
            return;
        }
        self.give_up(format!("{lost} threads are lost to handlers that hold them"));
    }

    /// The root's actor is gone. If its rules did not end it, there is nobody left who could.
    pub(crate) fn root_is_gone(&self) {
        let phase = *self.phase.borrow();
        if matches!(phase, Phase::Starting | Phase::Ready) {
            self.give_up("its own actor ended, out of order".to_owned());
        }
    }

    /// The root is over by itself; the first reason counts.
    pub(crate) fn give_up(&self, why: String) {
        let _ = self.why.set(why);
        self.enter_phase(Phase::GaveUp);
    }
}

/// One node: threads, clock, bounds, and at most one tree.
///
/// Dropping it lets everything go at once; `stop` ends the tree in order.
pub struct Node {
    shared: Arc<Shared>,
    watchdog: Mutex<Option<Watchdog>>,
    threshold: Duration,
}

/// Why a node could not be built, or its tree not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot start the threads of this node")]
    Threads(#[source] std::io::Error),
    #[error("the tree contradicts itself at {0}")]
    Contradiction(#[from] Contradiction),
    #[error("this node already has a tree")]
    Planted,
    #[error("cannot start the root: {0}")]
    Root(String),
}

impl Node {
    /// A node with threads of its own and a watchdog over them.
    pub fn new(
        options: &Options,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
        witness: Option<Arc<dyn Witness>>,
    ) -> Result<Self, Error> {
        let crews = Crews {
            control: options.control_threads,
            worker: options.worker_threads,
            adapter: options.adapter_threads,
            blocking_max: options.blocking_max,
        };
        let threads = Threads::split(crews).map_err(Error::Threads)?;
        let node = Node::on(threads, options, clock, dice, witness);
        let watchdog = Watchdog::start(&node.shared, node.threshold).map_err(Error::Threads)?;
        *lock(&node.watchdog) = Some(watchdog);
        crate::panics::install();
        Ok(node)
    }

    /// A node on the runtime this is called from: everything on its threads, no watchdog. For
    /// simulated nodes, which are stepped.
    pub fn here(
        options: &Options,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
        witness: Option<Arc<dyn Witness>>,
    ) -> Self {
        crate::panics::install();
        Node::on(Threads::here(), options, clock, dice, witness)
    }

    fn on(
        threads: Arc<Threads>,
        options: &Options,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
        witness: Option<Arc<dyn Witness>>,
    ) -> Self {
        let shared = Shared {
            clock,
            dice,
            threads,
            ceiling: Ceiling::new(options.mailbox_bytes_max),
            blocking: Arc::new(Semaphore::new(options.blocking_max)),
            names: Arc::default(),
            witness,
            lost_threads_max: options.lost_threads_max,
            serials: AtomicU64::new(1),
            root: Mutex::default(),
            phase: watch::Sender::new(Phase::Starting),
            why: OnceLock::new(),
        };
        let threshold = options.watchdog_threshold;
        Node { shared: Arc::new(shared), watchdog: Mutex::default(), threshold }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Checks the tree and starts it. Returns at once; `reached` tells how it went.
    pub fn plant(&self, root: &Supervisor) -> Result<(), Error> {
        root.check()?;
        if self.shared.root().is_some() {
            return Err(Error::Planted);
        }
        let seat = Arc::new(Seat::new(root.as_child().spec, 0, None));
        let (place, crew) = self.shared.threads.place(Class::Control);
        let birth = supervisor::Birth::new(root.clone(), &self.shared, &seat, 1, Above::Node);
        let incarnation = Arc::clone(&birth.incarnation);
        let _on_its_threads = place.enter();
        let spawned = patience::at_once(ractor::Actor::spawn(None, supervisor::Shell, birth));
        let (actor, _) = spawned
            .ok_or_else(|| Error::Root("it did not return at once".to_owned()))?
            .map_err(|error| Error::Root(error.to_string()))?;
        incarnation.settle_in(actor.get_cell(), crew);
        *lock(&self.shared.root) = Some(Root { seat, actor });
        Ok(())
    }

    /// Resolves with the first phase beyond `Starting`, or the first beyond `Ready`.
    pub async fn reached(&self, beyond: Phase) -> Phase {
        let mut phases = self.shared.phase.subscribe();
        let passed = |phase: &Phase| match beyond {
            Phase::Starting => *phase != Phase::Starting,
            Phase::Ready | Phase::Stopped | Phase::GaveUp => {
                matches!(phase, Phase::Stopped | Phase::GaveUp)
            }
        };
        // The sender lives in `self`, so waiting cannot fail.
        phases.wait_for(passed).await.map_or(Phase::GaveUp, |phase| *phase)
    }

    /// Asks the root to end, children from right to left. `reached(Ready)` tells when it has.
    pub fn stop(&self) {
        match self.shared.root() {
            Some(root) => {
                let _ = root.actor.send_message(Note::Stop);
            }
            None => self.shared.enter_phase(Phase::Stopped),
        }
    }

    /// Why the root gave up; empty while it has not.
    pub fn why(&self) -> String {
        self.shared.why.get().cloned().unwrap_or_default()
    }

    /// Where to find whoever has claimed this name, if its messages are of this type.
    pub fn find<M: Message>(&self, name: &str) -> Option<Handle<M>> {
        self.shared.names.find(name)
    }

    /// Kills whoever lives at this path, supervisors included, as an accident would; those above go
    /// on from there. Tells whether anybody lived there.
    ///
    /// The root is not killed: nobody is above it, and its end is the end of the process.
    pub fn kill(&self, path: &str) -> bool {
        let mut found = None;
        self.shared.find(&mut |incarnation| {
            if path.contains('/') && incarnation.seat.path() == path {
                found = Some(Arc::clone(incarnation));
            }
        });
        match found {
            Some(incarnation) => {
                incarnation.kill();
                // ractor kills whoever lives below, in an order that no seed decides.
                incarnation.seat.walk(&mut |seat| {
                    if let Some(incarnation) = seat.incarnation() {
                        incarnation.kill();
                    }
                });
                true
            }
            None => false,
        }
    }

    /// Shows the tree of this node, for as long as anybody holds this.
    pub fn census(&self) -> Arc<dyn tree::Census> {
        Arc::new(Census(Arc::clone(&self.shared)))
    }

    /// Whether every supervisor is at rest and every actor lives as its supervisor believes.
    pub fn is_settled(&self) -> bool {
        self.shared.root().is_none_or(|root| root.seat.is_settled())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        lock(&self.watchdog).take();
        self.shared.threads.shut_down();
        let root = lock(&self.shared.root).take();
        if let Some(root) = root {
            // A node that was not stopped has incarnations, which know the seats they sit on, and
            // mailboxes that somebody may still wait for.
            root.seat.walk(&mut |seat| {
                seat.vacate(None);
                seat.spec.close_posts();
            });
            root.seat.clear_below();
        }
    }
}

struct Census(Arc<Shared>);

impl tree::Census for Census {
    fn tree(&self) -> tree::Actor {
        match self.0.root() {
            Some(root) => root.seat.picture(self.0.clock.monotonic()),
            None => {
                let unplanted = Supervisor::new("root", Strategy::OneForOne).as_child();
                Seat::new(unplanted.spec, 0, None).picture(Duration::ZERO)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
