//! Where a supervisor can be reached: the same place for all its incarnations.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::tree::State;
use futures::future::{Either, select};
use ractor::ActorRef;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, oneshot};

use super::Note;
use crate::child::Child;
use crate::core::{CALLS_WAITING_MAX, Call, Refusal};
use crate::incarnation;
use crate::seat::Seat;
use crate::spec::AutoShutdown;

/// A call on its way to a supervisor.
pub(crate) struct Request {
    pub(crate) what: Call,
    pub(crate) child: Option<Child>,
    pub(crate) hear: Hear,
    pub(crate) place: InLine,
}

/// Called with the answer, where the supervisor is.
pub(crate) type Hear = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

struct Occupant {
    serial: u64,
    actor: ActorRef<Note>,
    seat: Arc<Seat>,
    /// Rung when it is gone, for those who wait for its answers: one that was cut off may hold
    /// on to them for ever.
    gone: Arc<Notify>,
    /// Calls under way. One that was cut off keeps its own, and its successor begins with none.
    calls: Arc<AtomicUsize>,
}

/// Known to the specification of a supervisor, so handles outlive its incarnations.
#[derive(Default)]
pub(crate) struct Office {
    occupant: Mutex<Option<Occupant>>,
}

impl Office {
    pub(crate) fn open(&self, serial: u64, myself: &ActorRef<Note>, seat: &Arc<Seat>) {
        let (actor, seat) = (myself.clone(), Arc::clone(seat));
        let occupant =
            Occupant { serial, actor, seat, gone: Arc::default(), calls: Arc::default() };
        *self.occupant() = Some(occupant);
    }

    /// The incarnation of this serial is gone; a later one may sit here already.
    pub(crate) fn close(&self, serial: u64) {
        let mut occupant = self.occupant();
        if let Some(occupant) = occupant.take_if(|occupant| occupant.serial == serial) {
            occupant.gone.notify_waiters();
        }
    }

    fn occupant(&self) -> MutexGuard<'_, Option<Occupant>> {
        self.occupant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to one supervisor, whichever incarnation of it lives.
///
/// A call is made when its method is called, and those of one caller come in their order, whether
/// or not their answers are waited for.
#[derive(Clone)]
pub struct SupervisorHandle {
    office: Arc<Office>,
}

/// One child as its supervisor lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kid {
    pub id: String,
    pub kind: &'static str,
    pub state: State,
}

/// How many children a supervisor has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub specs: usize,
    pub active: usize,
    pub supervisors: usize,
    pub workers: usize,
}

impl SupervisorHandle {
    pub(crate) fn new(office: Arc<Office>) -> Self {
        SupervisorHandle { office }
    }

    /// Starts one more child, to the right of the others; answers when it is up.
    pub fn start(&self, child: Child) -> impl Answer + use<> {
        let (hear, waiting) = self.hearing();
        answer(self.ask_to_start(child, hear), waiting)
    }

    /// The same for somebody who waits for no answer: the supervisor itself calls `when_up` once
    /// the child is up.
    pub(crate) fn start_and(&self, child: Child, when_up: impl FnOnce() + Send + 'static) {
        let hear = move |started: Result<(), Refusal>| {
            if started.is_ok() {
                when_up();
            }
        };
        // What was refused is dropped, and told so by whoever mourns it.
        let _ = self.ask_to_start(child, Box::new(hear));
    }

    fn ask_to_start(&self, child: Child, hear: Hear) -> Result<(), Refusal> {
        // Whether it may be significant depends on the supervisor, whose rules look at that.
        let auto_shutdown = match child.spec.head().terms().significant {
            true => AutoShutdown::AnySignificant,
            false => AutoShutdown::Never,
        };
        child
            .check_at(child.id(), auto_shutdown)
            .map_err(|contradiction| Refusal::Contradiction(contradiction.what))?;
        let what = Call::Start(Arc::clone(&child.spec.head().id), child.spec.head().terms());
        self.ask(what, Some(child), hear)
    }

    /// Ends a child; answers when it is over. It stays down, and a temporary one is forgotten.
    pub fn terminate(&self, id: &str) -> impl Answer + use<> {
        self.call(Call::Terminate(Arc::from(id)))
    }

    /// Starts a child that is down.
    pub fn restart(&self, id: &str) -> impl Answer + use<> {
        self.call(Call::Restart(Arc::from(id)))
    }

    /// Forgets a child that is down.
    pub fn delete(&self, id: &str) -> impl Answer + use<> {
        self.call(Call::Delete(Arc::from(id)))
    }

    /// Lists its children at once, whatever it is doing; nothing while it does not live.
    pub fn which(&self) -> Vec<Kid> {
        let seat = self.office.occupant().as_ref().map(|occupant| Arc::clone(&occupant.seat));
        let Some(seat) = seat else { return Vec::new() };
        seat.below()
            .iter()
            .map(|seat| Kid { id: seat.id().to_owned(), kind: seat.kind(), state: seat.state() })
            .collect()
    }

    /// How the last incarnation of a child ended, if that was not well.
    pub fn last_error(&self, id: &str) -> Option<String> {
        let seat = self.office.occupant().as_ref().map(|occupant| Arc::clone(&occupant.seat))?;
        seat.below().iter().find(|seat| seat.id() == id)?.last_error()
    }

    /// Counts its children at once, whatever it is doing.
    pub fn count(&self) -> Tally {
        let mut tally = Tally::default();
        for kid in self.which() {
            tally.specs += 1;
            tally.active += usize::from(matches!(kid.state, State::Running | State::Stopping));
            match kid.kind {
                "supervisor" => tally.supervisors += 1,
                _ => tally.workers += 1,
            }
        }
        tally
    }

    /// Whether the supervisor lives.
    pub fn is_alive(&self) -> bool {
        self.office.occupant().is_some()
    }

    fn call(&self, what: Call) -> impl Answer + use<> {
        let (hear, waiting) = self.hearing();
        answer(self.ask(what, None, hear), waiting)
    }

    fn hearing(&self) -> (Hear, Waiting) {
        let (answer, answered) = oneshot::channel();
        let hear = move |said| {
            // Whoever asked may have left.
            let _ = answer.send(said);
        };
        let gone = self.office.occupant().as_ref().map(|occupant| Arc::clone(&occupant.gone));
        (Box::new(hear), Waiting { answered, gone: gone.map(Notify::notified_owned) })
    }

    fn ask(&self, what: Call, child: Option<Child>, hear: Hear) -> Result<(), Refusal> {
        if incarnation::is_current_fenced() {
            return Err(Refusal::Fenced);
        }
        let occupant = self.office.occupant();
        let occupant = occupant.as_ref();
        let occupant = occupant.map(|of| (of.actor.clone(), Arc::clone(&of.calls)));
        let (actor, calls) = occupant.ok_or(Refusal::Ending)?;
        let place = InLine::join(calls).ok_or(Refusal::Busy)?;
        let request = Request { what, child, hear, place };
        actor.send_message(Note::Call(request)).map_err(|_| Refusal::Ending)
    }
}

/// What a supervisor says to a call.
pub trait Answer: Future<Output = Result<(), Refusal>> + Send + 'static {}

impl<F: Future<Output = Result<(), Refusal>> + Send + 'static> Answer for F {}

/// Somebody who waits for an answer, for as long as there may be one.
struct Waiting {
    answered: oneshot::Receiver<Result<(), Refusal>>,
    gone: Option<OwnedNotified>,
}

async fn answer(asked: Result<(), Refusal>, waiting: Waiting) -> Result<(), Refusal> {
    asked?;
    let Waiting { answered, gone: Some(gone) } = waiting else { return Err(Refusal::Ending) };
    match select(answered, pin!(gone)).await {
        Either::Left((answer, _)) => answer.unwrap_or(Err(Refusal::Ending)),
        // What it said with its last breath is there.
        Either::Right(((), mut answered)) => answered.try_recv().unwrap_or(Err(Refusal::Ending)),
    }
}

/// One of the calls that may be under way to one supervisor.
pub(crate) struct InLine(Arc<AtomicUsize>);

impl InLine {
    fn join(calls: Arc<AtomicUsize>) -> Option<Self> {
        let before = calls.fetch_add(1, Ordering::AcqRel);
        let place = InLine(calls);
        (before < CALLS_WAITING_MAX).then_some(place)
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
