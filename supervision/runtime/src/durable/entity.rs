//! What an entity is: pure functions over its own history.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::{Address, Kind};
use domain::journal::{Before, Epoch, Outgoing};
use domain::policy::Act;
use domain::priority::Priority;
use domain::time::{Clock, Timestamp};
use domain::wire::Written;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::lanes::Lane;
use super::step::Perform;
use crate::{Context, Unserved};

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
    fn decide(
        state: &Self::State,
        heard: Heard<Self>,
        moment: &Moment,
        decision: &mut Decision<'_, Self>,
    );

    fn settle(_state: &Self::State, _moment: &Moment, _decision: &mut Decision<'_, Self>) {}

    /// Total: never refuses what was recorded.
    fn apply(state: &mut Self::State, event: &Self::Event);

    fn owed(state: &Self::State, moment: &Moment, owed: &mut Owed<'_, Self>);

    /// Whether it waits for a person, who finds it in the list of those that do.
    fn asks(_state: &Self::State) -> bool {
        false
    }
}

/// Plain data that a child performs.
pub trait Job: Send + 'static {
    type Outcome;
    type Ports;

    fn perform(
        self,
        ports: Self::Ports,
        bench: Bench<'_>,
    ) -> impl Future<Output = Self::Outcome> + Send;
}

/// Where a job is done.
pub struct Bench<'a> {
    pub(super) cx: &'a Context<Perform>,
    pub(super) stop: BoxFuture<'static, ()>,
}

impl<'a> Bench<'a> {
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.cx.clock()
    }

    /// Calls a port, which gets told when to end early: the entity has asked for it, or is gone.
    /// The child is not over before the call has ended, so no later one meets it.
    pub async fn call<T, F>(
        self,
        within: Duration,
        call: impl FnOnce(BoxFuture<'static, ()>) -> F,
    ) -> Result<T, Unserved>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.cx.call(within, call(self.stop)).await
    }
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

/// Whether a child may be begun now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// With a permit of every lane it uses; what does not follow from it gives them back.
    Admitted,
    /// A lane is full, or the node drains: owe a permit, and be called when it is there.
    Wait,
    /// It may not be done at all; why.
    Denied(String),
}

/// Answers from memory whether something may be begun.
pub(super) trait Gate<E: Entity> {
    fn admit(&mut self, key: &E::Key, act: &Act<'_>, lanes: Arc<[Lane]>) -> Admission;
}

/// What follows from what was heard.
pub struct Decision<'a, E: Entity> {
    pub(super) gate: &'a mut dyn Gate<E>,
    pub(super) draft: Draft<E>,
}

/// A decision, once it is made.
pub(super) struct Draft<E: Entity> {
    pub(super) events: Vec<E::Event>,
    pub(super) posts: Vec<Outgoing>,
    pub(super) answer: Option<Vec<u8>>,
    pub(super) audit: Vec<Vec<u8>>,
    pub(super) blobs: Vec<Blob>,
    pub(super) closes: bool,
}

impl<'a, E: Entity> Decision<'a, E> {
    pub(super) fn new(gate: &'a mut dyn Gate<E>) -> Self {
        let draft = Draft {
            events: vec![],
            posts: vec![],
            answer: None,
            audit: vec![],
            blobs: vec![],
            closes: false,
        };
        Decision { gate, draft }
    }

    /// Whether this child may be begun now: asked before that is recorded, and at no cost in time.
    pub fn admit(
        &mut self,
        key: &E::Key,
        act: &Act<'_>,
        lanes: impl IntoIterator<Item = Lane>,
    ) -> Admission {
        self.gate.admit(key, act, each_once(lanes))
    }

    /// Folded when `decide` or `settle` returns.
    pub fn record(&mut self, event: E::Event) {
        self.draft.events.push(event);
    }

    /// To an entity that exists, in the same append.
    pub fn post(&mut self, to: Address, post: &impl Written) {
        self.draft.posts.push(Outgoing { to, opens: false, body: post.write() });
    }

    /// To an entity that this makes, if it is not there yet.
    pub fn open(&mut self, to: Address, post: &impl Written) {
        self.draft.posts.push(Outgoing { to, opens: true, body: post.write() });
    }

    /// Kept with the post that is being heard, and given whenever its key comes again.
    pub fn answer(&mut self, answer: Vec<u8>) {
        self.draft.answer = Some(answer);
    }

    /// One line of the audit, in the same append.
    pub fn audit(&mut self, line: Vec<u8>) {
        self.draft.audit.push(line);
    }

    /// An event of this turn names this blob, which stays as long as the event does.
    pub fn name(&mut self, blob: Blob) {
        self.draft.blobs.push(blob);
    }

    /// This is the last turn: nothing is heard any more.
    pub fn close(&mut self) {
        self.draft.closes = true;
    }
}

/// What must be going on. The shell compares it with what runs, and closes the difference.
pub struct Owed<'a, E: Entity> {
    running: &'a dyn Fn(&E::Key) -> bool,
    pub(super) due: Due<E>,
}

/// What somebody waits for, and how urgent it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wants {
    pub(super) lanes: Arc<[Lane]>,
    pub(super) priority: Priority,
}

/// What is owed, once all of it is said.
pub(super) struct Due<E: Entity> {
    pub(super) children: BTreeSet<E::Key>,
    pub(super) starts: Vec<(E::Key, E::Job)>,
    pub(super) stopping: BTreeMap<E::Key, Timestamp>,
    pub(super) permits: BTreeMap<E::Key, Wants>,
    pub(super) wake_at: Option<Timestamp>,
}

impl<E: Entity> Due<E> {
    pub(super) fn nothing() -> Self {
        Due {
            children: BTreeSet::new(),
            starts: Vec::new(),
            stopping: BTreeMap::new(),
            permits: BTreeMap::new(),
            wake_at: None,
        }
    }

    /// How much it is, without the wake, which has a place of its own.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.children.len() + self.permits.len()).unwrap_or(u32::MAX)
    }
}

impl<'a, E: Entity> Owed<'a, E> {
    pub(super) fn new(running: &'a dyn Fn(&E::Key) -> bool) -> Self {
        Owed { running, due: Due::nothing() }
    }

    /// A child; its job is made only if it does not run yet.
    pub fn child(&mut self, key: E::Key, job: impl FnOnce() -> E::Job) {
        if self.due.children.insert(key.clone()) && !(self.running)(&key) {
            self.due.starts.push((key, job()));
        }
    }

    /// A child that is to end: it is asked once, and killed at the deadline. It is owed until its
    /// end was heard, and never started again.
    pub fn stopping(&mut self, key: E::Key, deadline: Timestamp) {
        if self.due.children.insert(key.clone()) {
            self.wake(deadline);
            self.due.stopping.insert(key, deadline);
        }
    }

    /// A permit of each of these lanes, for a child that was not admitted.
    pub fn permit(
        &mut self,
        key: E::Key,
        priority: Priority,
        lanes: impl IntoIterator<Item = Lane>,
    ) {
        self.due.permits.insert(key, Wants { lanes: each_once(lanes), priority });
    }

    /// To be woken; the earliest of all counts.
    pub fn wake(&mut self, at: Timestamp) {
        self.due.wake_at = Some(self.due.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// A lock that is named twice is one lock.
fn each_once(lanes: impl IntoIterator<Item = Lane>) -> Arc<[Lane]> {
    lanes.into_iter().collect::<BTreeSet<Lane>>().into_iter().collect()
}
