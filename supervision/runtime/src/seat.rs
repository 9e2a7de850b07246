//! A seat: the place of one child in the tree, which stays when its incarnations come and go.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::tree;
use ractor::ActorRef;

use crate::child::{Body, Plan, Spec};
use crate::core::Key;
use crate::incarnation::Incarnation;
use crate::supervisor::Note;

/// Everything a look at the tree reads: atomics and short locks, so it stops nobody.
pub(crate) struct Seat {
    pub(crate) spec: Arc<dyn Spec>,
    pub(crate) key: Key,
    parent: Option<Arc<Seat>>,
    state: AtomicU8,
    lives: AtomicU32,
    restarts: AtomicU32,
    born_ms: AtomicU64,
    record: Mutex<Record>,
    /// Only supervisors have somebody below.
    below: Option<Box<Mutex<Below>>>,
}

#[derive(Default)]
struct Record {
    last_error: Option<Box<LastError>>,
    incarnation: Option<Arc<Incarnation>>,
}

/// Most actors have none, so it is behind a pointer.
struct LastError {
    text: String,
}

/// Who sits below a supervisor, and how to reach the supervisor.
#[derive(Default)]
pub(crate) struct Below {
    pub(crate) seats: HashMap<Key, Arc<Seat>>,
    pub(crate) office: Option<ActorRef<Note>>,
    pub(crate) at_rest: bool,
    /// How often the supervisor has answered the watchdog.
    pongs: u32,
}

const STATES: [tree::State; 6] = [
    tree::State::Starting,
    tree::State::Running,
    tree::State::Restarting,
    tree::State::Stopping,
    tree::State::Stopped,
    tree::State::Quarantined,
];

impl Seat {
    pub(crate) fn new(spec: Arc<dyn Spec>, key: Key, parent: Option<Arc<Seat>>) -> Self {
        let below = spec.post().is_none().then(Box::default);
        Seat {
            spec,
            key,
            parent,
            state: AtomicU8::new(tree::State::Stopped as u8),
            lives: AtomicU32::new(0),
            restarts: AtomicU32::new(0),
            born_ms: AtomicU64::new(0),
            record: Mutex::default(),
            below,
        }
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.below.is_none()
    }

    pub(crate) fn id(&self) -> &str {
        &self.spec.head().id
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.spec.head().kind
    }

    /// Its ids from the root down, with slashes between them.
    pub(crate) fn path(&self) -> String {
        match &self.parent {
            Some(parent) => format!("{}/{}", parent.path(), self.id()),
            None => self.id().to_owned(),
        }
    }

    /// Its path, and how its last incarnation ended if that was not well.
    pub(crate) fn describe(&self) -> String {
        match self.last_error() {
            Some(error) => format!("{} ({error})", self.path()),
            None => self.path(),
        }
    }

    pub(crate) fn state(&self) -> tree::State {
        STATES[usize::from(self.state.load(Ordering::Acquire))]
    }

    pub(crate) fn set_state(&self, state: tree::State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// How its last incarnation ended, if that was not well.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.record().last_error.as_ref().map(|error| error.text.clone())
    }

    /// A new incarnation sits down.
    pub(crate) fn occupy(&self, incarnation: Arc<Incarnation>, by_itself: bool, at: Duration) {
        self.lives.fetch_add(1, Ordering::AcqRel);
        if by_itself {
            self.restarts.fetch_add(1, Ordering::AcqRel);
        }
        self.born_ms.store(millis(at), Ordering::Release);
        self.set_state(tree::State::Starting);
        self.record().incarnation = Some(incarnation);
    }

    /// The incarnation is over.
    pub(crate) fn vacate(&self, error: Option<String>) {
        let mut record = self.record();
        record.incarnation = None;
        if let Some(error) = error {
            record.last_error = Some(Box::new(LastError { text: error }));
        }
    }

    /// Notes what went wrong here; the end of whoever sits here follows.
    pub(crate) fn blame(&self, fault: String) {
        self.record().last_error = Some(Box::new(LastError { text: fault }));
    }

    pub(crate) fn incarnation(&self) -> Option<Arc<Incarnation>> {
        self.record().incarnation.clone()
    }

    pub(crate) fn lives(&self) -> u32 {
        self.lives.load(Ordering::Acquire)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who sits below, in start order; empty for a worker.
    pub(crate) fn below(&self) -> Vec<Arc<Seat>> {
        let mut seats: Vec<Arc<Seat>> =
            self.with_below(|below| below.seats.values().cloned().collect()).unwrap_or_default();
        seats.sort_unstable_by_key(|seat| seat.key);
        seats
    }

    /// Reads or changes what is below a supervisor; does nothing for a worker.
    pub(crate) fn with_below<T>(&self, change: impl FnOnce(&mut Below) -> T) -> Option<T> {
        self.below.as_ref().map(|below| change(&mut lock(below)))
    }

    /// Asks the supervisor that sits here for a sign of life. Tells how many it has given so far.
    pub(crate) fn ping(&self) -> Option<u32> {
        let below = self.with_below(|below| (below.office.clone(), below.pongs))?;
        let (Some(office), pongs) = below else { return None };
        office.send_message(Note::Ping).ok().map(|()| pongs)
    }

    pub(crate) fn pong(&self) {
        self.with_below(|below| below.pongs = below.pongs.wrapping_add(1));
    }

    pub(crate) fn pongs(&self) -> Option<u32> {
        self.with_below(|below| below.pongs)
    }

    /// Lets go of everybody below. They know who is above them, so nobody would be freed otherwise.
    pub(crate) fn clear_below(&self) {
        let below = self.with_below(|below| {
            below.office = None;
            std::mem::take(&mut below.seats)
        });
        for seat in below.unwrap_or_default().into_values() {
            seat.clear_below();
        }
    }

    /// The supervisor above, while it lives.
    pub(crate) fn keeper(&self) -> Option<ActorRef<Note>> {
        self.parent.as_ref()?.with_below(|below| below.office.clone()).flatten()
    }

    /// Whether it goes for good when whoever sits at `top`, above it or itself, dies: nobody starts
    /// the children of a dynamic supervisor again, nor anybody below them.
    pub(crate) fn goes_with(&self, top: &Arc<Seat>) -> bool {
        let Some(parent) = &self.parent else { return false };
        parent.is_dynamic() || (!Arc::ptr_eq(parent, top) && parent.goes_with(top))
    }

    fn is_dynamic(&self) -> bool {
        match Arc::clone(&self.spec).body() {
            Body::Supervisor(branch) => matches!(branch.plan.plan, Plan::Dynamic(_)),
            Body::Worker(_) => false,
        }
    }

    /// Calls `visit` for itself and for everybody below, parents first.
    pub(crate) fn walk(self: &Arc<Self>, visit: &mut dyn FnMut(&Arc<Seat>)) {
        visit(self);
        for seat in self.below() {
            seat.walk(visit);
        }
    }

    /// Whether nobody from here down has anything left to do.
    ///
    /// Those below are asked first: an end goes upwards, and whoever is above is at work before the
    /// place below looks free. The other way round an end could slip past between two answers.
    pub(crate) fn is_settled(&self) -> bool {
        self.below().iter().all(|seat| seat.is_settled()) && self.is_settled_here()
    }

    /// Whether whoever lives here really does, and a supervisor has nothing left to do.
    fn is_settled_here(&self) -> bool {
        let Some(incarnation) = self.incarnation() else { return true };
        let at_rest = self.with_below(|below| below.at_rest).unwrap_or(true);
        at_rest && incarnation.has_hands_full()
    }

    /// The tree from here down, as a value.
    pub(crate) fn picture(&self, now: Duration) -> tree::Actor {
        let state = self.state();
        let age_ms = match self.record().incarnation {
            Some(_) => millis(now).saturating_sub(self.born_ms.load(Ordering::Acquire)),
            None => 0,
        };
        let mailbox = match self.spec.post() {
            Some(post) => tree::Mailbox { depth: post.depth().into(), bound: post.bound().into() },
            None => tree::Mailbox { depth: 0, bound: crate::core::CALLS_WAITING_MAX as u64 },
        };
        let mut children: Vec<tree::Actor> = Vec::new();
        children.extend(self.below().iter().map(|seat| seat.picture(now)));
        tree::Actor {
            id: self.id().to_owned(),
            kind: self.kind().to_owned(),
            state,
            incarnation: self.lives(),
            restarts: self.restarts.load(Ordering::Acquire),
            mailbox,
            age_ms,
            last_error: self.last_error(),
            children,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock(below: &Mutex<Below>) -> MutexGuard<'_, Below> {
    below.lock().unwrap_or_else(PoisonError::into_inner)
}
