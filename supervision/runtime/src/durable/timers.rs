//! The timers of a node: who is to be woken when, from what the journal has.
//!
//! hears    Set (an append has moved somebody's wake), Tick (from itself)
//! bounds   one entry for each entity that waits
//! crashes  never of itself; the keeper's sweep fills it again

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::id::Address;
use domain::time::Timestamp;

use super::house::House;
use crate::{Actor, Context, Message, Next};

pub(crate) enum WakeAt {
    /// At this moment, or not any more.
    Set(Address, Option<Timestamp>),
    /// What was slept for has come.
    Tick(Timestamp),
}

impl Message for WakeAt {}

/// A tick that waits longer is made up for by whatever filled the mailbox.
const TICK_WITHIN: Duration = Duration::from_secs(5);
/// How many entries one turn changes.
const SETS_MAX: usize = 256;

pub(super) struct Timers {
    house: Option<Arc<House>>,
    order: BTreeSet<(Timestamp, Address)>,
    of: HashMap<Address, Timestamp>,
    /// The earliest moment that is slept for.
    armed: Option<Timestamp>,
}

impl Timers {
    pub(super) fn new(house: Option<Arc<House>>) -> Self {
        Timers { house, order: BTreeSet::new(), of: HashMap::new(), armed: None }
    }

    fn set(&mut self, address: Address, at: Option<Timestamp>) {
        if let Some(before) = self.of.remove(&address) {
            self.order.remove(&(before, address));
        }
        if let Some(at) = at {
            self.of.insert(address, at);
            self.order.insert((at, address));
        }
    }

    fn hear(&mut self, wake: WakeAt) {
        match wake {
            WakeAt::Set(address, at) => self.set(address, at),
            WakeAt::Tick(at) => {
                if self.armed == Some(at) {
                    self.armed = None;
                }
            }
        }
    }

    /// Wakes whoever is due, and sleeps until the next one is.
    fn ring(&mut self, cx: &Context<WakeAt>) -> Next {
        let Some(house) = self.house.clone() else { return Next::Done };
        let clock = cx.clock();
        let now = clock.now();
        while let Some((at, address)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, address));
            self.of.remove(&address);
            house.ring(address);
        }
        // A tick that found no room must not keep others from being slept for.
        self.armed = self.armed.filter(|armed| *armed > now);
        let next = self.order.first().map(|(at, _)| *at);
        if let Some(at) = next.filter(|at| self.armed.is_none_or(|armed| *at < armed)) {
            self.armed = Some(at);
            let myself = cx.myself();
            let left = at.since(now);
            cx.spawn(async move {
                clock.sleep(left).await;
                let _ = myself.tell_within(WakeAt::Tick(at), TICK_WITHIN).await;
            });
        }
        Next::Go
    }
}

impl Actor for Timers {
    type Message = WakeAt;

    async fn handle(&mut self, wake: WakeAt, cx: &mut Context<WakeAt>) -> Result<Next, BoxError> {
        self.hear(wake);
        for wake in cx.next_too(SETS_MAX - 1) {
            self.hear(wake);
        }
        Ok(self.ring(cx))
    }
}
