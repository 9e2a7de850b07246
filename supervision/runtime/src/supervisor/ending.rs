//! Ending: how the end of an incarnation becomes an event of the rules, once nothing is left of it.

use std::sync::Arc;

use domain::{signals, tree};
use ractor::ActorRef;

use super::{Above, Birth, Due, JOIN_MAX, Note};
use crate::child::Body;
use crate::core::{End, Event, Key, Life, Verdict};
use crate::exit::Exit;
use crate::incarnation::Incarnation;
use crate::node::Phase;
use crate::seat::Seat;
use crate::witness::Sight;

impl Birth {
    pub(super) fn fence(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get(&key) else { return };
        let Some(incarnation) = place.lives(life).cloned() else { return };
        if !place.has_ended() {
            self.gather_orphans(key);
        } else if let Some(left) = incarnation.calls_end_in(self.node.clock.monotonic()) {
            // A port call in flight keeps it from being over until the call's own deadline.
            return self.alarm_for(myself, key, left, Due::Fence(key, life));
        }
        let Some(place) = self.places.get_mut(&key) else { return };
        incarnation.fence();
        let ending = place.ending();
        ending.orphans.iter().for_each(|orphan| orphan.fence());
        ending.exit.get_or_insert(Exit::Killed);
        self.look_whether_over(myself, key, life);
    }

    /// The watchdog has fenced it; what is left is to say so.
    pub(super) fn cut(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get_mut(&key) else { return };
        if place.lives(life).is_none() {
            return;
        }
        if !place.has_ended() {
            self.gather_orphans(key);
        }
        if let Some(place) = self.places.get_mut(&key) {
            place.ending().exit.get_or_insert(Exit::Fenced);
        }
        self.look_whether_over(myself, key, life);
    }

    pub(super) fn handler_ended(
        &mut self,
        myself: &ActorRef<Note>,
        key: Key,
        life: Life,
        exit: Exit,
    ) {
        let Some(place) = self.places.get_mut(&key) else { return };
        let Some(incarnation) = place.lives(life).cloned() else { return };
        let exit = match (incarnation.crash_text(), exit) {
            (Some(text), _) | (None, Exit::Panicked(text)) => match incarnation.panic_place() {
                Some(at) => Exit::Panicked(format!("{text} ({at})")),
                None => Exit::Panicked(text),
            },
            // The watchdog kills whom it cuts off, and its own word may still be on its way.
            (None, Exit::Killed) if incarnation.is_fenced() => Exit::Fenced,
            (None, exit) => exit,
        };
        let in_order = exit == Exit::Shutdown;
        place.ending().exit = Some(exit);
        incarnation.finish();
        if !in_order {
            self.gather_orphans(key);
        }
        self.look_whether_over(myself, key, life);
    }

    /// A supervisor that did not end in order leaves others behind: they are killed, and its
    /// place is not free before they are over.
    fn gather_orphans(&mut self, key: Key) {
        let Some(place) = self.places.get_mut(&key) else { return };
        let mut orphans = Vec::new();
        for seat in place.seat.below() {
            seat.walk(&mut |seat| orphans.extend(seat.incarnation()));
        }
        orphans.reverse();
        for orphan in &orphans {
            orphan.kill();
            orphan.finish();
        }
        if !orphans.is_empty() {
            place.ending().orphans = orphans;
        }
    }

    /// Tells the rules of an end once there is nothing left of it.
    pub(super) fn look_whether_over(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get(&key) else { return };
        let Some(incarnation) = place.lives(life) else { return };
        let Some(ending) = place.ending.as_ref().filter(|ending| ending.exit.is_some()) else {
            return;
        };
        let over = std::iter::once(incarnation).chain(&ending.orphans).all(|incarnation| {
            let myself = myself.clone();
            incarnation.is_over_or(move || {
                let _ = myself.send_message(Note::Over(key, life));
            })
        });
        if over {
            return self.over(myself, key, life);
        }
        if ending.alarm.is_none() {
            self.alarm_for(myself, key, JOIN_MAX, Due::Fence(key, life));
        }
    }

    fn over(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get_mut(&key) else { return };
        let ending = place.ending.take().unwrap_or_default();
        let exit = ending.exit.unwrap_or(Exit::Killed);
        if let Some(alarm) = ending.alarm {
            self.alarms.cancel(alarm);
        }
        let Some(incarnation) = place.incarnation.take() else { return };
        // Its word that it was up may still be on its way: notes are slower than ends.
        let was_told = place.started;
        let was_up = was_told || incarnation.is_ready();
        let seat = Arc::clone(&place.seat);
        let asked = seat.state() == tree::State::Stopping;
        let error = (exit.end() == End::Crash).then(|| exit.to_string());
        self.stir();
        leave_seat(&incarnation, &exit, error.clone());
        for orphan in &ending.orphans {
            self.tell_of_orphan(orphan);
            leave_seat(orphan, &Exit::Killed, None);
            if orphan.seat.goes_with(&seat) {
                orphan.seat.spec.close_posts();
            }
        }
        self.tell_witness(&seat, was_up, &exit);
        if was_up && !was_told {
            self.events.push_back(Event::Started(key, life));
        }
        let event = match was_up {
            true => Event::Ended(key, life, exit.end()),
            false => Event::StartFailed(key, life),
        };
        self.feed(myself, event);
        // Told last: nobody who waits for the replacement waits for the log as well.
        if let Some(error) = error
            && !asked
        {
            tracing::warn!(event = signals::ACTOR_CRASHED, actor = seat.path(), life, error);
        }
    }

    fn tell_of_orphan(&self, orphan: &Incarnation) {
        let sight = match (orphan.seat.is_worker(), orphan.seat.state()) {
            // Whoever nobody has heard of being up has not been seen to start.
            (true, tree::State::Starting) => Sight::Failed,
            (true, _) => Sight::Stopped(Exit::Killed),
            (false, _) => Sight::Stopped(Exit::Shutdown),
        };
        self.see(&orphan.seat, &sight);
    }

    fn tell_witness(&self, seat: &Seat, was_up: bool, exit: &Exit) {
        if self.node.witness.is_none() {
            return;
        }
        match (seat.is_worker(), was_up) {
            (true, true) => self.see(seat, &Sight::Stopped(exit.clone())),
            (true, false) => self.see(seat, &Sight::Failed),
            (false, _) => self.see(seat, &Sight::Stopped(Exit::Shutdown)),
        }
    }

    /// Nothing lives below any more: this supervisor ends.
    pub(super) fn exit(&mut self, myself: &ActorRef<Note>, verdict: Verdict) {
        self.plan.office.close(self.incarnation.serial);
        self.calls.clear();
        let fault = self.fault(verdict);
        match &self.above {
            Above::Node => {
                // Told before the seat is free: whoever finds all settled has heard of it.
                self.see(&self.seat, &Sight::Stopped(Exit::Shutdown));
                self.seat.set_state(tree::State::Stopped);
                self.seat.vacate(fault.clone());
                self.see(&self.seat, &Sight::AtRest);
                match fault {
                    Some(fault) => self.node.give_up(fault),
                    None if self.asked_to_stop => self.node.enter_phase(Phase::Stopped),
                    None => self.node.give_up("its significant children have ended".to_owned()),
                }
            }
            Above::Parent(..) => {
                if let Some(fault) = fault {
                    self.seat.blame(fault);
                }
            }
        }
        myself.stop(None);
    }

    /// What went wrong below, if that is why this supervisor ends.
    fn fault(&mut self, verdict: Verdict) -> Option<String> {
        match (verdict, self.gave_up.take()) {
            (Verdict::StartFailed(key), _) => {
                let failed = self.places.get(&key).map(|place| place.seat.describe());
                Some(format!("its first start failed at {}", failed.unwrap_or_default()))
            }
            (Verdict::Shutdown, culprit) => {
                culprit.map(|culprit| format!("too many restarts, the last of {culprit}"))
            }
        }
    }
}

/// Nothing of it is left, or it was cut off: what it sat on and what it read are free.
fn leave_seat(incarnation: &Incarnation, exit: &Exit, error: Option<String>) {
    incarnation.free_names();
    let seat = &incarnation.seat;
    seat.set_state(tree::State::Stopped);
    seat.vacate(error);
    if let Some(post) = seat.spec.post() {
        post.detach(exit, incarnation.is_fenced());
    } else if let Body::Supervisor(branch) = Arc::clone(&seat.spec).body() {
        // It has done so itself, unless it was cut off.
        branch.plan.office.close(incarnation.serial);
    }
}
