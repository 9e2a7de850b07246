//! What an entity is: pure functions over its own history.

use std::collections::BTreeSet;
use std::fmt::Debug;

use domain::id::{Address, Kind};
use domain::journal::{Before, Epoch, Outgoing};
use domain::time::Timestamp;
use domain::wire::Written;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Something that outlives every process: what it is, is what it has recorded.
///
/// `decide` says what happened, `settle` what follows by itself, `owed` what must be going on. All
/// of it becomes one append, and nobody sees or does anything before that is on the disk.
pub trait Entity: Sized + Send + Sync + 'static {
    const KIND: Kind;
    /// The highest version among its events: a program that knows less leaves its history alone.
    const FORMAT: u16;

    /// What others may send it.
    type Post: Written + Send;
    type Event: Written + Send;
    /// The fold of its events: open things only, never the past.
    type State: Default + Send + Sync;
    /// Names one child for good.
    type Key: Ord + Clone + Debug + Send + Sync + Serialize + DeserializeOwned;
    /// What a child performs.
    type Job: Job<Outcome = Self::Outcome, Ports = Self::Ports>;
    type Outcome: Clone + Send + Serialize + DeserializeOwned;
    /// What its jobs touch the world with.
    type Ports: Clone + Send + Sync + 'static;
    /// What an asker sees: committed, never ahead.
    type View: Send;

    fn decide(
        state: &Self::State,
        heard: Heard<Self>,
        moment: &Moment,
        decision: &mut Decision<Self>,
    );

    fn settle(_state: &Self::State, _moment: &Moment, _decision: &mut Decision<Self>) {}

    /// Total: never refuses what was recorded.
    fn apply(state: &mut Self::State, event: &Self::Event);

    fn owed(state: &Self::State, moment: &Moment, owed: &mut Owed<'_, Self>);

    fn view(state: &Self::State) -> Self::View;
}

/// Plain data that a child performs.
pub trait Job: Send + 'static {
    type Outcome;
    type Ports;

    fn perform(
        self,
        ports: Self::Ports,
        clock: std::sync::Arc<dyn domain::time::Clock>,
    ) -> impl Future<Output = Self::Outcome> + Send;
}

/// What an entity hears, one at a time.
pub enum Heard<E: Entity> {
    /// A command: from an entity, or from a door.
    Posted(Option<Address>, E::Post),
    /// A child has ended.
    Ended(E::Key, Ended<E::Outcome>),
    /// The moment it asked to be woken at has come.
    Due,
    /// Its history was read again: by whom it was left, and how.
    Reborn(Before),
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended<O> {
    Said(O),
    /// That child died; why.
    Lost(String),
}

/// What a decider may know beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub me: Address,
    pub now: Timestamp,
    pub epoch: Epoch,
}

/// What follows from what was heard.
pub struct Decision<E: Entity> {
    pub(super) events: Vec<E::Event>,
    pub(super) posts: Vec<Outgoing>,
    pub(super) answer: Option<Vec<u8>>,
    pub(super) audit: Vec<Vec<u8>>,
    pub(super) closes: bool,
}

impl<E: Entity> Decision<E> {
    pub(super) fn new() -> Self {
        Decision { events: vec![], posts: vec![], answer: None, audit: vec![], closes: false }
    }

    /// Folded when `decide` or `settle` returns.
    pub fn record(&mut self, event: E::Event) {
        self.events.push(event);
    }

    /// To an entity that exists, in the same append.
    pub fn post(&mut self, to: Address, post: &impl Written) {
        self.posts.push(Outgoing { to, opens: false, body: post.write() });
    }

    /// To an entity that this makes, if it is not there yet.
    pub fn open(&mut self, to: Address, post: &impl Written) {
        self.posts.push(Outgoing { to, opens: true, body: post.write() });
    }

    /// Kept with the post that is being heard, and given whenever its key comes again.
    pub fn answer(&mut self, answer: Vec<u8>) {
        self.answer = Some(answer);
    }

    /// One line of the audit, in the same append.
    pub fn audit(&mut self, line: Vec<u8>) {
        self.audit.push(line);
    }

    /// This is the last turn: nothing is heard any more.
    pub fn close(&mut self) {
        self.closes = true;
    }
}

/// What must be going on. The shell compares it with what runs, and closes the difference.
pub struct Owed<'a, E: Entity> {
    running: &'a dyn Fn(&E::Key) -> bool,
    pub(super) children: BTreeSet<E::Key>,
    pub(super) starts: Vec<(E::Key, E::Job)>,
    pub(super) wake_at: Option<Timestamp>,
}

impl<'a, E: Entity> Owed<'a, E> {
    pub(super) fn new(running: &'a dyn Fn(&E::Key) -> bool) -> Self {
        Owed { running, children: BTreeSet::new(), starts: Vec::new(), wake_at: None }
    }

    /// A child; its job is made only if it does not run yet.
    pub fn child(&mut self, key: E::Key, job: impl FnOnce() -> E::Job) {
        if self.children.insert(key.clone()) && !(self.running)(&key) {
            self.starts.push((key, job()));
        }
    }

    /// To be woken; the earliest of all counts.
    pub fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
