//! The house itself: how it starts and stops, and what is whole again after any fault.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::tree::{Actor, State};
use kit::world::{Line, Site, World, seeds};
use runtime::Supervisor;

use super::{HTTP, NODE, ports, upkeep};

/// How many worlds are visited. `just sim SEED` visits one.
const SEEDS: u64 = 300;
/// Faults in each of them, and the longest time from one to the next.
const FAULTS: u32 = 16;
const PAUSE_MAX_MS: u64 = 4_000;
/// Touches of ports within which a fault strikes: some actors are at work then, others not yet.
const TOUCHES_MAX: u64 = 80;
/// A fault that waits for its moment strikes within this time: the timer beats, which touches.
const LAST_FAULT_WITHIN: Duration = Duration::from_secs(60);
/// Longer than the longest wait between two attempts to open a door.
const MENDED_WITHIN: Duration = Duration::from_secs(20);

const DOOR: &str = "door/http";
const EVERYBODY: [&str; 11] = [
    "root",
    "root/durable",
    "root/durable/steps",
    "root/durable/entities",
    "root/durable/timers",
    "root/durable/keeper",
    "root/upkeep",
    "root/upkeep/timer",
    "root/upkeep/janitor",
    "root/doors",
    "root/doors/http",
];

fn house(site: &Site<'_>) -> Supervisor {
    tree::root(site, &tree::entities(site, ports(site)), upkeep(site), site.door(HTTP))
}

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.node(NODE, house);
    world
}

/// What happened, without the times.
fn story(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| format!("{} {}", line.path, line.what)).collect()
}

/// The paths of whoever lives, however well.
fn paths(world: &World) -> Vec<String> {
    let mut paths = Vec::new();
    if let Some(root) = world.tree(NODE) {
        walk(&root, "", &mut |path, _| paths.push(path.to_owned()));
    }
    paths
}

fn walk(actor: &Actor, above: &str, visit: &mut dyn FnMut(&str, &Actor)) {
    let path = match above {
        "" => actor.id.clone(),
        above => format!("{above}/{}", actor.id),
    };
    visit(&path, actor);
    actor.children.iter().for_each(|child| walk(child, &path, visit));
}

/// Whether everybody runs who should, and nobody else.
fn is_whole(world: &World) -> bool {
    let mut running = BTreeSet::new();
    if let Some(root) = world.tree(NODE) {
        walk(&root, "", &mut |path, actor| {
            if actor.state == State::Running {
                running.insert(path.to_owned());
            }
        });
    }
    running == EVERYBODY.into_iter().map(str::to_owned).collect() && world.door(NODE, HTTP).now == 1
}

#[test]
fn the_house_starts_in_order_and_its_door_opens_last() {
    let mut world = world(1);
    world.run_for(Duration::ZERO);
    let expected = [
        "- boots for the 1. time",
        "root started",
        "root/durable started",
        "root/durable/steps started",
        "root/durable/entities started",
        "root/durable/timers started",
        "root/durable/keeper started",
        "root/upkeep started",
        "root/upkeep/timer started",
        "root/upkeep/janitor started",
        "root/doors started",
        "door/http opened",
        "root/doors/http started",
        "- ready",
    ];
    assert_eq!(story(&world.lines()), expected);
    assert!(is_whole(&world));
}

#[test]
fn the_house_closes_its_door_first_and_stops_in_reverse() {
    let mut world = world(1);
    world.run_for(Duration::from_secs(5));
    let before = world.lines().len();
    world.stop(NODE);
    world.run_for(Duration::ZERO);
    let expected = [
        "door/http closed",
        "root/doors/http stopped: shutdown",
        "root/doors stopped: shutdown",
        "root/upkeep/janitor stopped: shutdown",
        "root/upkeep/timer stopped: shutdown",
        "root/upkeep stopped: shutdown",
        "root/durable/keeper stopped: shutdown",
        "root/durable/timers stopped: shutdown",
        "root/durable/entities stopped: shutdown",
        "root/durable/steps stopped: shutdown",
        "root/durable stopped: shutdown",
        "root stopped: shutdown",
        "- ended in order",
    ];
    assert_eq!(story(&world.lines()[before..]), expected);
}

#[test]
fn a_door_that_fails_is_opened_again_ever_more_slowly_and_nobody_else_notices() {
    let mut world = world(1);
    world.run_for(Duration::from_secs(60));
    let before = world.lines().len();
    world.fail_door(NODE, HTTP, 5);
    assert!(world.run_until(MENDED_WITHIN, is_whole));

    let lines = &world.lines()[before..];
    let others = lines.iter().filter(|line| line.path != DOOR && !line.path.ends_with(HTTP));
    assert_eq!(story(&others.cloned().collect::<Vec<_>>()), [""; 0]);
    let failed = lines.iter().filter(|line| line.path == DOOR && line.what == "failed");
    let opened = lines.iter().filter(|line| line.path == DOOR && line.what == "opened");
    let waits: Vec<Duration> =
        failed.zip(opened).map(|(failed, opened)| opened.at - failed.at).collect();
    // Each wait is between half and all of a bound that doubles.
    for (attempt, wait) in waits.iter().enumerate() {
        let bound = Duration::from_millis(100) * (1 << attempt);
        assert!(bound / 2 <= *wait && *wait <= bound, "attempt {attempt}: {wait:?}");
    }
    assert_eq!(waits.len(), 5);
}

/// Lets faults happen as the seed says, then waits until the house is whole again.
fn visit(seed: u64) -> World {
    let mut world = world(seed);
    for _ in 0..FAULTS {
        strike(&mut world);
        let pause = world.faults().below(PAUSE_MAX_MS);
        world.run_for(Duration::from_millis(pause));
        boot_if_down(&mut world);
    }
    world.run_for(LAST_FAULT_WITHIN);
    boot_if_down(&mut world);
    world.mend_door(NODE, HTTP);
    assert!(world.run_until(MENDED_WITHIN, is_whole), "{:#?}", world.tree(NODE));
    world
}

fn strike(world: &mut World) {
    let mut everybody = paths(world);
    // The end of the root is the end of the process, which crashes stand for.
    everybody.retain(|path| path != "root");
    let faults = world.faults();
    let (fault, touches) = (faults.below(10), faults.below(TOUCHES_MAX));
    let (path, times) = (faults.pick(&everybody).cloned(), 1 + faults.below(3) as u32);
    match (fault, path) {
        (0, _) => world.crash_after(NODE, touches),
        (1 | 2, _) => world.fail_door(NODE, HTTP, times),
        (_, Some(path)) => world.kill_after(NODE, touches, &path),
        (_, None) => {}
    }
}

/// What the manager of the process does.
fn boot_if_down(world: &mut World) {
    if !world.runs(NODE) {
        world.boot_again(NODE);
    }
}

/// Nobody starts who has not been over before, and a door has one server at a time.
fn check_lives(world: &World) {
    let mut alive = BTreeSet::new();
    for line in world.lines() {
        match line.what.as_str() {
            "started" => assert!(alive.insert(line.path.clone()), "twice alive: {line}"),
            "crashed" | "gave up" | "ended in order" => alive.clear(),
            what if what.starts_with("stopped: ") => {
                assert!(alive.remove(&line.path), "ended without a life: {line}");
            }
            _ => {}
        }
    }
    assert_eq!(world.door(NODE, HTTP).most_at_once, 1);
}

#[test]
fn whatever_is_killed_at_whatever_moment_the_house_is_whole_again_and_the_seed_replays() {
    let seeds = seeds(SEEDS);
    eprintln!("{} seeds", seeds.len());
    for seed in seeds {
        let world = visit(seed);
        check_lives(&world);
        assert!(world.trace() == visit(seed).trace(), "seed {seed} gave two traces");
    }
}
