//! Entities: what is recorded is done, once, whatever is killed in between.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::id::{Address, Id, Kind};
use domain::journal::{
    Append, Appended, Body, Claim, Due, Epoch, Journal, Post, Posted, Recorded, Seq, Undeliverable,
};
use domain::policy::TokenBearer;
use domain::time::Timestamp;
use domain::wire::{Unread, Written};
use kit::journal::FakeJournal;
use runtime::durable::{
    Bench, Decision, Durable, Ended, Entity, Fittings, Heard, Job, Kinds, Lanes, Moment, Owed,
    Replayed, replay,
};
use runtime::spec::Strategy;
use runtime::{Node, Options};
use serde::{Deserialize, Serialize};

use crate::stage::{self, Gate, Leash, Log, at, node_here, plant, root, soon};

/// Runs errands, as many as it is given, and closes when all are done.
struct Errands;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Order {
    Run(Vec<String>),
    /// After so many milliseconds.
    Later(u64, String),
    Explode,
    /// Holds its thread, the first time that it is heard.
    Hold,
    /// Not at once, but as soon as it is folded.
    Poison,
    /// By itself, without being told anything more.
    CountDown(u32),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Event {
    Poisoned,
    Taken(String),
    Put(u64, String),
    Doubted(String),
    Done(String),
    Left(u32),
}

fn write(name: &'static str, value: &impl Serialize) -> Body {
    let bytes = serde_json::to_vec(value).expect("plain data");
    Body { name: name.into(), version: 1, bytes }
}

fn read<T: for<'de> Deserialize<'de>>(body: &Body) -> Result<T, Unread> {
    serde_json::from_slice(&body.bytes).map_err(|error| Unread::malformed(body, error))
}

impl Written for Order {
    fn write(&self) -> Body {
        write("order", self)
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        read(body)
    }
}

impl Written for Event {
    fn write(&self) -> Body {
        write("event", self)
    }

    fn read(body: &Body) -> Result<Self, Unread> {
        read(body)
    }
}

#[derive(Default)]
struct State {
    running: BTreeSet<String>,
    later: Option<(u64, String)>,
    opened: bool,
    /// What it still counts down.
    left: u32,
}

/// A decider has no ports.
static HOLDS: LazyLock<Leash> = LazyLock::new(Leash::default);
static WAS_HELD: AtomicBool = AtomicBool::new(false);

/// The world: what was done in it, and where it waits.
#[derive(Clone)]
struct World {
    log: Arc<Log>,
    gate: Option<Gate>,
    leash: Arc<Leash>,
}

struct Errand(String);

impl Job for Errand {
    type Outcome = String;
    type Ports = World;

    async fn perform(self, world: World, _bench: Bench<'_>) -> String {
        world.log.note(format!("begins {}", self.0));
        if let Some(gate) = world.gate.as_ref().filter(|_| self.0 != "rotten") {
            gate.pass().await;
        }
        match self.0.as_str() {
            "bomb" => panic!("as it was told"),
            "top" => world.leash.held().spin(),
            _ => {}
        }
        world.log.note(format!("does {}", self.0));
        self.0
    }
}

impl Entity for Errands {
    const KIND: Kind = Kind::Plan;
    const FORMAT: u16 = 1;
    type Post = Order;
    type Event = Event;
    type State = State;
    type Key = String;
    type Job = Errand;
    type Outcome = String;
    type Ports = World;

    fn decide(
        state: &State,
        heard: Heard<Self>,
        moment: &Moment,
        decision: &mut Decision<'_, Self>,
    ) {
        match heard {
            Heard::Posted(_, Order::Run(names)) => {
                decision.answer(names.len().to_string().into_bytes());
                names.into_iter().for_each(|name| decision.record(Event::Taken(name)));
            }
            Heard::Posted(_, Order::Later(ms, name)) => {
                let at = moment.now.plus(Duration::from_millis(ms)).as_millis();
                decision.record(Event::Put(at, name));
            }
            Heard::Posted(_, Order::Explode) => panic!("as it was told"),
            Heard::Posted(_, Order::Hold) => {
                if !WAS_HELD.swap(true, Ordering::SeqCst) {
                    HOLDS.held().spin();
                }
            }
            Heard::Posted(_, Order::Poison) => decision.record(Event::Poisoned),
            Heard::Posted(_, Order::CountDown(from)) => decision.record(Event::Left(from)),
            Heard::Ended(key, Ended::Said(_)) if key == "rotten" => {
                decision.record(Event::Poisoned);
            }
            Heard::Ended(key, Ended::Said(_)) => decision.record(Event::Done(key)),
            Heard::Ended(key, Ended::Lost(_)) => decision.record(Event::Done(format!("no {key}"))),
            Heard::Due => {
                if let Some((_, name)) = &state.later {
                    decision.record(Event::Taken(name.clone()));
                }
            }
            Heard::Reborn(_) => {
                for name in &state.running {
                    decision.record(Event::Doubted(name.clone()));
                }
            }
        }
    }

    fn settle(state: &State, _moment: &Moment, decision: &mut Decision<'_, Self>) {
        if let Some(left) = state.left.checked_sub(1) {
            decision.record(Event::Left(left));
        } else if state.opened && state.running.is_empty() && state.later.is_none() {
            decision.close();
        }
    }

    fn apply(state: &mut State, event: &Event) {
        state.opened = true;
        match event {
            Event::Taken(name) => {
                state.later = None;
                state.running.insert(name.clone());
            }
            Event::Put(at, name) => state.later = Some((*at, name.clone())),
            Event::Doubted(_) => {}
            Event::Poisoned => panic!("as it was told"),
            Event::Left(left) => state.left = *left,
            Event::Done(name) => {
                state.running.remove(name.trim_start_matches("no "));
            }
        }
    }

    fn owed(state: &State, _moment: &Moment, owed: &mut Owed<'_, Self>) {
        for name in &state.running {
            owed.child(name.clone(), || Errand(name.clone()));
        }
        if let Some((at, _)) = &state.later {
            owed.wake(Timestamp::from_millis(*at));
        }
    }
}

// --- the stage ---

const PLAN: Kind = Kind::Plan;

fn errands(number: u8) -> Address {
    Address { kind: PLAN, id: Id::from_bytes([number; 16]) }
}

/// A node whose entities live in this journal.
struct House {
    node: Node,
    log: Arc<Log>,
    durable: Durable,
    leash: Arc<Leash>,
}

/// Whoever spins stops with it.
impl Drop for House {
    fn drop(&mut self) {
        self.leash.let_go();
    }
}

/// On threads of its own, which end with it: all that is left of it is what it has recorded.
async fn house(journal: &Arc<FakeJournal>, boot: u8, gate: Option<&Gate>) -> House {
    house_on(stage::node(), journal, boot, gate).await
}

async fn house_on(
    (node, log): (Node, Arc<Log>),
    journal: &Arc<FakeJournal>,
    boot: u8,
    gate: Option<&Gate>,
) -> House {
    let leash = Arc::<Leash>::default();
    let world = World { log: Arc::clone(&log), gate: gate.cloned(), leash: Arc::clone(&leash) };
    let kinds = Kinds::default().with::<Errands>(world);
    let port = Arc::clone(journal) as Arc<dyn Journal>;
    let fittings = Fittings {
        journal: port,
        boot: Id::from_bytes([boot; 16]),
        policy: Arc::new(TokenBearer),
        lanes: Lanes::default(),
        kinds,
    };
    let before = journal.sweeps();
    let durable = Durable::new(&node, fittings);
    plant(&node, &root(Strategy::OneForOne).child(durable.as_child())).await;
    // A first sweep that comes late would have whoever is posted to by then seated once more.
    let swept = async {
        while journal.sweeps() == before {
            tokio::task::yield_now().await;
        }
    };
    soon("its first sweep", swept).await;
    House { node, log, durable, leash }
}

fn post(to: Address, key: &str, order: &Order) -> Post {
    let at = Timestamp::from_millis(0);
    Post { to, key: key.into(), from: None, opens: true, body: order.write(), at }
}

impl House {
    async fn post(&self, journal: &FakeJournal, to: Address, key: &str, order: Order) -> Posted {
        let posted = journal.post(post(to, key, &order)).await.expect("the journal works");
        self.durable.mail().ring(to);
        posted
    }
}

async fn history(journal: &FakeJournal, of: Address) -> Vec<String> {
    let events = journal.history(of, Seq(0), 10_000).await.expect("the journal works");
    let text = |event: &Recorded| String::from_utf8_lossy(&event.body.bytes).into_owned();
    events.iter().map(text).collect()
}

/// Waits until this history is as long as that.
async fn recorded(journal: &FakeJournal, of: Address, count: usize) -> Vec<String> {
    let enough = async {
        loop {
            let history = history(journal, of).await;
            if history.len() >= count {
                return history;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("what is to be recorded", enough).await
}

fn run(names: &[&str]) -> Order {
    Order::Run(names.iter().map(|name| (*name).to_owned()).collect())
}

// --- what is promised ---

#[tokio::test]
async fn what_is_posted_is_done_recorded_and_answered() {
    let journal = Arc::new(FakeJournal::default());
    let house = house(&journal, 1, None).await;
    let to = errands(1);
    assert!(matches!(house.post(&journal, to, "k", run(&["a", "b"])).await, Posted::Taken(_)));
    let mut history = recorded(&journal, to, 4).await;
    history[2..].sort();
    let expected = [r#"{"Taken":"a"}"#, r#"{"Taken":"b"}"#, r#"{"Done":"a"}"#, r#"{"Done":"b"}"#];
    assert_eq!(history, expected);
    assert_eq!(house.log.count("does a") + house.log.count("does b"), 2);
    let known = house.post(&journal, to, "k", run(&["a", "b"])).await;
    assert_eq!(known, Posted::Known(Some(b"2".to_vec())));
}

#[tokio::test]
async fn who_was_at_work_as_its_node_died_hears_of_it_and_goes_on() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let first = house(&journal, 1, Some(&gate)).await;
    first.post(&journal, to, "k", run(&["a"])).await;
    first.log.saw("begins a").await;
    drop(first);
    gate.open(1);
    let second = house(&journal, 2, None).await;
    let history = recorded(&journal, to, 3).await;
    assert_eq!(history, [r#"{"Taken":"a"}"#, r#"{"Doubted":"a"}"#, r#"{"Done":"a"}"#]);
    second.log.saw("does a").await;
}

#[tokio::test]
async fn a_post_that_makes_its_decider_panic_is_a_dead_letter_and_the_entity_goes_on() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let house = house(&journal, 1, Some(&gate)).await;
    house.post(&journal, to, "good", run(&["a"])).await;
    house.log.saw("begins a").await;
    house.post(&journal, to, "bad", Order::Explode).await;
    house.post(&journal, to, "more", run(&["b"])).await;
    house.log.saw("begins b").await;
    gate.open(2);
    recorded(&journal, to, 4).await;
    let dead = journal.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(&*dead[0].post.key, "bad");
    assert!(dead[0].story.contains("as it was told"), "{}", dead[0].story);
    let reborn = history(&journal, to).await.iter().any(|event| event.contains("Doubted"));
    assert!(!reborn, "it crashed");
}

#[tokio::test]
async fn a_child_that_holds_its_thread_is_lost_and_nobody_else_is_kept_waiting() {
    let journal = Arc::new(FakeJournal::default());
    let vigilant = Options { watchdog_threshold: Duration::from_millis(100), ..Options::default() };
    let house = house_on(stage::node_with(&vigilant), &journal, 1, None).await;
    let stuck = errands(1);
    house.post(&journal, stuck, "k", run(&["top"])).await;
    house.log.saw("begins top").await;
    for number in 2..20 {
        house.post(&journal, errands(number), "k", run(&["a", "b"])).await;
        recorded(&journal, errands(number), 4).await;
    }
    let history = recorded(&journal, stuck, 2).await;
    assert_eq!(history, [r#"{"Taken":"top"}"#, r#"{"Done":"no top"}"#]);
}

/// It has its children started, and spins with its next breath: their supervisor, which was just
/// woken, is the next one on that thread, and no other thread can take it from there.
#[tokio::test]
async fn an_entity_that_holds_its_thread_takes_nobody_along() {
    const A_TURN: usize = 32;
    let journal = Arc::new(FakeJournal::default());
    let vigilant = Options { watchdog_threshold: Duration::from_millis(100), ..Options::default() };
    let (first, second) = (errands(1), errands(2));
    let idle = Order::Run(Vec::new());
    for number in 1..A_TURN {
        journal.post(post(first, &format!("k{number}"), &idle)).await.expect("the journal works");
    }
    for (key, order) in [("run", run(&["a"])), ("hold", Order::Hold)] {
        journal.post(post(first, key, &order)).await.expect("the journal works");
    }
    let house = house_on(stage::node_with(&vigilant), &journal, 1, None).await;
    let done = async {
        while !history(&journal, first).await.contains(&r#"{"Done":"a"}"#.to_owned()) {
            tokio::task::yield_now().await;
        }
    };
    soon("the errand", done).await;
    assert!(WAS_HELD.load(Ordering::SeqCst));
    house.post(&journal, second, "k", run(&["b"])).await;
    recorded(&journal, second, 2).await;
    HOLDS.let_go();
}

/// Two entities want more children than one supervisor hears of at a time.
#[tokio::test]
async fn whoever_is_not_started_while_many_are_is_started_after_them() {
    const EACH: usize = 1_000;
    let journal = Arc::new(FakeJournal::default());
    let house = house_on(node_here(), &journal, 1, None).await;
    for number in [1, 2] {
        let names = (0..EACH).map(|name| format!("{number}-{name}")).collect();
        house.post(&journal, errands(number), "k", Order::Run(names)).await;
    }
    for number in [1, 2] {
        let history = recorded(&journal, errands(number), 2 * EACH).await;
        assert!(history[EACH..].iter().all(|event| event.starts_with(r#"{"Done":""#)));
        assert!(!history.iter().any(|event| event.contains("no ")), "one was lost");
    }
}

#[tokio::test]
async fn what_follows_by_itself_takes_as_many_turns_as_it_needs_and_one_life() {
    let journal = Arc::new(FakeJournal::default());
    let house = house(&journal, 1, None).await;
    let to = errands(1);
    house.post(&journal, to, "k", Order::CountDown(2_000)).await;
    let history = recorded(&journal, to, 2_001).await;
    assert_eq!(history.last().map(String::as_str), Some(r#"{"Left":0}"#));
    let recorded = journal.history(to, Seq(0), 3_000).await.expect("the journal works");
    let turns = recorded.iter().filter(|event| event.heard.is_some()).count();
    assert_eq!(turns, 8);
    assert!(recorded.iter().all(|event| event.epoch == Epoch(1)), "it was born once");
}

#[tokio::test]
async fn a_child_that_dies_is_lost_and_its_entity_is_told() {
    let journal = Arc::new(FakeJournal::default());
    let house = house(&journal, 1, None).await;
    let to = errands(1);
    house.post(&journal, to, "k", run(&["bomb"])).await;
    let history = recorded(&journal, to, 2).await;
    assert_eq!(history, [r#"{"Taken":"bomb"}"#, r#"{"Done":"no bomb"}"#]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_moment_is_a_row_until_then() {
    let journal = Arc::new(FakeJournal::default());
    let to = errands(1);
    let first = house_on(node_here(), &journal, 1, None).await;
    first.post(&journal, to, "k", Order::Later(30_000, "a".to_owned())).await;
    recorded(&journal, to, 1).await;
    let seated = |house: &House| {
        let tree = house.node.census().tree();
        tree.children[0]
            .children
            .iter()
            .find(|child| child.id == "entities")
            .map(|entities| entities.children.len())
    };
    let passivated = first.log.until(|| seated(&first) == Some(0));
    soon("it leaves", passivated).await;
    assert!(!first.log.has("begins a"));
    first.log.saw("does a").await;
    let history = recorded(&journal, to, 3).await;
    assert_eq!(history[1..], [r#"{"Taken":"a"}"#, r#"{"Done":"a"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_takes_nothing_is_waited_for_and_nobody_acts_before_it_does() {
    let journal = Arc::new(FakeJournal::default());
    let house = house_on(node_here(), &journal, 1, None).await;
    let to = errands(1);
    journal.refuse_appends(20);
    house.post(&journal, to, "k", run(&["a"])).await;
    house.log.saw("does a").await;
    assert_eq!(history(&journal, to).await[0], r#"{"Taken":"a"}"#, "recorded before it was done");
    recorded(&journal, to, 2).await;
    assert_eq!(house.log.count("does a"), 1);
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_in_once() {
    let journal = Arc::new(FakeJournal::default());
    let house = house(&journal, 1, None).await;
    let to = errands(1);
    journal.lose_answers(2);
    house.post(&journal, to, "k", run(&["a", "b"])).await;
    let mut history = recorded(&journal, to, 4).await;
    history.sort();
    let expected = [r#"{"Done":"a"}"#, r#"{"Done":"b"}"#, r#"{"Taken":"a"}"#, r#"{"Taken":"b"}"#];
    assert_eq!(history, expected);
    assert_eq!(house.log.count("does a") + house.log.count("does b"), 2);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_put_aside_with_the_reason_and_never_begun_afresh() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let first = house(&journal, 1, Some(&gate)).await;
    first.post(&journal, to, "k", run(&["a", "b"])).await;
    first.log.saw("begins b").await;
    drop(first);
    journal.spoil(to, Seq(2));
    let second = house(&journal, 2, None).await;
    second.log.saw(&format!("stopped root/durable/entities/{to} normal")).await;
    let posted = second.post(&journal, to, "more", run(&["c"])).await;
    let Posted::Refused(Undeliverable::Quarantined { reason, .. }) = posted else {
        panic!("it was taken: {posted:?}");
    };
    assert!(reason.starts_with("event 2: "), "{reason}");
    assert_eq!(history(&journal, to).await.len(), 2);
    let begun = second.log.lines().into_iter().filter(|line| line.starts_with("begins"));
    assert_eq!(begun.count(), 0);
}

#[tokio::test]
async fn who_crashes_too_often_is_put_aside_for_good_and_its_neighbours_go_on() {
    let journal = Arc::new(FakeJournal::default());
    let first = house(&journal, 1, None).await;
    let (sick, healthy) = (errands(1), errands(2));
    first.post(&journal, sick, "k", Order::Poison).await;
    let aside = async {
        while let [Due { .. }, ..] =
            *journal.due(Id::from_bytes([0; 16]), None, 10).await.expect("the journal works")
        {
            first.durable.mail().ring(sick);
            tokio::task::yield_now().await;
        }
    };
    soon("it is put aside", aside).await;
    let refused = first.post(&journal, sick, "more", run(&["a"])).await;
    let Posted::Refused(Undeliverable::Quarantined { reason, .. }) = refused else {
        panic!("it was taken: {refused:?}");
    };
    assert!(reason.contains("crashed too often"), "{reason}");
    first.post(&journal, healthy, "k", run(&["b"])).await;
    recorded(&journal, healthy, 2).await;
    drop(first);
    let second = house(&journal, 2, None).await;
    let refused = second.post(&journal, sick, "again", run(&["a"])).await;
    assert!(matches!(refused, Posted::Refused(Undeliverable::Quarantined { .. })));
}

#[tokio::test]
async fn nobody_is_at_work_for_one_that_was_put_aside() {
    const LIVES: usize = 6;
    let journal = Arc::new(FakeJournal::default());
    let gate = Gate::closed();
    let house = house(&journal, 1, Some(&gate)).await;
    let sick = errands(1);
    house.post(&journal, sick, "k", run(&["held", "rotten"])).await;
    let is_end = |line: &String| line.starts_with("stopped ") && line.contains("/entities/");
    let ends = || house.log.lines().into_iter().filter(is_end).count();
    soon("it has crashed too often", house.log.until(|| ends() == LIVES)).await;
    // Only once: whoever rings again has those ended who are at work.
    house.durable.mail().ring(sick);
    let aside = async {
        while !journal
            .due(Id::from_bytes([0; 16]), None, 10)
            .await
            .expect("the journal works")
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    soon("it is put aside", aside).await;
    house.durable.drain();
    soon("nobody is at work", house.durable.drained()).await;
}

#[tokio::test]
async fn a_history_decided_again_is_the_same_byte_by_byte_or_shows_where_it_is_not() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let first = house(&journal, 1, Some(&gate)).await;
    first.post(&journal, to, "k", run(&["a", "bomb"])).await;
    first.log.saw("begins bomb").await;
    first.post(&journal, to, "later", Order::Later(1, "c".to_owned())).await;
    first.log.saw("begins c").await;
    drop(first);
    let second = house(&journal, 2, None).await;
    second.log.saw("does c").await;
    let closed = async {
        while !journal
            .due(Id::from_bytes([0; 16]), None, 1)
            .await
            .expect("the journal works")
            .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    soon("its end", closed).await;
    let count = history(&journal, to).await.len() as u64;
    let replayed = replay::<Errands>(&*journal, to).await.expect("it is readable");
    let Replayed::Same { turns } = replayed else { panic!("{replayed:?}") };
    assert!((4..=count).contains(&turns), "{turns} turns of {count} events");

    journal.spoil(to, Seq(2));
    let replayed = replay::<Errands>(&*journal, to).await.expect("what was heard is readable");
    let Replayed::Different { seq, recorded, decided } = replayed else { panic!("{replayed:?}") };
    assert_eq!(seq, Seq(2));
    assert_eq!(recorded.map(|body| body.bytes), Some(b"spoiled".to_vec()));
    assert_eq!(decided, Some(Event::Taken("bomb".to_owned()).write()));
}

#[tokio::test]
async fn the_next_life_begins_when_the_children_of_the_one_before_are_over() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let house = house(&journal, 1, Some(&gate)).await;
    house.post(&journal, to, "k", run(&["a"])).await;
    house.log.saw("begins a").await;
    assert!(house.node.kill(&format!("root/durable/entities/{to}")));
    soon("its next life", house.log.until(|| house.log.count("begins a") == 2)).await;
    let first_child = house.log.lines().into_iter().position(|line| {
        line.starts_with(&format!("stopped root/durable/steps/{to}.")) && line.ends_with(" killed")
    });
    let again = house.log.lines().iter().rposition(|line| line == "begins a");
    assert!(first_child.is_some() && first_child < again, "{:#?}", house.log.lines());
    gate.open(2);
    let history = recorded(&journal, to, 3).await;
    assert_eq!(history, [r#"{"Taken":"a"}"#, r#"{"Doubted":"a"}"#, r#"{"Done":"a"}"#]);
    assert_eq!(house.log.count("does a"), 1);
}

#[tokio::test]
async fn who_was_taken_over_ends_without_a_fight() {
    let journal = Arc::new(FakeJournal::default());
    let (gate, to) = (Gate::closed(), errands(1));
    let house = house(&journal, 1, Some(&gate)).await;
    house.post(&journal, to, "k", run(&["a", "b"])).await;
    house.log.saw("begins a").await;
    house.log.saw("begins b").await;
    // A bell that is still on its way would have the journal asked for the entity once more, and
    // this one does not know that somebody else lives.
    for place in ["keeper".to_owned(), format!("entities/{to}")] {
        let idle = || at(&house.node, &format!("root/durable/{place}")).mailbox.depth == 0;
        while !idle() {
            tokio::task::yield_now().await;
        }
    }
    let claim = Claim { entity: to, boot: Id::from_bytes([9; 16]), format: 1 };
    let claimed = journal.claim(claim).await.expect("it works").expect("it is there");
    gate.open(1);
    let end = format!("stopped root/durable/entities/{to} normal");
    house.log.saw(&end).await;
    let taken = [r#"{"Taken":"a"}"#, r#"{"Taken":"b"}"#];
    assert_eq!(history(&journal, to).await, taken, "its late append was refused");
    assert_eq!(house.log.count("does a") + house.log.count("does b"), 1, "what ran was ended");
    drop(house);
    let (id, at) = (Id::from_bytes([9; 16]), Timestamp::from_millis(0));
    let append = Append::new(id, to, claimed.epoch, claimed.head, at);
    let appended = journal.append(Arc::new(append)).await.expect("it works");
    assert!(matches!(appended, Appended::Done { .. }), "it was claimed back: {appended:?}");
}
