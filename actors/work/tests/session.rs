//! A session in a simulated world: one turn after the other, each answered, whatever breaks.

use std::sync::Arc;
use std::time::Duration;

use domain::conversation::{Session as Shown, TurnState};
use domain::id::{Address, Id, Kind};
use domain::journal::{Journal, Post};
use domain::policy::TokenBearer;
use domain::run::State;
use domain::time::Timestamp;
use domain::tool::{Effect, OnDoubt};
use domain::wire::Written;
use futures::executor::block_on;
use kit::world::{Site, World};
use runtime::Supervisor;
use runtime::durable::{Durable, Fittings, Kinds, Lanes, Replayed, past, replay};
use runtime::spec::Strategy;
use serde_json::{Value, json};
use work::Ports;
use work::plan::{Brief, Caps, Plan, Task};
use work::session::{self, QUEUE_MAX, Session, Turn, tell};

const NODE: &str = "a";

fn house(site: &Site<'_>) -> Supervisor {
    let hands = Ports { tools: site.tools(), journal: site.journal() };
    let fittings = Fittings {
        journal: site.journal(),
        boot: site.boot_id(),
        policy: Arc::new(TokenBearer),
        lanes: Lanes::default(),
        kinds: Kinds::default().with::<Session>(()).with::<Plan>(hands),
    };
    let durable = Durable::new(site, fittings);
    Supervisor::new("root", Strategy::OneForOne).child(durable.as_child())
}

fn world() -> World {
    let mut world = World::new(1);
    world.node(NODE, house);
    world
}

fn session() -> Address {
    Address { kind: Kind::Session, id: Id::from_bytes([7; 16]) }
}

/// A turn of one step.
fn turn(args: Value) -> Turn {
    let task = Task {
        id: "a".to_owned(),
        tool: "near".to_owned(),
        digest: args.to_string(),
        args,
        effect: Effect::Keyed,
        after: vec![],
        locks: vec![],
        lane: "near".to_owned(),
        is_far: false,
        attempts: 1,
        within_ms: 60_000,
        on_doubt: OnDoubt::Ask,
        check: None,
        title: String::new(),
        uses: vec![],
        outputs: vec![],
        approval: None,
        undo: None,
    };
    let caps = Caps { idle_rounds_max: 3, silence_max_ms: 1_000, depth_max: 1 };
    Turn {
        brief: Brief {
            rounds: vec![vec![task]],
            caps,
            priority: Default::default(),
            depth: 0,
            course: None,
            descent: None,
        },
    }
}

fn say(world: &World, key: &str, turn: Turn) {
    let body = session::Post::Turn(turn).write();
    let at = Timestamp::from_millis(0);
    let post = Post { to: session(), key: key.into(), from: None, opens: true, body, at };
    block_on(world.journal().post(post)).expect("the journal works");
}

fn shown(world: &World) -> Shown {
    let history = block_on(past::<Session>(&*world.journal(), session()));
    let history = history.expect("the history can be read");
    tell::session(session(), &history).expect("something was said")
}

/// Goes on until so many turns are answered.
fn answered(world: &mut World, count: usize) -> Shown {
    let journal = world.journal();
    let replies = || {
        let history = block_on(past::<Session>(&*journal, session())).unwrap_or_default();
        let told = tell::session(session(), &history);
        told.map_or(0, |told| {
            told.turns.iter().filter(|turn| turn.state == TurnState::Replied).count()
        })
    };
    let held = world.run_until(Duration::from_secs(600), |_| count <= replies());
    assert!(held, "{:#?}", shown(world));
    shown(world)
}

fn check_replay(world: &World) {
    let replayed = block_on(replay::<Session>(&*world.journal(), session()));
    let replayed = replayed.expect("the history can be read");
    assert!(matches!(replayed, Replayed::Same { .. }), "{replayed:?}");
}

#[test]
fn turns_are_answered_one_after_the_other() {
    let mut world = world();
    for number in 1..=3 {
        say(&world, &format!("k{number}"), turn(json!({"takes_ms": 1_000})));
    }
    let told = answered(&mut world, 3);
    assert_eq!(told.turns.len(), 3);
    let spans: Vec<_> = told.turns.iter().map(|turn| (turn.number, turn.replied_at)).collect();
    assert!(spans.is_sorted(), "{spans:?}");
    for turn in &told.turns {
        let reply = turn.reply.as_ref().expect("it is answered");
        assert_eq!(reply.state, State::Completed, "{}", reply.text);
    }
    assert!(world.outside().values().all(|done| done.effects == 1));
    check_replay(&world);
}

#[test]
fn the_same_key_again_is_the_same_turn() {
    let mut world = world();
    say(&world, "k", turn(json!({})));
    answered(&mut world, 1);
    say(&world, "k", turn(json!({})));
    world.run_for(Duration::from_secs(30));
    assert_eq!(shown(&world).turns.len(), 1);
}

#[test]
fn a_turn_that_fails_is_answered_too() {
    let mut world = world();
    say(&world, "k", turn(json!({"says": ["fail"]})));
    let told = answered(&mut world, 1);
    let reply = told.turns[0].reply.as_ref().expect("it is answered");
    assert_eq!(reply.state, State::Failed);
    assert!(reply.text.ends_with("failed: step a failed"), "{}", reply.text);
}

#[test]
fn beyond_its_bound_a_session_refuses() {
    let mut world = world();
    say(&world, "first", turn(json!({"takes_ms": 1_000})));
    let asked = move |world: &World| world.outside().values().any(|done| done.requests == 1);
    assert!(world.run_until(Duration::from_secs(30), asked));
    for number in 0..=QUEUE_MAX {
        say(&world, &format!("k{number}"), turn(json!({})));
    }
    let told = answered(&mut world, 1 + QUEUE_MAX);
    assert_eq!(told.turns.len(), 1 + QUEUE_MAX);
    let journal = world.journal();
    let answer = |key: String| block_on(journal.answer(session(), key.into()));
    let last = answer(format!("k{QUEUE_MAX}")).expect("the journal works").expect("answered");
    assert!(String::from_utf8_lossy(&last).contains("wait already"), "{last:?}");
    check_replay(&world);
}

#[test]
fn every_turn_is_answered_once_wherever_its_node_crashes() {
    let touches = {
        let mut world = world();
        say(&world, "k1", turn(json!({})));
        say(&world, "k2", turn(json!({})));
        answered(&mut world, 2);
        world.touches(NODE)
    };
    for touch in 0..touches {
        let mut world = world();
        say(&world, "k1", turn(json!({})));
        say(&world, "k2", turn(json!({})));
        world.crash_after(NODE, touch);
        world.run_until(Duration::from_secs(60), |world| !world.runs(NODE));
        if !world.runs(NODE) {
            world.boot_again(NODE);
        }
        let told = answered(&mut world, 2);
        assert_eq!(told.turns.len(), 2, "touch {touch}");
        assert!(world.outside().values().all(|done| done.effects == 1), "touch {touch}");
        assert_eq!(world.outside().len(), 2, "touch {touch}");
        check_replay(&world);
    }
}
