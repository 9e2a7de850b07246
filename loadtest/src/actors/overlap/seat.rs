//! Who sits where, and the look that everybody takes before doing anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::BoxError;
use runtime::{Actor, Child, Class, Context, Handle, Next, Node, Refused, Why, Worker};

/// What was seen over all seats.
pub(super) struct Watch {
    pub(super) acts: AtomicU64,
    pub(super) overlaps: AtomicU64,
    /// Deeds begun by one that was fenced: what it sends is refused, so it does nothing by them.
    pub(super) acts_of_fenced: AtomicU64,
    pub(super) incarnations: AtomicU64,
    probe: Option<Handle<()>>,
}

/// Number 0 is nobody.
#[derive(Default)]
pub(super) struct Seat {
    born: AtomicU64,
    sits: AtomicU64,
}

impl Seat {
    pub(super) fn sits(&self) -> u64 {
        self.sits.load(Ordering::SeqCst)
    }
}

/// One incarnation's claim to its seat.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) number: u64,
    seat: Arc<Seat>,
    watch: Arc<Watch>,
}

impl Watch {
    pub(super) fn new(probe: Handle<()>) -> Self {
        Watch { probe: Some(probe), ..Watch::without_probe() }
    }

    fn without_probe() -> Self {
        Watch {
            acts: AtomicU64::new(0),
            overlaps: AtomicU64::new(0),
            acts_of_fenced: AtomicU64::new(0),
            incarnations: AtomicU64::new(0),
            probe: None,
        }
    }

    /// Whether whoever calls this was cut off: its sends are refused for that very reason.
    fn is_caller_fenced(&self) -> bool {
        let sent = self.probe.as_ref().map(|probe| probe.tell(()));
        matches!(sent, Some(Err(Refused { why: Why::Fenced, .. })))
    }
}

impl Claim {
    /// Sits down: whoever sat here before has lost the seat now.
    pub(super) fn new(seat: &Arc<Seat>, watch: &Arc<Watch>) -> Self {
        let number = seat.born.fetch_add(1, Ordering::SeqCst) + 1;
        seat.sits.store(number, Ordering::SeqCst);
        watch.incarnations.fetch_add(1, Ordering::Relaxed);
        Claim { number, seat: Arc::clone(seat), watch: Arc::clone(watch) }
    }

    /// Taken before and after each deed. The seat is looked at first: a fence that comes between
    /// the two looks cannot make an overlap of what was none.
    pub(super) fn act(&self) {
        self.watch.acts.fetch_add(1, Ordering::Relaxed);
        if self.seat.sits() == self.number {
            return;
        }
        let count = match self.watch.is_caller_fenced() {
            true => &self.watch.acts_of_fenced,
            false => &self.watch.overlaps,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Somebody to send to; hears nothing but what an overlap sends.
pub(super) fn probe(node: &Node) -> (Child, Handle<()>) {
    Worker::new("probe", "probe", || Probe).class(Class::Adapter).on(node)
}

struct Probe;

impl Actor for Probe {
    type Message = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<Next, BoxError> {
        Ok(Next::Go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_act_on_one_seat_are_seen() {
        let watch = Arc::new(Watch::without_probe());
        let seat = Arc::new(Seat::default());
        let old = Claim::new(&seat, &watch);
        old.act();
        assert_eq!(watch.overlaps.load(Ordering::SeqCst), 0);
        let new = Claim::new(&seat, &watch);
        new.act();
        assert_eq!(watch.overlaps.load(Ordering::SeqCst), 0);
        old.act();
        assert_eq!(watch.overlaps.load(Ordering::SeqCst), 1);
    }
}
