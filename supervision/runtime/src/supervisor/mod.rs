//! The actor around the rules: carries out the effects of `core` on ractor and feeds it events.
//!
//! It never waits: whatever takes time comes back as a note or as an event of ractor. Notes are
//! control messages, at most one under way for each child, call or timer.

mod carry;
mod ending;
mod office;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef, SupervisionEvent};

use office::{Hear, InLine};
pub use office::{Kid, SupervisorHandle, Tally};
pub(crate) use office::{Office, Request};

use crate::alarms::{AlarmId, Alarms};
use crate::child::{Child, Plan, Supervisor};
use crate::core::{self, CallId, Effect, Event, Key, Life, Limits};
use crate::exit::{self, Exit, Told};
use crate::incarnation::{Hand, Incarnation};
use crate::node::Shared;
use crate::seat::Seat;

/// What was killed or crashed is joined for this long, then fenced.
const JOIN_MAX: Duration = Duration::from_secs(1);
/// How long a polite stop that was overtaken by its deadline may still be taken.
const OVERTAKEN_MAX: Duration = Duration::from_millis(100);

/// What reaches a supervisor beside the events of ractor.
pub(crate) enum Note {
    Call(Request),
    /// The parent, or the node, asks it to end.
    Stop,
    /// The parent kills it: its workers are killed, supervisors below end in order.
    Die,
    /// A child that had ended has its hands empty now.
    Over(Key, Life),
    Alarm,
    Retry(Key, Life),
    /// A supervisor below has all its children up.
    Ready(Key, Life),
    /// The watchdog cut this child off.
    Cut(Key, Life),
    /// The watchdog wants a sign of life.
    Ping,
}

/// Who is told of the end of a supervisor.
pub(crate) enum Above {
    Node,
    Parent(ActorRef<Note>, Key, Life),
}

/// What an alarm is for.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// It was asked to stop, and its deadline has passed.
    Kill(Key, Life),
    /// It had not even taken the stop that was on its way.
    KillAtOnce(Key, Life),
    /// It was killed or crashed, and is still not over.
    Fence(Key, Life),
    Retry(Key, Life),
}

enum Core {
    Ordered(core::Ordered),
    Dynamic(core::Dynamic),
}

impl Core {
    fn step(&mut self, at: Duration, event: Event) -> Vec<Effect> {
        match self {
            Core::Ordered(core) => core.step(at, event),
            Core::Dynamic(core) => core.step(at, event),
        }
    }

    fn at_rest(&self) -> bool {
        match self {
            Core::Ordered(core) => core.at_rest(),
            Core::Dynamic(core) => core.at_rest(),
        }
    }
}

/// A child as its supervisor knows it; there is one for each actor, so it is small.
struct Place {
    seat: Arc<Seat>,
    incarnation: Option<Arc<Incarnation>>,
    /// Only while it is being ended.
    ending: Option<Box<Ending>>,
    life: Life,
    started: bool,
    /// It went to rest, so its next start is somebody's wish and no restart.
    rested: bool,
}

/// What is known of an incarnation that is on its way out.
#[derive(Default)]
struct Ending {
    /// Its handler has ended in this way; it may still have its hands full.
    exit: Option<Exit>,
    /// Who lived below a supervisor that did not end in order; they must be over too.
    orphans: Vec<Arc<Incarnation>>,
    alarm: Option<AlarmId>,
}

/// Who waits for the answer to a call, and the child it brought along until that is taken in.
struct Asker {
    child: Option<Child>,
    hear: Hear,
    #[expect(dead_code, reason = "held until it is answered")]
    place: InLine,
}

/// The state of one incarnation of a supervisor.
pub(crate) struct Birth {
    pub(crate) incarnation: Arc<Incarnation>,
    plan: Supervisor,
    node: Arc<Shared>,
    seat: Arc<Seat>,
    above: Above,
    core: Core,
    places: HashMap<Key, Place>,
    /// Also those that were fenced: when their events come, nobody is left whom they concern.
    by_actor: HashMap<u64, (Key, Life)>,
    calls: HashMap<CallId, Asker>,
    next_call: CallId,
    alarms: Alarms<Due>,
    events: VecDeque<Event>,
    asked_to_stop: bool,
    killed: bool,
    /// Whose restart was one too many.
    gave_up: Option<String>,
    /// Last, so that all else is gone when this hand is empty.
    #[expect(dead_code, reason = "held for its drop")]
    hand: Hand,
}

impl Birth {
    pub(crate) fn new(
        plan: Supervisor,
        node: &Arc<Shared>,
        seat: &Arc<Seat>,
        life: Life,
        above: Above,
    ) -> Self {
        let incarnation = Arc::new(Incarnation::new(node.next_serial(), life, Arc::clone(seat)));
        let limits = Limits { intensity: plan.intensity, auto_shutdown: plan.auto_shutdown };
        let core = match &plan.plan {
            Plan::Ordered(strategy, children) => {
                let terms = children
                    .iter()
                    .map(|child| (Arc::clone(&child.spec.head().id), child.spec.head().terms()));
                Core::Ordered(core::Ordered::new(*strategy, limits, terms))
            }
            Plan::Dynamic(template) => {
                Core::Dynamic(core::Dynamic::new(limits, template.terms, template.per_child))
            }
        };
        Birth {
            hand: incarnation.hand(),
            incarnation,
            plan,
            node: Arc::clone(node),
            seat: Arc::clone(seat),
            above,
            core,
            places: HashMap::new(),
            by_actor: HashMap::new(),
            calls: HashMap::new(),
            next_call: 0,
            alarms: Alarms::new(),
            events: VecDeque::new(),
            asked_to_stop: false,
            killed: false,
            gave_up: None,
        }
    }

    /// Takes its seat and starts its children.
    fn begin(&mut self, myself: &ActorRef<Note>) {
        self.seat.clear_below();
        self.seat.with_below(|below| {
            below.office = Some(myself.clone());
            below.at_rest = false;
        });
        self.plan.office.open(self.incarnation.serial, myself, &self.seat);
        if matches!(self.above, Above::Node) {
            let at = self.node.clock.monotonic();
            self.seat.occupy(Arc::clone(&self.incarnation), false, at);
            self.see(&self.seat, &crate::Sight::Started);
        }
        if let Plan::Ordered(_, children) = &self.plan.plan {
            for (key, child) in (0..).zip(children.clone()) {
                self.take_in(key, child);
            }
        }
        self.feed(myself, Event::Begin);
    }

    /// Feeds the rules and carries out what they say, until nothing follows any more.
    fn feed(&mut self, myself: &ActorRef<Note>, event: Event) {
        self.events.push_back(event);
        while let Some(event) = self.events.pop_front() {
            let at = self.node.clock.monotonic();
            for effect in self.core.step(at, event) {
                self.carry_out(myself, effect);
            }
        }
        if self.node.witness.is_some() {
            let at_rest = self.core.at_rest();
            self.seat.with_below(|below| below.at_rest = at_rest);
            if at_rest {
                self.see(&self.seat, &crate::Sight::AtRest);
            }
        }
    }

    fn note(&mut self, myself: &ActorRef<Note>, note: Note) {
        match note {
            Note::Call(request) => self.call(myself, request),
            Note::Stop => {
                self.asked_to_stop = true;
                self.seat.set_state(domain::tree::State::Stopping);
                self.feed(myself, Event::Stop);
            }
            Note::Die => self.die(myself),
            Note::Over(key, life) => self.look_whether_over(myself, key, life),
            Note::Alarm => self.ring(myself),
            Note::Retry(key, life) => self.feed(myself, Event::Retry(key, life)),
            Note::Ready(key, life) => self.child_is_up(myself, key, life),
            Note::Cut(key, life) => self.cut(myself, key, life),
            Note::Ping => self.seat.pong(),
        }
    }

    fn call(&mut self, myself: &ActorRef<Note>, request: Request) {
        let call = self.next_call;
        self.next_call += 1;
        let Request { what, child, hear, place } = request;
        self.calls.insert(call, Asker { child, hear, place });
        self.feed(myself, Event::Call(call, what));
    }

    fn told(&mut self, myself: &ActorRef<Note>, told: Told) {
        match told {
            Told::Started(actor) => {
                let Some((key, life)) = self.by_actor.get(&actor).copied() else { return };
                let is_worker = self.places.get(&key).is_some_and(Place::is_worker);
                // A supervisor is up when its children are, which it says itself.
                if is_worker {
                    self.child_is_up(myself, key, life);
                }
            }
            Told::Ended(actor, exit) => {
                let Some((key, life)) = self.by_actor.remove(&actor) else { return };
                self.handler_ended(myself, key, life, exit);
            }
            Told::Nothing => {}
        }
    }

    fn ring(&mut self, myself: &ActorRef<Note>) {
        let bell = bell(myself);
        for due in self.alarms.due(&*self.node.clock, bell) {
            match due {
                Due::Kill(key, life) => self.kill_for_deadline(myself, key, life),
                Due::KillAtOnce(key, life) => self.kill(myself, key, life),
                Due::Fence(key, life) => self.fence(myself, key, life),
                Due::Retry(key, life) => self.feed(myself, Event::Retry(key, life)),
            }
        }
    }

    /// What is seen next leaves something to be dealt with.
    fn stir(&self) {
        if self.node.witness.is_some() {
            self.seat.with_below(|below| below.at_rest = false);
        }
    }

    fn see(&self, seat: &Seat, sight: &crate::Sight) {
        if let Some(witness) = &self.node.witness {
            witness.saw(&seat.path(), sight);
        }
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        // Killed or dropped with its node, it has not closed it; what it sat on would stay for ever.
        self.plan.office.close(self.incarnation.serial);
        if matches!(self.above, Above::Node) {
            self.node.root_is_gone();
        }
    }
}

fn bell(myself: &ActorRef<Note>) -> impl FnOnce() + Send + 'static {
    let myself = myself.clone();
    move || {
        let _ = myself.send_message(Note::Alarm);
    }
}

/// The ractor side of a supervisor.
pub(crate) struct Shell;

impl ractor::Actor for Shell {
    type Msg = Note;
    type State = Birth;
    type Arguments = Birth;

    async fn pre_start(
        &self,
        _myself: ActorRef<Note>,
        birth: Birth,
    ) -> Result<Birth, ActorProcessingErr> {
        Ok(birth)
    }

    async fn post_start(
        &self,
        myself: ActorRef<Note>,
        state: &mut Birth,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&state.incarnation);
        incarnation.enter(|| state.begin(&myself));
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Note>,
        note: Note,
        state: &mut Birth,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&state.incarnation);
        incarnation.enter(|| state.note(&myself, note));
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Note>,
        event: SupervisionEvent,
        state: &mut Birth,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&state.incarnation);
        incarnation.enter(|| {
            let told = exit::read(&event);
            // The event may carry the child's last state, and with it the child's own hand.
            drop(event);
            state.told(&myself, told);
        });
        Ok(())
    }
}
