//! Lanes: how many steps of this node may use the same thing at the same time.
//!
//! A lane has so many permits, and a lock is a lane of one. Who wants several gets all of them or
//! none. Who waits is served in order: what an earlier one waits for is not given to a later one.
//! Who is urgent passes a number of others, and no more than that: nobody waits for ever.
//! Once the board is closed everybody waits, and nobody is served any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::priority::Priority;

use super::quiet::Quiet;

/// One thing that a step uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    Named(Arc<str>),
    /// Whoever names the same thing.
    Lock(Arc<str>),
}

/// How many permits each lane has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes {
    pub permits: BTreeMap<Arc<str>, u32>,
    /// Of a lane that is not named there.
    pub others: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Lanes { permits: BTreeMap::new(), others: 16 }
    }
}

impl Lanes {
    fn permits(&self, lane: &Lane) -> u32 {
        match lane {
            Lane::Named(name) => self.permits.get(name).copied().unwrap_or(self.others),
            Lane::Lock(_) => 1,
        }
    }
}

/// Who holds what, and who waits for it.
pub(super) struct Board {
    lanes: Lanes,
    marks: Mutex<Marks>,
    quiet: Arc<Quiet>,
}

/// How many a priority puts behind those of the next one that come later.
const PASSED_MAX: u64 = 64;

/// Where somebody stands among those who wait; the second tells apart who would stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u64, u64);

impl Rank {
    fn of(number: u64, priority: Priority) -> Self {
        let behind = match priority {
            Priority::High => 0,
            Priority::Normal => PASSED_MAX,
            Priority::Low => 2 * PASSED_MAX,
        };
        Rank(number.saturating_add(behind), number)
    }
}

#[derive(Default)]
struct Marks {
    taken: HashMap<Lane, u32>,
    waiting: BTreeMap<Rank, Waiting>,
    /// Who waits for a lane, in order.
    queues: HashMap<Lane, BTreeSet<Rank>>,
    last: u64,
    /// For good: what is asked for from now on is given by the next start of the node.
    is_closed: bool,
}

struct Waiting {
    wants: Arc<[Lane]>,
    place: Arc<Place>,
}

/// Where the permit of somebody who waits is put down.
struct Place {
    permit: Mutex<Option<Permit>>,
    /// Tells whoever waits to look.
    called: Box<dyn Fn() + Send + Sync>,
}

/// Leave to use some lanes, until it is dropped.
pub(super) struct Permit {
    board: Weak<Board>,
    lanes: Arc<[Lane]>,
}

/// A place in the queue; dropping it leaves the queue.
pub(super) struct Ticket {
    board: Weak<Board>,
    rank: Rank,
    place: Arc<Place>,
}

impl Board {
    /// Whoever waits for quiet is told when the last permit is back.
    pub(super) fn new(lanes: Lanes, quiet: Arc<Quiet>) -> Arc<Self> {
        Arc::new(Board { lanes, marks: Mutex::default(), quiet })
    }

    /// Gives no permit any more, whoever asks and whoever waits.
    pub(super) fn close(&self) {
        lock(&self.marks).is_closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.marks).is_closed
    }

    /// Whether no permit is out.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.marks).taken.is_empty()
    }

    /// All of these, if all are free and nobody waits for any of them.
    pub(super) fn take(self: &Arc<Self>, wants: &Arc<[Lane]>) -> Option<Permit> {
        let mut marks = lock(&self.marks);
        if marks.is_closed {
            return None;
        }
        let is_free = |lane: &Lane| self.is_free(&marks, lane) && !marks.queues.contains_key(lane);
        wants.iter().all(is_free).then(|| self.mark(&mut marks, wants))
    }

    /// Waits for all of these.
    pub(super) fn queue(
        self: &Arc<Self>,
        wants: &Arc<[Lane]>,
        priority: Priority,
        called: impl Fn() + Send + Sync + 'static,
    ) -> Ticket {
        let place = Arc::new(Place { permit: Mutex::new(None), called: Box::new(called) });
        let rank = {
            let mut marks = lock(&self.marks);
            marks.last += 1;
            let rank = Rank::of(marks.last, priority);
            for lane in wants.iter() {
                marks.queues.entry(lane.clone()).or_default().insert(rank);
            }
            let waiting = Waiting { wants: Arc::clone(wants), place: Arc::clone(&place) };
            marks.waiting.insert(rank, waiting);
            rank
        };
        self.serve(wants);
        Ticket { board: Arc::downgrade(self), rank, place }
    }

    fn is_free(&self, marks: &Marks, lane: &Lane) -> bool {
        marks.taken.get(lane).copied().unwrap_or(0) < self.lanes.permits(lane)
    }

    fn mark(self: &Arc<Self>, marks: &mut Marks, lanes: &Arc<[Lane]>) -> Permit {
        for lane in lanes.iter() {
            *marks.taken.entry(lane.clone()).or_insert(0) += 1;
        }
        Permit { board: Arc::downgrade(self), lanes: Arc::clone(lanes) }
    }

    /// Something may have become free of these: gives it to those who wait, in their order.
    fn serve(self: &Arc<Self>, lanes: &[Lane]) {
        let mut served = Vec::new();
        {
            let mut marks = lock(&self.marks);
            if marks.is_closed {
                return;
            }
            let mut looks: Vec<Lane> = lanes.to_vec();
            while let Some(lane) = looks.pop() {
                let first = marks.queues.get(&lane).and_then(BTreeSet::first).copied();
                let Some(rank) = first else { continue };
                let is_served = marks.waiting.get(&rank).is_some_and(|waiting| {
                    let is_next = |lane: &Lane| {
                        let queue = marks.queues.get(lane);
                        queue.and_then(BTreeSet::first) == Some(&rank)
                    };
                    waiting.wants.iter().all(|lane| self.is_free(&marks, lane) && is_next(lane))
                });
                if is_served && let Some(Waiting { wants, place }) = marks.leave(rank) {
                    looks.extend(wants.iter().cloned());
                    served.push((self.mark(&mut marks, &wants), place));
                }
            }
        }
        for (permit, place) in served {
            *lock(&place.permit) = Some(permit);
            (place.called)();
        }
    }

    fn give_back(self: &Arc<Self>, lanes: &[Lane]) {
        let is_idle = {
            let mut marks = lock(&self.marks);
            for lane in lanes {
                if let Some(count) = marks.taken.get_mut(lane) {
                    *count -= 1;
                    if *count == 0 {
                        marks.taken.remove(lane);
                    }
                }
            }
            marks.taken.is_empty()
        };
        if is_idle {
            self.quiet.look();
        }
        self.serve(lanes);
    }
}

impl Marks {
    /// Takes somebody out of all queues.
    fn leave(&mut self, rank: Rank) -> Option<Waiting> {
        let waiting = self.waiting.remove(&rank)?;
        for lane in waiting.wants.iter() {
            if let Some(queue) = self.queues.get_mut(lane) {
                queue.remove(&rank);
                if queue.is_empty() {
                    self.queues.remove(lane);
                }
            }
        }
        Some(waiting)
    }
}

impl Permit {
    pub(super) fn is_of(&self, lanes: &[Lane]) -> bool {
        *self.lanes == *lanes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(board) = self.board.upgrade() {
            board.give_back(&self.lanes);
        }
    }
}

impl Ticket {
    /// The permit, once it is there.
    pub(super) fn take(&self) -> Option<Permit> {
        lock(&self.place.permit).take()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(board) = self.board.upgrade() else { return };
        let left = lock(&board.marks).leave(self.rank);
        // What was put down for it goes back; others may have waited behind it.
        drop(self.take());
        if let Some(Waiting { wants, .. }) = left {
            board.serve(&wants);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
