//! Crashes at every named place, for every class of effects, in every step of a plan.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kit::world::{POINTS, point_of};
use serde_json::{Value, json};

use super::NODE;
use super::checker::check;
use super::stage::Stage;

/// Longer than every deadline, doubt and rest of these plans together.
const OVER_WITHIN: Duration = Duration::from_secs(300);
/// At a place at which a write may last or be forgotten, chance decides: so each is visited twice.
const SEEDS: [u64; 2] = [1, 2];

/// What is known of the effect of a step, and how it is done.
const CLASSES: [&str; 8] =
    ["none", "idempotent", "keyed", "checked", "asked", "fails", "waits", "attaches"];

fn step(class: &str, tool: &str) -> Value {
    let takes_ms = if tool == "far" { 2_000 } else { 20 };
    let mut step = json!({"tool": tool, "args": {"takes_ms": takes_ms}, "deadline": 4_000});
    match class {
        "none" | "idempotent" | "keyed" => step["effect"] = class.into(),
        "checked" => step["check"] = json!({"tool": "look", "args": {}}),
        "asked" => step["on_doubt"] = "ask".into(),
        "fails" => step["on_doubt"] = "fail".into(),
        "attaches" => {
            step["effect"] = "keyed".into();
            step["args"]["attaches"] = 40_000.into();
        }
        _ => step = json!({"tool": "wait", "args": {"ms": 7_000}}),
    }
    step
}

/// Three steps of one class, one after the other: within a round, and from round to round.
fn script(class: &str, tool: &str) -> String {
    let named = |id: &str, after: &[&str]| {
        let mut step = step(class, tool);
        (step["id"], step["after"]) = (id.into(), json!(after));
        step
    };
    let rounds = json!([
        {"steps": [named("first", &[]), named("middle", &["first"])]},
        {"steps": [named("last", &[])]},
    ]);
    json!({"version": 1, "rounds": rounds}).to_string()
}

fn opened(seed: u64, class: &str, tool: &str) -> Stage {
    let mut stage = Stage::new(seed);
    stage.open("one", script(class, tool));
    stage
}

/// Every moment of an undisturbed run at which a named place is reached: how many lines come
/// before it, and its name.
fn moments(seed: u64, class: &str, tool: &str) -> Vec<(usize, &'static str)> {
    let mut stage = opened(seed, class, tool);
    let before = stage.world.lines_seen();
    stage.finish(OVER_WITHIN);
    check(&stage);
    let lines = stage.world.lines().into_iter().skip(before).enumerate();
    lines.filter_map(|(at, line)| Some((at, point_of(&line)?))).collect()
}

fn crash_at(seed: u64, class: &str, tool: &str, (lines, point): (usize, &str)) {
    let mut stage = opened(seed, class, tool);
    let seen = AtomicUsize::new(0);
    stage.world.crash_when(NODE, move |_| seen.fetch_add(1, Ordering::Relaxed) == lines);
    stage.finish(OVER_WITHIN);
    assert_eq!(crashes(&stage), 1, "{class} {tool}: it crashes at `{point}`");
    check(&stage);
}

fn crashes(stage: &Stage) -> usize {
    stage.world.lines().iter().filter(|line| line.what == "crashed").count()
}

fn classes_and_tools() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLASSES.into_iter().flat_map(|class| ["near", "far"].map(|tool| (class, tool)))
}

#[test]
fn a_crash_at_any_named_place_in_any_step_of_any_class_loses_and_doubles_nothing() {
    let mut visited = 0;
    for (class, tool) in classes_and_tools() {
        for seed in SEEDS {
            for moment in moments(seed, class, tool) {
                crash_at(seed, class, tool, moment);
                visited += 1;
            }
        }
    }
    eprintln!("{visited} crashes");
}

#[test]
fn every_named_place_is_reached() {
    let moments = classes_and_tools().flat_map(|(class, tool)| moments(1, class, tool));
    let reached: BTreeSet<&str> = moments.map(|(_, point)| point).collect();
    let named: BTreeSet<&str> = POINTS.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(reached, named);
}

/// A crash between any two touches of a port, and not only where there is a name.
#[test]
fn a_crash_at_any_touch_of_a_port_loses_and_doubles_nothing() {
    let script = mixed_script();
    let mut stage = Stage::new(1);
    let before = stage.world.touches(NODE);
    stage.open("one", script.clone());
    stage.finish(OVER_WITHIN);
    check(&stage);
    let touches = stage.world.touches(NODE) - before;
    for touch in 0..touches {
        let mut stage = Stage::new(1);
        stage.open("one", script.clone());
        stage.world.crash_after(NODE, touch);
        stage.finish(OVER_WITHIN);
        assert_eq!(crashes(&stage), 1, "it crashes at touch {touch}");
        check(&stage);
    }
    eprintln!("{touches} touches");
}

fn mixed_script() -> String {
    let mut steps = ["keyed", "asked", "checked", "attaches"].map(|class| {
        let mut step = step(class, "near");
        step["id"] = class.into();
        step
    });
    for at in 1..steps.len() {
        steps[at]["after"] = json!([steps[at - 1]["id"]]);
    }
    let wait = json!({"id": "waits", "tool": "wait", "args": {"ms": 100}});
    json!({"version": 1, "rounds": [{"steps": steps}, {"steps": [wait]}]}).to_string()
}
