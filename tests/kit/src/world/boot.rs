//! One boot of a node: everything by which it touches the world, cut off at once when it crashes.
//!
//! A node is only seen through its ports. So a crash between two touches of them is every crash
//! there is, in the middle of a handler as well: from that touch on nothing reaches the world, and
//! the runtime is dropped as soon as the poll that made it returns.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use domain::BoxFuture;
use domain::id::Id;
use domain::time::{Clock, Dice};
use runtime::{Sight, Witness};

use super::Common;
use super::dial::{Dial, nanos};
use super::dice::SeededDice;
use super::trace::Line;
use super::wire::Listener;

/// Touches of ports within one moment after which a node counts as spinning.
const TOUCHES_PER_MOMENT_MAX: u64 = 100_000;

/// Tells whether to crash at this line.
pub(super) type Trigger = Box<dyn Fn(&Line) -> bool + Send>;

/// A sleeper's place: when it is due by its node's clock, and which of several then.
type Bed = (u64, u64);

pub(super) struct Boot {
    pub(super) name: Arc<str>,
    pub(super) common: Arc<Common>,
    pub(super) dial: Arc<Mutex<Dial>>,
    dice: SeededDice,
    id: OnceLock<Id>,
    alive: AtomicBool,
    /// The runtime has nothing left to do at this moment.
    idle: AtomicBool,
    stepper: Mutex<Option<Waker>>,
    touches: AtomicU64,
    /// The touch that is the last one.
    touches_max: AtomicU64,
    /// The touch after which the world has something to do.
    pauses_at: AtomicU64,
    spins_at: AtomicU64,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    beds: BTreeMap<Bed, Option<Waker>>,
    beds_made: u64,
    listeners: BTreeMap<String, Listener>,
    triggers: Vec<Trigger>,
}

impl Boot {
    pub(super) fn new(
        name: &Arc<str>,
        number: u32,
        common: &Arc<Common>,
        dial: &Arc<Mutex<Dial>>,
        triggers: Vec<Trigger>,
    ) -> Arc<Self> {
        let inside = Inside { triggers, ..Inside::default() };
        Arc::new(Boot {
            name: Arc::clone(name),
            common: Arc::clone(common),
            dial: Arc::clone(dial),
            dice: SeededDice::of(common.seed, &format!("{name} {number}")),
            id: OnceLock::new(),
            alive: AtomicBool::new(true),
            idle: AtomicBool::new(false),
            stepper: Mutex::default(),
            touches: AtomicU64::new(0),
            touches_max: AtomicU64::new(u64::MAX),
            pauses_at: AtomicU64::new(u64::MAX),
            spins_at: AtomicU64::new(TOUCHES_PER_MOMENT_MAX),
            inside: Mutex::new(inside),
        })
    }

    /// What the journal knows it by; it lives there from the first time this is asked.
    pub(super) fn id(self: &Arc<Self>) -> Id {
        *self.id.get_or_init(|| {
            let now = SimulatedClock(Arc::clone(self)).now();
            let id = Id::roll(now, &SimulatedDice(Arc::clone(self)));
            self.common.journal.begin_lease(id);
            id
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Every port asks this first: whether what it is about to do still reaches the world.
    pub(super) fn touch(&self) -> bool {
        let count = self.touches.fetch_add(1, Ordering::Relaxed) + 1;
        if self.touches_max.load(Ordering::Relaxed) <= count {
            self.cut();
        }
        let pauses_at = self.pauses_at.load(Ordering::Relaxed);
        if pauses_at.min(self.spins_at.load(Ordering::Relaxed)) <= count {
            self.wake_stepper();
        }
        self.is_alive()
    }

    pub(super) fn touches(&self) -> u64 {
        self.touches.load(Ordering::Relaxed)
    }

    /// Crashes at the touch that comes after this many.
    pub(super) fn cut_after(&self, touches: u64) {
        self.touches_max.store(self.touches() + touches + 1, Ordering::Relaxed);
    }

    /// Lets the world act at the end of the poll that makes the touch after this many.
    pub(super) fn pause_after(&self, touches: u64) {
        self.pauses_at.store(self.touches() + touches + 1, Ordering::Relaxed);
    }

    /// Whether it is time to act; true once for each time it was asked for.
    pub(super) fn take_pause(&self) -> bool {
        let is_due = self.pauses_at.load(Ordering::Relaxed) <= self.touches();
        if is_due {
            self.pauses_at.store(u64::MAX, Ordering::Relaxed);
        }
        is_due
    }

    pub(super) fn cut_when(&self, trigger: Trigger) {
        self.inside().triggers.push(trigger);
    }

    /// From now on nothing of this boot reaches the world.
    pub(super) fn cut(&self) {
        self.alive.store(false, Ordering::Relaxed);
        self.wake_stepper();
    }

    /// Lets go of everything the node left here; its actors would hold themselves alive otherwise.
    pub(super) fn clear(&self) {
        if let Some(id) = self.id.get() {
            self.common.journal.forget_boot(*id);
        }
        let inside = std::mem::take(&mut *self.inside());
        drop(inside);
    }

    /// Writes a line of the trace, and crashes there if it was waited for. Tells whether the node
    /// goes on.
    pub(super) fn write(&self, path: &str, what: &str) -> bool {
        if !self.touch() {
            return false;
        }
        let (at, node) = (self.common.now(), self.name.to_string());
        let line = Line { at, node, path: path.to_owned(), what: what.to_owned() };
        let is_last = self.inside().triggers.iter().any(|trigger| trigger(&line));
        self.common.trace.write(line);
        if is_last {
            self.cut();
        }
        self.is_alive()
    }

    // --- the step ---

    /// Called by the runtime when it is about to sleep.
    pub(super) fn rest(&self) {
        self.idle.store(true, Ordering::Relaxed);
        self.wake_stepper();
    }

    /// Resolves when nothing is left to do at this moment, or as soon as the node crashes or the
    /// world has something to do.
    pub(super) fn at_rest(&self) -> impl Future<Output = ()> + '_ {
        self.idle.store(false, Ordering::Relaxed);
        self.spins_at.store(self.touches() + TOUCHES_PER_MOMENT_MAX, Ordering::Relaxed);
        poll_fn(|cx| {
            let spins = self.spins_at.load(Ordering::Relaxed) <= self.touches();
            assert!(!spins, "{} never comes to rest at {:?}", self.name, self.common.now());
            let pauses = self.pauses_at.load(Ordering::Relaxed) <= self.touches();
            if pauses || self.idle.load(Ordering::Relaxed) || !self.is_alive() {
                return Poll::Ready(());
            }
            *lock(&self.stepper) = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn wake_stepper(&self) {
        let stepper = lock(&self.stepper).take();
        if let Some(stepper) = stepper {
            stepper.wake();
        }
    }

    // --- sleepers ---

    /// The world's time at which the first sleeper is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        // A bed without a waker is one that nobody lies in yet: it wakes nobody.
        let inside = self.inside();
        let (first, _) = *inside.beds.iter().find(|(_, waker)| waker.is_some())?.0;
        drop(inside);
        self.dial().when(first)
    }

    /// Wakes whoever is due by now, in the order of their deadlines.
    pub(super) fn wake_due(&self) {
        let own = self.dial().own(self.common.now_ns());
        let mut inside = self.inside();
        let mut due = Vec::new();
        for (_, waker) in inside.beds.range_mut(..=(own, u64::MAX)) {
            due.extend(waker.take());
        }
        drop(inside);
        due.into_iter().for_each(Waker::wake);
    }

    fn make_bed(&self, duration: Duration) -> Bed {
        let due = self.dial().own(self.common.now_ns()).saturating_add(nanos(duration));
        let mut inside = self.inside();
        inside.beds_made += 1;
        let bed = (due, inside.beds_made);
        inside.beds.insert(bed, None);
        bed
    }

    // --- listeners ---

    pub(super) fn listen(&self, address: &str, listener: Listener) {
        self.inside().listeners.insert(address.to_owned(), listener);
    }

    pub(super) fn listener(&self, address: &str) -> Option<Listener> {
        self.inside().listeners.get(address).cloned()
    }

    pub(super) fn dial(&self) -> Dial {
        *lock(&self.dial)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock as one boot of a node reads it.
pub(super) struct SimulatedClock(pub(super) Arc<Boot>);

impl Clock for SimulatedClock {
    fn wall(&self) -> Duration {
        self.0.touch();
        self.0.dial().wall(self.0.common.now_ns())
    }

    fn monotonic(&self) -> Duration {
        self.0.touch();
        Duration::from_nanos(self.0.dial().own(self.0.common.now_ns()))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.touch();
        let sleep = Sleep { bed: self.0.make_bed(duration), boot: Arc::clone(&self.0) };
        Box::pin(sleep)
    }
}

/// Gives the bed back when nobody sleeps in it any more.
struct Sleep {
    boot: Arc<Boot>,
    bed: Bed,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        if !self.boot.touch() {
            return Poll::Pending;
        }
        if self.bed.0 <= self.boot.dial().own(self.boot.common.now_ns()) {
            return Poll::Ready(());
        }
        self.boot.inside().beds.insert(self.bed, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let left = self.boot.inside().beds.remove(&self.bed);
        drop(left);
    }
}

/// The dice as one boot of a node rolls them.
pub(super) struct SimulatedDice(pub(super) Arc<Boot>);

impl Dice for SimulatedDice {
    fn roll(&self) -> u64 {
        self.0.touch();
        self.0.dice.roll()
    }
}

impl Witness for Boot {
    fn saw(&self, path: &str, sight: &Sight) {
        match sight {
            Sight::Started => self.write(path, "started"),
            Sight::Failed => self.write(path, "failed to start"),
            Sight::Stopped(exit) => self.write(path, &format!("stopped: {}", exit.word())),
            // Says nothing about any one actor, and comes after every other line.
            Sight::AtRest => self.touch(),
        };
    }
}
