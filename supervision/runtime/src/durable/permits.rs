//! The permits of one entity: those it has, and those it waits for.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::policy::{Act, Verdict};

use super::entity::{Admission, Entity, Gate, Wants};
use super::house::House;
use super::lanes::{Lane, Permit, Ticket};
use super::shell::Knock;
use crate::Context;

/// All of it goes back when this is dropped.
pub(super) struct Permits<E: Entity> {
    house: Arc<House>,
    /// For children that are about to be started.
    held: BTreeMap<E::Key, Permit>,
    waiting: BTreeMap<E::Key, Box<InLine>>,
}

/// Boxed: a leaf of the map has room for eleven.
struct InLine {
    wants: Wants,
    ticket: Ticket,
}

impl<E: Entity> Permits<E> {
    pub(super) fn new(house: &Arc<House>) -> Self {
        Permits { house: Arc::clone(house), held: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    /// Whether it waits for none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something that it waited for is there now.
    pub(super) fn have_come(&mut self) -> bool {
        let held = &mut self.held;
        self.waiting.retain(|key, in_line| match in_line.ticket.take() {
            Some(permit) => {
                held.insert(key.clone(), permit);
                false
            }
            None => true,
        });
        !self.held.is_empty()
    }

    /// For a child that starts now; it keeps it until it has ended.
    pub(super) fn spend(&mut self, key: &E::Key) -> Option<Permit> {
        self.held.remove(key)
    }

    /// It was not started after all, and will be.
    pub(super) fn take_back(&mut self, key: E::Key, permit: Permit) {
        self.held.insert(key, permit);
    }

    /// Waits for these and for no others, and gives back what nobody has spent.
    pub(super) fn settle(&mut self, owed: BTreeMap<E::Key, Wants>, cx: &Context<Knock<E>>) {
        self.held.clear();
        self.waiting.retain(|key, in_line| owed.get(key) == Some(&in_line.wants));
        for (key, wants) in owed {
            if self.waiting.contains_key(&key) {
                continue;
            }
            let myself = cx.myself();
            let called = move || {
                // With a full mailbox it takes a turn anyway, and looks then.
                let _ = myself.tell(Knock::Called);
            };
            let ticket = self.house.lanes.queue(&wants.lanes, wants.priority, called);
            self.waiting.insert(key, Box::new(InLine { wants, ticket }));
        }
    }
}

impl<E: Entity> Gate<E> for Permits<E> {
    fn admit(&mut self, key: &E::Key, act: &Act<'_>, lanes: Arc<[Lane]>) -> Admission {
        if let Verdict::Denied(why) = self.house.policy.judge(act) {
            return Admission::Denied(why);
        }
        // Also what was put down for it already: it has not begun.
        if self.house.lanes.is_closed() {
            return Admission::Wait;
        }
        match self.held.get(key) {
            Some(permit) if permit.is_of(&lanes) => return Admission::Admitted,
            // It was asked for with others before.
            Some(_) => drop(self.held.remove(key)),
            None => {}
        }
        // Who waits already keeps its place.
        if self.waiting.contains_key(key) {
            return Admission::Wait;
        }
        match self.house.lanes.take(&lanes) {
            Some(permit) => {
                self.held.insert(key.clone(), permit);
                Admission::Admitted
            }
            None => Admission::Wait,
        }
    }
}
