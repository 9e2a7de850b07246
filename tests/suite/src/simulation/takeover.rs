//! Two nodes over one journal: what one has is taken over while it still lives.

use std::time::Duration;

use domain::id::Address;
use domain::records::{Query, State};
use serde_json::json;

use super::checker::check;
use super::stage::Stage;
use super::{NODE, OTHER};

/// Longer than every deadline and doubt of these plans together.
const OVER_WITHIN: Duration = Duration::from_secs(300);
/// What a node does late that thaws when all is over, it has done by then.
const LATE_WITHIN: Duration = Duration::from_secs(20);
/// How long the first node has been at it when it loses everything.
const MOMENTS_MS: [u64; 10] = [0, 1, 2, 3, 5, 40, 700, 1_600, 3_100, 6_500];

/// What takes longer than the other node needs to take over, and a wait that both have in mind.
fn script(class: &str) -> String {
    let step = |id: &str, after: &[&str]| {
        let mut step = json!({
            "id": id, "tool": "far", "args": {"takes_ms": 6_000}, "deadline": 7_000, "after": after,
        });
        match class {
            "checked" => step["check"] = json!({"tool": "look", "args": {}}),
            "keyed" => step["effect"] = class.into(),
            _ => {}
        }
        step
    };
    let wait = json!({"id": "wait", "tool": "wait", "args": {"ms": 9_000}});
    let steps = [wait, step("first", &[]), step("second", &["first"])];
    json!({"version": 1, "rounds": [{"steps": steps}]}).to_string()
}

fn stage(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    for class in ["checked", "keyed", "asked"] {
        stage.open(class, script(class));
    }
    stage
}

/// How often a node has written this, about one entity or about all.
fn count(stage: &Stage, node: &str, plan: Option<Address>, what: &str) -> usize {
    let path = plan.map(|plan| format!("journal/{plan}"));
    let lines = stage.world.lines();
    let lines = lines.iter().filter(|line| line.node == node && line.what == what);
    lines.filter(|line| path.as_ref().is_none_or(|path| line.path == *path)).count()
}

fn check_handed_over(stage: &Stage, before: &[(Address, u64)]) {
    check(stage);
    for (plan, claims) in before {
        let since = stage.world.journal().claims(*plan) - claims;
        let by_other = count(stage, OTHER, Some(*plan), "a claim commits");
        assert_eq!(since, by_other as u64, "{plan} is claimed back");
        for step in ["first", "second"] {
            let done = stage.done(*plan, step);
            assert_eq!(done.effects, 1, "{plan}/{step}: {done:?}");
        }
    }
}

/// The claims of all plans that are open, as the first node loses them.
fn hand_over(stage: &mut Stage) -> Vec<(Address, u64)> {
    stage.world.end_lease(NODE);
    let journal = stage.world.journal();
    let open = Query { state: Some(State::Open), ..Query::default() };
    let plans = stage.entries(open).into_iter().map(|entry| entry.entity);
    plans.map(|plan| (plan, journal.claims(plan))).collect()
}

#[test]
fn a_node_that_freezes_is_succeeded_and_does_not_fight_when_it_thaws() {
    let (mut superseded, mut refused) = (0, 0);
    for (seed, ms) in (1..).zip(MOMENTS_MS) {
        for pause_ms in [5_500, 12_000, 40_000] {
            let mut stage = stage(seed);
            stage.node(OTHER);
            stage.world.run_for(Duration::from_millis(50 + ms));
            stage.world.freeze(NODE);
            let before = hand_over(&mut stage);
            stage.asks = OTHER;
            stage.go_on(Duration::from_millis(pause_ms));
            stage.world.thaw(NODE);
            stage.world.run_for(LATE_WITHIN);
            stage.finish(OVER_WITHIN);
            check_handed_over(&stage, &before);
            superseded += count(&stage, NODE, None, "is superseded");
            refused += count(&stage, NODE, None, "is held by another");
        }
    }
    assert!(0 < superseded, "no late append was refused");
    assert!(0 < refused, "nobody wanted anything back");
}

/// Also between an intent that is on the disk and the first move of whoever is to carry it out.
#[test]
fn a_node_that_freezes_at_any_touch_of_a_port_doubles_nothing_when_it_thaws() {
    let touches = {
        let mut stage = Stage::new(1);
        let before = stage.world.touches(NODE);
        stage.open("checked", script("checked"));
        stage.world.run_for(Duration::from_millis(100));
        stage.world.touches(NODE) - before
    };
    for touch in 0..touches {
        let mut stage = Stage::new(1);
        stage.open("checked", script("checked"));
        stage.node(OTHER);
        stage.world.freeze_after(NODE, touch);
        let frozen = stage.world.run_until(Duration::from_secs(1), |world| world.is_frozen(NODE));
        assert!(frozen, "it comes to touch {touch}");
        hand_over(&mut stage);
        stage.asks = OTHER;
        stage.go_on(Duration::from_secs(30));
        stage.world.thaw(NODE);
        stage.world.run_for(LATE_WITHIN);
        stage.finish(OVER_WITHIN);
        check(&stage);
    }
    eprintln!("{touches} touches");
}

#[test]
fn a_node_that_has_lost_its_lease_is_superseded_in_the_middle_of_its_work() {
    let mut superseded = 0;
    for (seed, ms) in (1..).zip(MOMENTS_MS) {
        let mut stage = stage(seed);
        stage.node(OTHER);
        stage.world.run_for(Duration::from_millis(50 + ms));
        let before = hand_over(&mut stage);
        stage.asks = OTHER;
        stage.finish(OVER_WITHIN);
        check_handed_over(&stage, &before);
        superseded += count(&stage, NODE, None, "is superseded");
    }
    assert!(0 < superseded, "nobody was superseded");
}

#[test]
fn two_living_nodes_leave_each_other_what_they_have() {
    let mut stage = stage(1);
    stage.node(OTHER);
    stage.finish(OVER_WITHIN);
    check(&stage);
    assert_eq!(count(&stage, OTHER, None, "a claim commits"), 0);
}
