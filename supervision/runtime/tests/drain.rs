//! A node that drains: what runs ends and is recorded, and nothing more begins until the next start.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use domain::id::{Address, Id, Kind};
use domain::journal::{Body, Journal, Post, Seq};
use domain::policy::{Act, Policy, TokenBearer, Verdict};
use domain::priority::Priority;
use domain::time::Timestamp;
use domain::wire::{Unread, Written};
use futures::poll;
use kit::journal::FakeJournal;
use runtime::durable::{
    Admission, Bench, Decision, Durable, Ended, Entity, Fittings, Heard, Job, Kinds, Lane, Lanes,
    Moment, Owed, Replayed, replay,
};
use runtime::spec::Strategy;
use runtime::{Node, Phase};
use serde::{Deserialize, Serialize};

use crate::stage::{self, Gate, Log, plant, root, soon};

/// Does one thing after the other, each as soon as it is admitted to the one lane there is.
struct Row;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order(Vec<String>);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Event {
    Put(Vec<String>),
    Begun(String),
    Doubted(String),
    Done(String),
}

macro_rules! written {
    ($of:ty) => {
        impl Written for $of {
            fn write(&self) -> Body {
                let bytes = serde_json::to_vec(self).expect("plain data");
                Body { name: stringify!($of).into(), version: 1, bytes }
            }

            fn read(body: &Body) -> Result<Self, Unread> {
                serde_json::from_slice(&body.bytes).map_err(|error| Unread::malformed(body, error))
            }
        }
    };
}

written!(Order);
written!(Event);

#[derive(Default)]
struct State {
    is_open: bool,
    left: Vec<String>,
    running: Option<String>,
}

#[derive(Clone)]
struct World {
    log: Arc<Log>,
    gate: Gate,
}

struct Deed(String);

impl Job for Deed {
    type Outcome = ();
    type Ports = World;

    async fn perform(self, world: World, _bench: Bench<'_>) {
        world.log.note(format!("begins {}", self.0));
        world.gate.pass().await;
    }
}

fn lane() -> [Lane; 1] {
    [Lane::Named("narrow".into())]
}

impl Entity for Row {
    const KIND: Kind = Kind::Plan;
    const FORMAT: u16 = 1;
    type Post = Order;
    type Event = Event;
    type State = State;
    type Key = String;
    type Job = Deed;
    type Outcome = ();
    type Ports = World;

    fn decide(
        state: &State,
        heard: Heard<Self>,
        _moment: &Moment,
        decision: &mut Decision<'_, Self>,
    ) {
        match heard {
            Heard::Posted(_, Order(names)) => decision.record(Event::Put(names)),
            Heard::Ended(name, Ended::Said(())) => decision.record(Event::Done(name)),
            Heard::Ended(name, Ended::Lost(_)) => decision.record(Event::Doubted(name)),
            Heard::Reborn(_) => {
                if let Some(name) = &state.running {
                    decision.record(Event::Doubted(name.clone()));
                }
            }
            Heard::Due => {}
        }
    }

    fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_, Self>) {
        match (&state.running, state.left.first()) {
            (None, Some(name)) => {
                let act = Act { entity: moment.me, tool: "deed", digest: "" };
                if decision.admit(name, &act, lane()) == Admission::Admitted {
                    decision.record(Event::Begun(name.clone()));
                }
            }
            (None, None) if state.is_open => decision.close(),
            (None, None) | (Some(_), _) => {}
        }
    }

    fn apply(state: &mut State, event: &Event) {
        state.is_open = true;
        match event {
            Event::Put(names) => state.left.extend(names.iter().cloned()),
            Event::Begun(name) => {
                state.left.retain(|left| left != name);
                state.running = Some(name.clone());
            }
            Event::Doubted(_) | Event::Done(_) => state.running = None,
        }
    }

    fn owed(state: &State, _moment: &Moment, owed: &mut Owed<'_, Self>) {
        match (&state.running, state.left.first()) {
            (Some(name), _) => owed.child(name.clone(), || Deed(name.clone())),
            (None, Some(name)) => owed.permit(name.clone(), Priority::Normal, lane()),
            (None, None) => {}
        }
    }
}

// --- the stage ---

/// A node with one lane, of one permit.
struct House {
    node: Node,
    log: Arc<Log>,
    durable: Arc<Durable>,
    gate: Gate,
}

async fn house(journal: &Arc<FakeJournal>, boot: u8) -> House {
    house_on(stage::node(), journal, boot, Arc::new(TokenBearer)).await
}

async fn house_on(
    (node, log): (Node, Arc<Log>),
    journal: &Arc<FakeJournal>,
    boot: u8,
    policy: Arc<dyn Policy>,
) -> House {
    let gate = Gate::closed();
    let world = World { log: Arc::clone(&log), gate: gate.clone() };
    let fittings = Fittings {
        journal: Arc::clone(journal) as Arc<dyn Journal>,
        boot: Id::from_bytes([boot; 16]),
        policy,
        lanes: Lanes { permits: [("narrow".into(), 1)].into(), others: 1 },
        kinds: Kinds::default().with::<Row>(world),
    };
    let durable = Arc::new(Durable::new(&node, fittings));
    plant(&node, &root(Strategy::OneForOne).child(durable.as_child())).await;
    House { node, log, durable, gate }
}

fn row(number: u8) -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) }
}

impl House {
    async fn put(&self, journal: &FakeJournal, to: Address, names: &[&str]) {
        let body = Order(names.iter().map(|name| (*name).to_owned()).collect()).write();
        let at = Timestamp::from_millis(0);
        let post = Post { to, key: names[0].into(), from: None, opens: true, body, at };
        journal.post(post).await.expect("the journal works");
        self.durable.mail().ring(to);
    }

    async fn drained(&self) {
        soon("nothing is at work", self.durable.drained()).await;
    }

    async fn stop(self) {
        assert_eq!(stage::stop(&self.node).await, Phase::Stopped);
    }
}

async fn history(journal: &FakeJournal, of: Address) -> String {
    let events = journal.history(of, Seq(0), 100).await.expect("the journal works");
    let texts = events.iter().map(|event| String::from_utf8_lossy(&event.body.bytes));
    texts.collect::<Vec<_>>().join(" ")
}

/// Waits until this history ends like that.
async fn recorded(journal: &FakeJournal, of: Address, end: &str) -> String {
    let ended = async {
        loop {
            let history = history(journal, of).await;
            if history.ends_with(end) {
                return history;
            }
            tokio::task::yield_now().await;
        }
    };
    soon(end, ended).await
}

// --- what is promised ---

#[tokio::test]
async fn what_runs_ends_and_what_follows_it_begins_at_the_next_start() {
    let journal = Arc::new(FakeJournal::default());
    let (one, other) = (row(1), row(2));
    let first = house(&journal, 1).await;
    first.put(&journal, one, &["a", "b"]).await;
    first.log.saw("begins a").await;
    first.put(&journal, other, &["c"]).await;
    recorded(&journal, other, r#"{"Put":["c"]}"#).await;

    first.durable.drain();
    assert_eq!(first.durable.at_work(), 1);
    first.gate.open(3);
    first.drained().await;
    assert_eq!(first.durable.at_work(), 0);
    assert!(!first.log.has("begins b") && !first.log.has("begins c"));
    first.stop().await;
    let so_far = r#"{"Put":["a","b"]} {"Begun":"a"} {"Done":"a"}"#;
    assert_eq!(history(&journal, one).await, so_far, "its end was on the disk before the node's");
    assert_eq!(history(&journal, other).await, r#"{"Put":["c"]}"#);

    let second = house(&journal, 2).await;
    second.gate.open(2);
    let whole = recorded(&journal, one, r#"{"Done":"b"}"#).await;
    assert_eq!(whole, format!(r#"{so_far} {{"Begun":"b"}} {{"Done":"b"}}"#), "nothing in doubt");
    recorded(&journal, other, r#"{"Begun":"c"} {"Done":"c"}"#).await;
    for of in [one, other] {
        let replayed = replay::<Row>(&*journal, of).await.expect("it is readable");
        assert!(matches!(replayed, Replayed::Same { .. }), "{replayed:?}");
    }
    second.stop().await;
}

#[tokio::test]
async fn what_comes_while_a_node_drains_is_heard_and_begins_at_the_next_start() {
    let journal = Arc::new(FakeJournal::default());
    let first = house(&journal, 1).await;
    first.durable.drain();
    first.put(&journal, row(1), &["a"]).await;
    recorded(&journal, row(1), r#"{"Put":["a"]}"#).await;
    first.drained().await;
    first.stop().await;
    assert_eq!(history(&journal, row(1)).await, r#"{"Put":["a"]}"#);

    let second = house(&journal, 2).await;
    second.gate.open(1);
    recorded(&journal, row(1), r#"{"Begun":"a"} {"Done":"a"}"#).await;
    second.stop().await;
}

#[tokio::test]
async fn a_node_is_drained_when_nothing_runs_and_not_before() {
    let journal = Arc::new(FakeJournal::default());
    let house = house(&journal, 1).await;
    house.drained().await;
    house.put(&journal, row(1), &["a"]).await;
    house.log.saw("begins a").await;
    house.durable.drain();
    let mut drained = pin!(house.durable.drained());
    assert!(poll!(drained.as_mut()).is_pending());
    house.gate.open(1);
    soon("nothing is at work", drained).await;
    house.stop().await;
}

/// Allows everything, and has the node drain as the second row asks for the second time.
#[derive(Default)]
struct Draining {
    durable: OnceLock<Weak<Durable>>,
    asked: AtomicU32,
}

impl Policy for Draining {
    fn judge(&self, act: &Act<'_>) -> Verdict {
        if act.entity == row(2) && self.asked.fetch_add(1, Ordering::Relaxed) == 1 {
            let durable = self.durable.get().and_then(Weak::upgrade);
            durable.expect("it is asked while the node runs").drain();
        }
        Verdict::Allowed
    }
}

#[tokio::test]
async fn a_permit_that_has_come_is_given_back_unspent() {
    let journal = Arc::new(FakeJournal::default());
    let policy = Arc::new(Draining::default());
    let port = Arc::clone(&policy) as Arc<dyn Policy>;
    let house = house_on(stage::node(), &journal, 1, port).await;
    policy.durable.set(Arc::downgrade(&house.durable)).expect("it is set once");
    house.put(&journal, row(1), &["a"]).await;
    house.log.saw("begins a").await;
    house.put(&journal, row(2), &["b"]).await;
    recorded(&journal, row(2), r#"{"Put":["b"]}"#).await;
    house.gate.open(2);
    let asked = async {
        while policy.asked.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    };
    soon("the second row asks with its permit in hand", asked).await;
    house.drained().await;
    assert!(!house.log.has("begins b"));
    house.stop().await;
    assert_eq!(history(&journal, row(2)).await, r#"{"Put":["b"]}"#);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_journal_does_not_take_yet_is_waited_for() {
    let journal = Arc::new(FakeJournal::default());
    let house = house_on(stage::node_here(), &journal, 1, Arc::new(TokenBearer)).await;
    house.put(&journal, row(1), &["a"]).await;
    house.log.saw("begins a").await;
    house.durable.drain();
    journal.refuse_appends(5);
    house.gate.open(1);
    house.drained().await;
    let recorded = r#"{"Put":["a"]} {"Begun":"a"} {"Done":"a"}"#;
    assert_eq!(history(&journal, row(1)).await, recorded);
    house.stop().await;
}

#[tokio::test]
async fn what_is_stopped_all_the_same_is_in_doubt_at_the_next_start() {
    let journal = Arc::new(FakeJournal::default());
    let first = house(&journal, 1).await;
    first.put(&journal, row(1), &["a", "b"]).await;
    first.log.saw("begins a").await;
    first.durable.drain();
    first.stop().await;

    let second = house(&journal, 2).await;
    second.gate.open(1);
    let history = recorded(&journal, row(1), r#"{"Done":"b"}"#).await;
    assert!(history.contains(r#"{"Begun":"a"} {"Doubted":"a"} {"Begun":"b"}"#), "{history}");
    second.stop().await;
}
