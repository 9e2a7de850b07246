//! The timers of a node: who is to be woken when, from what the journal has.
//!
//! hears    Set (an append has moved somebody's wake), SetAll (a sweep), Tick (from its own task)
//! bounds   one entry for each entity that waits; one task, which sleeps until the first of them
//! crashes  never of itself; the keeper's sweep fills it again

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::id::Address;
use domain::time::{Clock, Timestamp};
use futures::future::{Either, select};
use tokio::sync::watch;

use super::house::House;
use crate::{Actor, Context, Handle, Message, Next};

pub(crate) enum WakeAt {
    /// At this moment, or not any more.
    Set(Address, Option<Timestamp>),
    SetAll(Vec<(Address, Timestamp)>),
    /// What was slept for has come.
    Tick,
}

impl Message for WakeAt {
    fn bytes(&self) -> usize {
        let more = match self {
            WakeAt::SetAll(all) => size_of_val(all.as_slice()),
            WakeAt::Set(..) | WakeAt::Tick => 0,
        };
        size_of::<Self>() + more
    }
}

/// A tick that waits longer is made up for by whatever filled the mailbox.
const TICK_WITHIN: Duration = Duration::from_secs(5);
/// How many entries one turn changes.
const SETS_MAX: usize = 256;

pub(super) struct Timers {
    house: Option<Arc<House>>,
    order: BTreeSet<(Timestamp, Address)>,
    of: HashMap<Address, Timestamp>,
    /// What its task sleeps for.
    first: watch::Sender<Option<Timestamp>>,
}

impl Timers {
    pub(super) fn new(house: Option<Arc<House>>) -> Self {
        let first = watch::Sender::new(None);
        Timers { house, order: BTreeSet::new(), of: HashMap::new(), first }
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
            WakeAt::SetAll(all) => {
                all.into_iter().for_each(|(address, at)| self.set(address, Some(at)));
            }
            WakeAt::Tick => {}
        }
    }

    /// Wakes whoever is due, and sleeps until the next one is.
    fn ring(&mut self, now: Timestamp) -> Next {
        let Some(house) = self.house.clone() else { return Next::Done };
        while let Some((at, address)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, address));
            self.of.remove(&address);
            house.ring(address);
        }
        let next = self.order.first().map(|(at, _)| *at);
        self.first.send_if_modified(|first| std::mem::replace(first, next) != next);
        Next::Go
    }
}

/// Ticks whenever the first moment has come, until there is another one.
async fn tick(
    mut first: watch::Receiver<Option<Timestamp>>,
    myself: Handle<WakeAt>,
    clock: Arc<dyn Clock>,
) {
    loop {
        let at = *first.borrow_and_update();
        let is_gone = match at {
            None => first.changed().await.is_err(),
            Some(at) => {
                let sleep = clock.sleep(at.since(clock.now()));
                let woken = match select(pin!(first.changed()), sleep).await {
                    Either::Left((changed, _)) => Some(changed.is_err()),
                    Either::Right(((), _)) => None,
                };
                match woken {
                    Some(is_gone) => is_gone,
                    None => {
                        let _ = myself.tell_within(WakeAt::Tick, TICK_WITHIN).await;
                        // Whoever is due is woken, so another one is the first.
                        first.changed().await.is_err()
                    }
                }
            }
        };
        if is_gone {
            return;
        }
    }
}

impl Actor for Timers {
    type Message = WakeAt;

    async fn init(&mut self, cx: &mut Context<WakeAt>) -> Result<(), BoxError> {
        cx.spawn(tick(self.first.subscribe(), cx.myself(), cx.clock()));
        Ok(())
    }

    async fn handle(&mut self, wake: WakeAt, cx: &mut Context<WakeAt>) -> Result<Next, BoxError> {
        self.hear(wake);
        for wake in cx.next_too(SETS_MAX - 1) {
            self.hear(wake);
        }
        Ok(self.ring(cx.clock().now()))
    }
}
