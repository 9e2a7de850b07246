//! Carrying out: what each effect of the rules means for real actors.

use std::sync::Arc;
use std::time::Duration;

use domain::{signals, tree};
use ractor::{ActorCell, ActorRef};

use super::{Above, Birth, Due, Ending, JOIN_MAX, Note, OVERTAKEN_MAX, Place, Shell, bell};
use crate::child::{Body, Child, Plan, Supervisor};
use crate::core::{Effect, Event, Key, Life};
use crate::incarnation::Incarnation;
use crate::node::Phase;
use crate::patience;
use crate::seat::Seat;
use crate::spec::{Backoff, Shutdown};
use crate::witness::Sight;

impl Place {
    pub(super) fn is_worker(&self) -> bool {
        self.seat.is_worker()
    }

    pub(super) fn lives(&self, life: Life) -> Option<&Arc<Incarnation>> {
        self.incarnation.as_ref().filter(|_| self.life == life)
    }

    /// Whether its handler has ended, though it may not be over.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.exit.is_some())
    }

    pub(super) fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
    }

    /// Leaves a note for the supervisor that sits here.
    fn note(&self, note: Note) {
        let office = self.seat.with_below(|below| below.office.clone()).flatten();
        if let Some(office) = office {
            // A supervisor that is gone already has told its end.
            let _ = office.send_message(note);
        }
    }

    fn with_post(&self, act: impl FnOnce(&dyn crate::mailbox::Post)) {
        if let Some(post) = self.seat.spec.post() {
            act(post);
        }
    }
}

impl Birth {
    pub(super) fn carry_out(&mut self, myself: &ActorRef<Note>, effect: Effect) {
        match effect {
            Effect::Adopt(key, call) => {
                let child = self.calls.get_mut(&call).and_then(|asker| asker.child.take());
                let child = child.expect("a call that starts a child brings it along");
                self.take_in(key, child);
            }
            Effect::Start(key, life) => self.start(myself, key, life),
            Effect::Stop(key, life) => self.stop(myself, key, life),
            Effect::Retry(key, life, None) => {
                self.set_state(key, tree::State::Restarting);
                let _ = myself.send_message(Note::Retry(key, life));
            }
            Effect::Retry(key, life, Some(attempt)) => self.back_off(myself, key, life, attempt),
            Effect::Hold(key) => self.set_state(key, tree::State::Restarting),
            Effect::Rest(key) => self.rest(key),
            Effect::Quarantine(key) => self.quarantine(key),
            Effect::Forget(key) => self.forget(key),
            Effect::Answer(call, answer) => {
                if let Some(asker) = self.calls.remove(&call) {
                    (asker.hear)(answer.map(|_| ()));
                }
            }
            Effect::Ready => self.ready(),
            Effect::GaveUp(key) => {
                let culprit = self.places.get(&key).map(|place| place.seat.describe());
                let actor = self.seat.path();
                tracing::error!(event = signals::SUPERVISOR_GAVE_UP, actor, culprit);
                self.gave_up = culprit;
            }
            Effect::Exit(verdict) => self.exit(myself, verdict),
        }
    }

    // --- places ---

    pub(super) fn take_in(&mut self, key: Key, child: Child) {
        let seat = Arc::new(Seat::new(child.spec, key, Some(Arc::clone(&self.seat))));
        self.seat.with_below(|below| below.seats.insert(key, Arc::clone(&seat)));
        let place =
            Place { seat, incarnation: None, ending: None, life: 0, started: false, rested: false };
        self.places.insert(key, place);
    }

    fn forget(&mut self, key: Key) {
        let stays_open = self.comes_back(key);
        if let Some(place) = self.places.remove(&key) {
            place.seat.set_state(tree::State::Stopped);
            if !stays_open {
                place.seat.spec.close_posts();
            }
            place.seat.clear_below();
            self.seat.with_below(|below| below.seats.remove(&key));
        }
    }

    fn rest(&mut self, key: Key) {
        let stays_open = self.comes_back(key);
        let Some(place) = self.places.get_mut(&key) else { return };
        place.rested = true;
        place.seat.set_state(tree::State::Stopped);
        if !stays_open {
            place.seat.spec.close_posts();
        }
    }

    /// Whether this supervisor ends only to be started again, and this child with it. What waits
    /// for the child stays then; if nobody is started again, whoever asked closes it.
    fn comes_back(&self, key: Key) -> bool {
        let asked = self.asked_to_stop || self.killed;
        let is_root = matches!(self.above, Above::Node);
        match &self.plan.plan {
            Plan::Ordered(_, children) => asked && !is_root && key < children.len() as Key,
            Plan::Dynamic(_) => false,
        }
    }

    fn quarantine(&mut self, key: Key) {
        if let Some(place) = self.places.get(&key) {
            tracing::error!(event = signals::ACTOR_QUARANTINED, actor = place.seat.path());
            place.seat.set_state(tree::State::Quarantined);
            place.seat.spec.close_posts();
        }
    }

    fn set_state(&self, key: Key, state: tree::State) {
        if let Some(place) = self.places.get(&key) {
            place.seat.set_state(state);
        }
    }

    fn shutdown_of(&self, place: &Place) -> Shutdown {
        match &self.plan.plan {
            Plan::Ordered(..) => place.seat.spec.head().shutdown,
            Plan::Dynamic(template) => template.shutdown,
        }
    }

    fn backoff_of(&self, place: &Place) -> Option<Backoff> {
        match &self.plan.plan {
            Plan::Ordered(..) => place.seat.spec.head().terms().backoff,
            Plan::Dynamic(template) => template.terms.backoff,
        }
    }

    // --- starting ---

    fn start(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let at = self.node.clock.monotonic();
        let Some(place) = self.places.get_mut(&key) else { return };
        place.with_post(|post| post.open());
        place.life = life;
        place.started = false;
        let by_itself = life > 1 && !std::mem::take(&mut place.rested);
        let seat = Arc::clone(&place.seat);
        let born = match Arc::clone(&seat.spec).body() {
            Body::Worker(birth) => {
                let serial = self.node.next_serial();
                let incarnation = Arc::new(Incarnation::new(serial, life, Arc::clone(&seat)));
                seat.occupy(Arc::clone(&incarnation), by_itself, at);
                let born = birth.bear(Arc::clone(&incarnation), myself.get_cell());
                born.map(|cell| (cell, incarnation))
            }
            Body::Supervisor(branch) => {
                self.start_supervisor(myself, &branch.plan, &seat, life, by_itself)
            }
        };
        match born {
            Ok((cell, incarnation)) => {
                self.by_actor.insert(cell.get_id().pid(), (key, life));
                if let Some(place) = self.places.get_mut(&key) {
                    place.incarnation = Some(incarnation);
                }
            }
            Err(error) => {
                tracing::error!(event = signals::ACTOR_CRASHED, actor = seat.path(), error);
                seat.vacate(Some(error));
                self.events.push_back(Event::StartFailed(key, life));
            }
        }
    }

    fn start_supervisor(
        &self,
        myself: &ActorRef<Note>,
        plan: &Supervisor,
        seat: &Arc<Seat>,
        life: Life,
        by_itself: bool,
    ) -> Result<(ActorCell, Arc<Incarnation>), String> {
        let above = Above::Parent(myself.clone(), seat.key, life);
        let birth = Birth::new(plan.clone(), &self.node, seat, life, above);
        let incarnation = Arc::clone(&birth.incarnation);
        seat.occupy(Arc::clone(&incarnation), by_itself, self.node.clock.monotonic());
        self.see(seat, &Sight::Started);
        let (place, crew) = self.node.threads.place(plan.class);
        let _on_its_threads = place.enter();
        let spawned = ractor::Actor::spawn_linked(None, Shell, birth, myself.get_cell());
        let (actor, _) = patience::at_once(spawned)
            .ok_or("the start of a supervisor did not return at once")?
            .map_err(|error| error.to_string())?;
        incarnation.settle_in(actor.get_cell(), crew);
        // Known before it has begun, so that a stop which comes that early waits for it.
        seat.with_below(|below| below.office = Some(actor.clone()));
        Ok((actor.get_cell(), incarnation))
    }

    pub(super) fn child_is_up(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get_mut(&key) else { return };
        if place.life != life || place.started || place.incarnation.is_none() {
            return;
        }
        place.started = true;
        // One that was asked to stop meanwhile stays what it is.
        if place.seat.state() == tree::State::Starting {
            place.seat.set_state(tree::State::Running);
        }
        self.stir();
        if self.places.get(&key).is_some_and(Place::is_worker) {
            self.see(&self.places[&key].seat, &Sight::Started);
        }
        self.feed(myself, Event::Started(key, life));
    }

    fn ready(&mut self) {
        self.incarnation.set_ready();
        self.seat.set_state(tree::State::Running);
        match &self.above {
            Above::Node => self.node.enter_phase(Phase::Ready),
            Above::Parent(parent, key, life) => {
                let _ = parent.send_message(Note::Ready(*key, *life));
            }
        }
    }

    fn back_off(&mut self, myself: &ActorRef<Note>, key: Key, life: Life, attempt: u32) {
        self.set_state(key, tree::State::Restarting);
        let Some(place) = self.places.get(&key) else { return };
        let Some(backoff) = self.backoff_of(place) else { return };
        let delay = backoff.delay(attempt, self.node.dice.roll());
        self.alarm(myself, delay, Due::Retry(key, life));
    }

    // --- stopping ---

    fn stop(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get(&key) else { return };
        place.seat.set_state(tree::State::Stopping);
        let Some(incarnation) = place.lives(life).cloned() else { return };
        if place.has_ended() {
            // Its handler has ended already; the alarm for what it has in hand is set.
            return;
        }
        let shutdown = match (self.killed, place.is_worker()) {
            (true, true) => Shutdown::Brutal,
            (true, false) => Shutdown::Unbounded,
            (false, _) => self.shutdown_of(place),
        };
        let deadline = match shutdown {
            Shutdown::Brutal => return self.kill(myself, key, life),
            Shutdown::Deadline(deadline) => Some(deadline),
            Shutdown::Unbounded => None,
        };
        match place.is_worker() {
            true => incarnation.ask_to_stop(),
            false => place.note(Note::Stop),
        }
        if let Some(deadline) = deadline {
            self.alarm_for(myself, key, deadline, Due::Kill(key, life));
        }
    }

    pub(super) fn kill_for_deadline(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get(&key) else { return };
        let Some(incarnation) = place.lives(life) else { return };
        if place.has_ended() {
            self.fence(myself, key, life);
        } else if !place.is_worker() || incarnation.kill_after_stop() {
            self.kill(myself, key, life);
        } else {
            self.alarm_for(myself, key, OVERTAKEN_MAX, Due::KillAtOnce(key, life));
        }
    }

    pub(super) fn kill(&mut self, myself: &ActorRef<Note>, key: Key, life: Life) {
        let Some(place) = self.places.get(&key) else { return };
        let Some(incarnation) = place.lives(life) else { return };
        match place.is_worker() {
            true => incarnation.kill(),
            // ractor would kill everybody below at once, and nobody would wait for them.
            false => place.note(Note::Die),
        }
        self.alarm_for(myself, key, JOIN_MAX, Due::Fence(key, life));
    }

    /// It was killed by its parent: whoever is being stopped politely is not any more.
    pub(super) fn die(&mut self, myself: &ActorRef<Note>) {
        self.killed = true;
        let mut stopping: Vec<(Key, Life)> = self
            .places
            .iter()
            .filter(|(_, place)| place.is_worker() && !place.has_ended())
            .filter(|(_, place)| place.seat.state() == tree::State::Stopping)
            .map(|(key, place)| (*key, place.life))
            .collect();
        stopping.sort_unstable_by(|left, right| right.cmp(left));
        for (key, life) in stopping {
            self.kill(myself, key, life);
        }
        self.seat.set_state(tree::State::Stopping);
        self.feed(myself, Event::Stop);
    }

    // --- alarms ---

    fn alarm(&mut self, myself: &ActorRef<Note>, after: Duration, due: Due) -> (Duration, u64) {
        let clock = Arc::clone(&self.node.clock);
        self.alarms.set(clock.monotonic() + after, due, &*clock, bell(myself))
    }

    /// Sets the one alarm a child may have, in the place of the one before.
    pub(super) fn alarm_for(
        &mut self,
        myself: &ActorRef<Note>,
        key: Key,
        after: Duration,
        due: Due,
    ) {
        let id = self.alarm(myself, after, due);
        let before = self.places.get_mut(&key).and_then(|place| place.ending().alarm.replace(id));
        if let Some(before) = before {
            self.alarms.cancel(before);
        }
    }
}
