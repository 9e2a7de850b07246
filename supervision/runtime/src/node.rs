//! A node: the ground all its actors stand on, and the root of their tree.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Dice};
use domain::tree;
use futures::FutureExt;
use ractor::ActorRef;
use tokio::sync::{Semaphore, watch};

use crate::child::Supervisor;
use crate::handle::Handle;
use crate::incarnation::Incarnation;
use crate::mailbox::{Ceiling, Message};
use crate::names::Names;
use crate::seat::Seat;
use crate::spec::Contradiction;
use crate::supervisor::{self, Above, Note};
use crate::threads::{Class, Crews, Threads};
use crate::watchdog::Watchdog;
use crate::witness::Witness;

/// What a node is built with. Every bound of it has a name here.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one poll may hold its thread before the watchdog writes the thread off.
    pub watchdog_threshold: Duration,
    /// At this many lost threads the root gives up.
    pub lost_threads_max: usize,
    /// Bytes that may wait in all mailboxes together.
    pub mailbox_bytes_max: usize,
    /// Pieces of blocking work under way at a time.
    pub blocking_max: usize,
    /// Threads for supervisors, for workers and for adapters.
    pub control_threads: usize,
    pub worker_threads: usize,
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

/// What every actor of a node shares.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) ceiling: Arc<Ceiling>,
    pub(crate) blocking: Arc<Semaphore>,
    pub(crate) names: Arc<Names>,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    lost_threads_max: usize,
    serials: AtomicU64,
    root: OnceLock<Root>,
    phase: watch::Sender<Phase>,
}

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
        self.phase.send_replace(phase);
    }

    /// Shows every incarnation of the tree to `visit`.
    pub(crate) fn find(&self, visit: &mut dyn FnMut(&Arc<Incarnation>)) {
        let Some(root) = self.root.get() else { return };
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
        tracing::error!(lost, "too many threads are lost; the root gives up");
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
            ceiling: Arc::new(Ceiling::new(options.mailbox_bytes_max)),
            blocking: Arc::new(Semaphore::new(options.blocking_max)),
            names: Arc::default(),
            witness,
            lost_threads_max: options.lost_threads_max,
            serials: AtomicU64::new(1),
            root: OnceLock::new(),
            phase: watch::Sender::new(Phase::Starting),
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
        let seat = Arc::new(Seat::supervisor(Arc::clone(&root.id), 0, None));
        let (place, crew) = self.shared.threads.place(Class::Control);
        let birth = supervisor::Birth::new(root.clone(), &self.shared, &seat, 1, Above::Node);
        let incarnation = Arc::clone(&birth.incarnation);
        let _on_its_threads = place.enter();
        let spawned = ractor::Actor::spawn(None, supervisor::Shell, birth).now_or_never();
        let (actor, _) = spawned
            .ok_or_else(|| Error::Root("it did not return at once".to_owned()))?
            .map_err(|error| Error::Root(error.to_string()))?;
        incarnation.settle_in(actor.get_cell(), crew);
        self.shared.root.set(Root { seat, actor }).map_err(|_| Error::Planted)
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
        match self.shared.root.get() {
            Some(root) => {
                let _ = root.actor.send_message(Note::Stop);
            }
            None => self.shared.enter_phase(Phase::Stopped),
        }
    }

    /// Where to find whoever has claimed this name, if its messages are of this type.
    pub fn find<M: Message>(&self, name: &str) -> Option<Handle<M>> {
        self.shared.names.find(name)
    }

    /// Shows the tree of this node, for as long as anybody holds this.
    pub fn census(&self) -> Arc<dyn tree::Census> {
        Arc::new(Census(Arc::clone(&self.shared)))
    }

    /// Whether every supervisor is at rest and every actor lives as its supervisor believes.
    pub fn is_settled(&self) -> bool {
        let Some(root) = self.shared.root.get() else { return true };
        let mut settled = true;
        root.seat.walk(&mut |seat| settled &= seat.is_settled());
        settled
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        lock(&self.watchdog).take();
        self.shared.threads.shut_down();
        if let Some(root) = self.shared.root.get() {
            root.seat.clear_below();
        }
    }
}

struct Census(Arc<Shared>);

impl tree::Census for Census {
    fn tree(&self) -> tree::Actor {
        match self.0.root.get() {
            Some(root) => root.seat.picture(self.0.clock.monotonic()),
            None => Seat::supervisor(Arc::from("root"), 0, None).picture(Duration::ZERO),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
