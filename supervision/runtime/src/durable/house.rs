//! Where the entities of a node live: who is seated, whose children run, who is to be woken when.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::id::{Address, Kind};
use domain::journal::{Boot, Journal};
use domain::policy::Policy;
use domain::time::{Clock, Timestamp};

use super::entity::Entity;
use super::keeper::{Keeper, Wanted};
use super::lanes::{Board, Lanes};
use super::mail::{Askers, Mail};
use super::quiet::Quiet;
use super::shell::{Seated, Shell};
use super::timers::{Timers, WakeAt};
use crate::child::{Child, Supervisor, Template, Worker};
use crate::core::Refusal;
use crate::spec::{Intensity, Restart, Shutdown, Strategy, Terms};
use crate::{Bounds, Class, Context, Handle, Message, Node, SupervisorHandle};

/// Crashes of one entity within a minute, before it is put aside.
const ENTITY_INTENSITY: Intensity = Intensity { restarts_max: 5, period_s: 60 };
/// An entity that is asked to leave has its append done by then.
const LEAVE_DEADLINE: Duration = Duration::from_secs(25);
/// What a shell holds is read from the journal, so little waits in memory.
const KNOCKS: Bounds = Bounds { messages_max: 512, bytes_max: 1 << 20 };
/// Bells and wakes that wait to be heard; one more is found by a sweep that follows at once.
const WANTED: Bounds = Bounds { messages_max: 32_768, bytes_max: 4 << 20 };

/// The journal answers in milliseconds, or something is wrong with its disk.
pub(super) const JOURNAL_DEADLINE: Duration = Duration::from_secs(20);

/// Between two calls to a supervisor that takes none now.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Makes the shell of an entity of one kind.
type Make = Box<dyn Fn(Address, &Arc<House>, &Context<Wanted>) -> Child + Send + Sync>;

/// What all shells of a node share.
pub(crate) struct House {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) boot: Boot,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) lanes: Arc<Board>,
    pub(super) askers: Askers,
    pub(super) steps: SupervisorHandle,
    pub(super) entities: SupervisorHandle,
    keeper: Handle<Wanted>,
    timers: Handle<WakeAt>,
    kinds: HashMap<Kind, Make>,
    seats: Mutex<HashMap<Address, Arc<dyn Seated>>>,
    /// The children that were started and whose ends are not recorded.
    children: Mutex<HashMap<Address, BTreeSet<u64>>>,
    quiet: Arc<Quiet>,
    numbers: AtomicU64,
    /// A bell or a wake met a full mailbox.
    missed: AtomicBool,
}

/// The durable part of a node, as it is put together.
pub struct Durable {
    house: Arc<House>,
    root: Supervisor,
}

/// What it is put together from.
pub struct Fittings {
    pub journal: Arc<dyn Journal>,
    pub boot: Boot,
    pub policy: Arc<dyn Policy>,
    pub lanes: Lanes,
    pub kinds: Kinds,
}

/// Which kinds of entities live here, and what their jobs touch the world with.
#[derive(Default)]
pub struct Kinds(HashMap<Kind, Make>);

impl Kinds {
    /// One more kind.
    pub fn with<E: Entity>(mut self, ports: E::Ports) -> Self {
        let make: Make = Box::new(move |me, house, cx| {
            let (house, ports) = (Arc::clone(house), ports.clone());
            let make = move || Shell::<E>::new(me, Arc::clone(&house), ports.clone());
            Worker::new(&me.to_string(), E::KIND.name(), make)
                .mailbox(KNOCKS)
                .class(Class::Adapter)
                .beside(cx)
                .0
        });
        self.0.insert(E::KIND, make);
        self
    }
}

impl Durable {
    pub fn new(node: &Node, fittings: Fittings) -> Self {
        let Fittings { journal, boot, policy, lanes, kinds } = fittings;
        let steps = Supervisor::dynamic("steps", template(Restart::Temporary, Shutdown::Brutal))
            .class(Class::Adapter);
        let leave = Shutdown::Deadline(LEAVE_DEADLINE);
        let entities = Supervisor::dynamic("entities", template(Restart::Transient, leave));
        // Whoever is planted keeps the house; the house knows only the way to them.
        let home: Arc<OnceLock<Arc<House>>> = Arc::default();
        let at_home = || {
            let home = Arc::clone(&home);
            move || home.get().cloned()
        };
        let (its, theirs) = (at_home(), at_home());
        let (timer, timers) =
            Worker::new("timers", "timers", move || Timers::new(its())).mailbox(WANTED).on(node);
        let (keep, keeper) =
            Worker::new("keeper", "keeper", move || Keeper::new(theirs())).mailbox(WANTED).on(node);
        let quiet = Arc::<Quiet>::default();
        let house = home.get_or_init(|| {
            Arc::new(House {
                clock: Arc::clone(&node.shared().clock),
                journal,
                boot,
                policy,
                lanes: Board::new(lanes, Arc::clone(&quiet)),
                askers: Askers::default(),
                steps: steps.handle(),
                entities: entities.handle(),
                keeper,
                timers,
                kinds: kinds.0,
                seats: Mutex::default(),
                children: Mutex::default(),
                quiet,
                numbers: AtomicU64::new(1),
                missed: AtomicBool::new(false),
            })
        });
        let house = Arc::clone(house);
        let root = Supervisor::new("durable", Strategy::RestForOne)
            .child(steps.as_child())
            .child(entities.as_child());
        let root = root.child(timer).child(keep);
        Durable { house, root }
    }

    /// As the child of another supervisor.
    pub fn as_child(&self) -> Child {
        self.root.as_child()
    }

    /// For the doors.
    pub fn mail(&self) -> Mail {
        Mail(Arc::clone(&self.house))
    }

    /// Admits nothing from now on, until the next start of the node: whoever asks waits, and owes
    /// what it waits for. What was begun goes on to its end, which is heard and recorded as ever.
    pub fn drain(&self) {
        self.house.lanes.close();
    }

    /// Resolves when nothing is at work: no child of an entity, no turn that may still start one,
    /// and no end of one that is not recorded yet. It stays so only after `drain`, and for entities
    /// whose children are admitted.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let house = Arc::clone(&self.house);
        async move { house.quiet.until(|| house.is_quiet()).await }
    }

    /// How many children of entities are at work.
    pub fn at_work(&self) -> usize {
        lock(&self.house.children).values().map(BTreeSet::len).sum()
    }
}

fn template(restart: Restart, shutdown: Shutdown) -> Template {
    let terms = Terms { restart, significant: false, backoff: None };
    Template { terms, shutdown, per_child: Some(ENTITY_INTENSITY) }
}

impl House {
    /// Something waits for it, or its moment has come. A bell that is lost costs one sweep, and never a command.
    pub(super) fn ring(self: &Arc<Self>, address: Address) {
        match self.seated(address) {
            Some(seated) if seated.ring(Bell::new(self, address)) => {}
            Some(_) | None => self.want(address),
        }
    }

    pub(super) fn want(&self, address: Address) {
        self.note(self.keeper.tell(Wanted::Seat(address)).is_ok());
    }

    pub(super) fn wake(&self, address: Address, at: Option<Timestamp>) {
        self.note(self.timers.tell(WakeAt::Set(address, at)).is_ok());
    }

    fn note(&self, was_taken: bool) {
        self.missed.fetch_or(!was_taken, Ordering::Relaxed);
    }

    /// Whether somebody was forgotten since this was asked last: a sweep finds them.
    pub(super) fn has_missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    /// What one look of a sweep has found.
    pub(super) fn wake_all(&self, sleepers: Vec<(Address, Timestamp)>) {
        if !sleepers.is_empty() {
            self.note(self.timers.tell(WakeAt::SetAll(sleepers)).is_ok());
        }
    }

    pub(super) fn make(self: &Arc<Self>, address: Address, cx: &Context<Wanted>) -> Option<Child> {
        self.kinds.get(&address.kind).map(|make| make(address, self, cx))
    }

    // --- seats ---

    pub(super) fn seat(&self, address: Address, seated: impl Seated + 'static) {
        lock(&self.seats).insert(address, Arc::new(seated));
    }

    pub(super) fn unseat(&self, address: Address) {
        lock(&self.seats).remove(&address);
    }

    pub(super) fn seated(&self, address: Address) -> Option<Arc<dyn Seated>> {
        lock(&self.seats).get(&address).cloned()
    }

    // --- children ---

    pub(super) fn child_id(address: Address, number: u64) -> String {
        format!("{address}.{number}")
    }

    /// One that nobody else on this node has.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn add_child(&self, address: Address) -> u64 {
        let number = self.next_number();
        lock(&self.children).entry(address).or_default().insert(number);
        number
    }

    pub(super) fn forget_child(&self, address: Address, number: u64) {
        let mut children = lock(&self.children);
        if let Some(numbers) = children.get_mut(&address) {
            numbers.remove(&number);
            if numbers.is_empty() {
                children.remove(&address);
            }
        }
        let is_last = children.is_empty();
        drop(children);
        if is_last {
            self.quiet.look();
        }
    }

    /// A permit is out from the turn that takes it, so one that is about to start a child is seen
    /// as well, and a child is counted from its start until its end is recorded.
    fn is_quiet(&self) -> bool {
        self.lanes.is_idle() && lock(&self.children).is_empty()
    }

    /// Ends a child and returns when it is over. One that is still being started ends after that.
    ///
    /// Tells whether it is over: whoever is asked to leave while the supervisor of all children
    /// comes to its end need not see the end of this one, which dies with its supervisor.
    pub(super) async fn stop_child<M: Message>(
        &self,
        address: Address,
        number: u64,
        cx: &Context<M>,
    ) -> bool {
        let id = House::child_id(address, number);
        loop {
            match self.steps.terminate(&id).await {
                Ok(()) | Err(Refusal::NotFound) => {
                    self.forget_child(address, number);
                    return true;
                }
                Err(Refusal::Ending) if cx.incarnation.is_stop_asked() => return false,
                // While its supervisor is ending, it may not be over.
                Err(Refusal::Ending | Refusal::Busy) => self.clock.sleep(PAUSE).await,
                Err(refusal) => {
                    tracing::debug!(entity = %address, %refusal, "a child is not ended here");
                    return false;
                }
            }
        }
    }

    /// Ends whoever is still at work for an entity: no two of its lives are both able to act. Tells
    /// whether they are over.
    pub(super) async fn end_children<M: Message>(&self, address: Address, cx: &Context<M>) -> bool {
        let numbers = lock(&self.children).get(&address).cloned().unwrap_or_default();
        for number in numbers {
            if !self.stop_child(address, number, cx).await {
                return false;
            }
        }
        true
    }
}

/// A bell on its way. One that nobody hears rings again.
pub(crate) struct Bell {
    house: Arc<House>,
    address: Address,
    was_heard: bool,
}

impl Bell {
    pub(super) fn new(house: &Arc<House>, address: Address) -> Self {
        Bell { house: Arc::clone(house), address, was_heard: false }
    }

    pub(super) fn hear(mut self) {
        self.was_heard = true;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if !self.was_heard {
            self.house.want(self.address);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
