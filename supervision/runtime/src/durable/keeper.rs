//! The keeper: seats whoever is wanted, and looks now and then whether somebody was forgotten.
//!
//! hears    Seat (a bell for somebody who is not here), Sweep (from itself)
//! bounds   64 births at a time; pages of 256 entities
//! crashes  when the journal fails, and not when it is away for now; the sweep of its next incarnation finds everybody again

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::id::Address;
use domain::journal::{Claim, Due, Error};
use futures::future::join_all;

use super::house::{Bell, House, JOURNAL_DEADLINE};
use super::shell::aside;
use crate::core::Refusal;
use crate::{Actor, Context, Message, Next, Refused, Why};

/// Births at a time.
const BIRTHS_MAX: usize = 64;
/// Entities that one look brings.
const PAGE: u32 = 256;
/// A bell that was lost is made up for within this.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// What has filled a mailbox gets this long before whoever was forgotten is looked for.
const CATCH_UP: Duration = Duration::from_millis(50);

pub(crate) enum Wanted {
    Seat(Address),
    Sweep(Look),
}

/// One look of a sweep.
pub(crate) struct Look {
    /// Of which incarnation: one that waited for an earlier one would be a second sweep for ever.
    sweeper: u64,
    /// Goes on after this entity; from the beginning without one.
    after: Option<Address>,
    turn: Turn,
}

/// Why there is a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Its time has come, and another one follows.
    Regular,
    /// Somebody met a full mailbox.
    Extra,
}

impl Message for Wanted {}

pub(super) struct Keeper {
    house: Option<Arc<House>>,
    /// This incarnation.
    sweeper: u64,
    /// A sweep out of turn is under way.
    makes_up: bool,
}

impl Keeper {
    pub(super) fn new(house: Option<Arc<House>>) -> Self {
        let sweeper = house.as_ref().map_or(0, |house| house.next_number());
        Keeper { house, sweeper, makes_up: false }
    }

    async fn seat(&self, house: &Arc<House>, wanted: Vec<Address>, cx: &Context<Wanted>) {
        join_all(wanted.into_iter().map(|address| seat(house, address, cx))).await;
    }

    async fn sweep(
        &mut self,
        house: &Arc<House>,
        Look { after, turn, .. }: Look,
        cx: &Context<Wanted>,
    ) -> Result<(), BoxError> {
        let due =
            match cx.wait(JOURNAL_DEADLINE, house.journal.due(house.boot, after, PAGE)).await? {
                Err(Error::Unavailable(why)) => {
                    tracing::warn!(why, "the journal is away");
                    self.sweep_in(SWEEP_EVERY, None, turn, cx);
                    return Ok(());
                }
                due => due?,
            };
        let is_last = due.len() < PAGE as usize;
        let last = due.last().map(|due| due.entity);
        let now = cx.clock().now();
        let (later, at_once): (Vec<Due>, Vec<Due>) =
            due.into_iter().partition(|due| due.at.is_some_and(|at| at > now));
        house.wake_all(later.into_iter().filter_map(|due| Some((due.entity, due.at?))).collect());
        // Whoever is here knows; a bell more does no harm.
        let wanted: Vec<Address> = at_once.into_iter().map(|due| due.entity).collect();
        for some in wanted.chunks(BIRTHS_MAX) {
            self.seat(house, some.to_vec(), cx).await;
        }
        match (is_last, turn) {
            (false, turn) => self.sweep_in(Duration::ZERO, last, turn, cx),
            (true, Turn::Regular) => self.sweep_in(SWEEP_EVERY, None, turn, cx),
            (true, Turn::Extra) => self.makes_up = false,
        }
        Ok(())
    }

    /// Sweeps follow each other for as long as the keeper lives: what a full mailbox makes wait is
    /// offered again.
    fn sweep_in(&self, pause: Duration, after: Option<Address>, turn: Turn, cx: &Context<Wanted>) {
        let (myself, clock, sweeper) = (cx.myself(), cx.clock(), self.sweeper);
        cx.spawn(async move {
            clock.sleep(pause).await;
            let look = || Wanted::Sweep(Look { sweeper, after, turn });
            while let Err(Refused { why: Why::Late, .. }) =
                myself.tell_within(look(), SWEEP_EVERY).await
            {}
        });
    }
}

/// Brings an entity to life, or rings for it if it lives.
async fn seat(house: &Arc<House>, address: Address, cx: &Context<Wanted>) {
    if let Some(seated) = house.seated(address)
        && seated.ring(Bell::new(house, address))
    {
        return;
    }
    let Some(child) = house.make(address, cx) else {
        tracing::error!(entity = %address, "nobody here knows this kind of entity");
        return;
    };
    let started = match house.entities.start(child.clone()).await {
        Err(Refusal::AlreadyStarted) => {
            // On its way out, and deaf already.
            let _ = house.entities.terminate(&address.to_string()).await;
            house.entities.start(child).await
        }
        started => started,
    };
    match started {
        Ok(()) => {}
        Err(Refusal::Quarantined) => {
            if let Err(error) = put_aside(house, address, cx).await {
                tracing::warn!(entity = %address, error, "not put aside yet");
            }
        }
        // Everybody is ending, or it did not start: the next sweep looks again.
        Err(refusal) => tracing::debug!(entity = %address, %refusal, "not seated"),
    }
}

/// It crashed too often for its supervisor. That is recorded, so that posts are refused with the
/// reason and another start of the node does not try again.
async fn put_aside(
    house: &Arc<House>,
    address: Address,
    cx: &Context<Wanted>,
) -> Result<(), BoxError> {
    let how = house.entities.last_error(&address.to_string());
    let how = how.unwrap_or_else(|| "the log says how".to_owned());
    let reason = format!("it crashed too often: {how}");
    // Those of its last life, which nobody hears of any more.
    if !house.end_children(address, cx).await {
        return Err("whoever is at work for it cannot be ended now".into());
    }
    // It is not read, so its format does not matter.
    let claim = Claim { entity: address, boot: house.boot, format: u16::MAX };
    let claimed = cx.wait(JOURNAL_DEADLINE, house.journal.claim(claim)).await???;
    let append = aside(address, &claimed, reason, cx);
    cx.wait(JOURNAL_DEADLINE, house.journal.append(Arc::new(append))).await??;
    // Its place is free when it is released.
    let _ = house.entities.terminate(&address.to_string()).await;
    Ok(())
}

impl Actor for Keeper {
    type Message = Wanted;

    async fn init(&mut self, cx: &mut Context<Wanted>) -> Result<(), BoxError> {
        self.sweep_in(Duration::ZERO, None, Turn::Regular, cx);
        Ok(())
    }

    async fn handle(&mut self, wanted: Wanted, cx: &mut Context<Wanted>) -> Result<Next, BoxError> {
        let Some(house) = self.house.clone() else { return Ok(Next::Done) };
        let mut all = vec![wanted];
        all.append(&mut cx.next_too(BIRTHS_MAX - 1));
        let mut seats = Vec::new();
        let mut sweeps = Vec::new();
        for wanted in all {
            match wanted {
                Wanted::Seat(address) if seats.contains(&address) => {}
                Wanted::Seat(address) => seats.push(address),
                Wanted::Sweep(look) if look.sweeper == self.sweeper => sweeps.push(look),
                Wanted::Sweep(_) => {}
            }
        }
        self.seat(&house, seats, cx).await;
        for look in sweeps {
            self.sweep(&house, look, cx).await?;
        }
        if !self.makes_up && house.has_missed() {
            self.makes_up = true;
            self.sweep_in(CATCH_UP, None, Turn::Extra, cx);
        }
        Ok(Next::Go)
    }
}
