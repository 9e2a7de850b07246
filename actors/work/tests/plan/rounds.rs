//! A plan in a simulated world: what it records and what it does outside, whatever breaks.

use std::time::Duration;

use domain::records::{Query, Records};
use domain::run::{Awaits, Run, State, StepState};
use expect_test::{Expect, expect};
use futures::executor::block_on;
use runtime::durable::past;
use serde_json::{Value, json};
use work::plan::{self as entity, Cancel, Plan, Settle, tell};

use crate::stage::*;

fn check(rounds: &Value, expected: &Expect) -> Stage {
    let mut stage = stage(1);
    stage.open(1, rounds);
    stage.finish(1);
    expected.assert_eq(&story(&stage, 1));
    stage.check_replay(1);
    stage
}

#[test]
fn steps_run_one_after_the_other_and_rounds_too() {
    let stage = check(
        &json!([
            {"steps": [
                {"id": "a", "tool": "near", "args": {}},
                {"id": "b", "tool": "near", "args": {}, "after": ["a"]},
            ]},
            {"steps": [{"id": "c", "tool": "far", "args": {}}]},
        ]),
        &expect![[r#"
            opened
            round 1
            a begun, attempt 1
            a done
            b begun, attempt 1
            b done
            round 2
            c begun, attempt 1
            c done
            closed, Completed
        "#]],
    );
    for step in ["a", "b", "c"] {
        assert_eq!(stage.effects(1, step), (1, 1), "{step}");
    }
}

#[test]
fn a_step_that_failed_is_tried_again_and_then_the_plan_fails() {
    let stage = check(
        &json!([
            {"steps": [
                {"id": "a", "tool": "near", "args": {"says": ["busy", "fail"]}, "effect": "keyed",
                 "attempts": 3},
                {"id": "b", "tool": "near", "args": {"says": ["fail"]}, "after": ["a"]},
                {"id": "c", "tool": "near", "args": {}, "after": ["b"]},
            ]},
        ]),
        &expect![[r#"
            opened
            round 1
            a begun, attempt 1
            a rests after attempt 1
            a begun, attempt 2
            a rests after attempt 2
            a begun, attempt 3
            a done
            b begun, attempt 1
            b failed: as the test says
            c skipped: another step failed
            closed, Failed
        "#]],
    );
    assert_eq!(stage.run(1).map(|run| run.state), Some(State::Failed));
    assert_eq!(stage.effects(1, "a"), (3, 1));
    assert_eq!(stage.effects(1, "c"), (0, 0));
}

#[test]
fn a_wait_is_a_moment_and_no_hand() {
    let mut stage = stage(1);
    stage.open(1, &json!([{"steps": [{"id": "w", "tool": "wait", "args": {"ms": 20_000}}]}]));
    let run = stage.finish(1);
    expect![[r#"
        opened
        round 1
        w begun, attempt 1
        w done
        closed, Completed
    "#]]
    .assert_eq(&story(&stage, 1));
    let waited = run.closed_at.expect("it is closed").since(run.opened_at);
    assert!(Duration::from_secs(20) <= waited && waited < Duration::from_secs(21), "{waited:?}");
}

#[test]
fn whoever_names_the_same_lock_or_a_narrow_lane_runs_alone() {
    let mut stage = stage(1);
    let slow = json!({"takes_ms": 1_000});
    for number in [1, 2] {
        stage.open(
            number,
            &json!([{"steps": [
                {"id": "a", "tool": "near", "args": slow, "locks": ["db"]},
                {"id": "b", "tool": "near", "args": slow, "locks": ["db"]},
                {"id": "c", "tool": "near", "args": slow, "lane": "narrow"},
            ]}]),
        );
    }
    let runs = [stage.finish(1), stage.finish(2)];
    let spans = |step: &str| {
        runs.each_ref().map(|run| {
            let step = run.steps.iter().find(|of| of.id == step).expect("it is there");
            (step.attempts[0].begun_at, step.attempts[0].ended_at.expect("it has ended"))
        })
    };
    let mut locked: Vec<_> = spans("a").into_iter().chain(spans("b")).collect();
    locked.sort();
    assert!(locked.is_sorted_by(|one, next| one.1 <= next.0), "{locked:?}");
    let mut narrow = spans("c");
    narrow.sort();
    assert!(narrow[0].1 <= narrow[1].0, "{narrow:?}");
    // And those who share nothing overlap.
    assert!(narrow[0].0 < locked[0].1, "{narrow:?} {locked:?}");
}

#[test]
fn a_canceled_plan_waits_for_what_runs_and_begins_nothing_more() {
    let mut stage = stage(1);
    stage.open(
        1,
        &json!([{"steps": [
            {"id": "a", "tool": "near", "args": {"takes_ms": 60_000}},
            {"id": "b", "tool": "near", "args": {}, "after": ["a"]},
        ]}]),
    );
    stage.until(1, |run| run.state == State::Running);
    let cancel = entity::Post::Cancel(Cancel { reason: "enough".to_owned() });
    stage.post(plan(1), "cancel", &cancel);
    let run = stage.finish(1);
    expect![[r#"
        opened
        round 1
        a begun, attempt 1
        canceling: enough
        b skipped: the run was canceled
        a stopped: as the test says
        closed, Canceled
    "#]]
    .assert_eq(&story(&stage, 1));
    assert_eq!((run.state, run.reason.as_deref()), (State::Canceled, Some("enough")));
    stage.check_replay(1);
}

/// Steps that their node crashes in the middle of; it is back.
fn cut_off(steps: &[Value]) -> Stage {
    let mut stage = stage(1);
    stage.open(1, &json!([{"steps": steps}]));
    stage.until(1, |run| run.state == State::Running);
    stage.world.run_for(Duration::from_millis(20));
    stage.world.crash(NODE);
    stage.world.boot_again(NODE);
    stage
}

/// A step that its node crashes in the middle of; a person says what became of it, if asked.
fn crash_in(step: &Value, settle: Option<bool>, expected: &Expect) -> (u32, u32) {
    end_of(cut_off(std::slice::from_ref(step)), settle, expected).1
}

/// How it ends, and what step `a` has done outside.
fn end_of(mut stage: Stage, settle: Option<bool>, expected: &Expect) -> (Run, (u32, u32)) {
    if let Some(happened) = settle {
        stage.until(1, |run| run.state == State::WaitingForHuman);
        let settle = Settle { step: "a".to_owned(), happened };
        stage.post(plan(1), "settle", &entity::Post::Settle(settle));
    }
    let run = stage.finish(1);
    expected.assert_eq(&story(&stage, 1));
    stage.check_replay(1);
    (run, stage.effects(1, "a"))
}

fn slow(rest: &Value) -> Value {
    let mut step = json!({"id": "a", "tool": "near", "args": {"takes_ms": 1_000}});
    step.as_object_mut().expect("an object").extend(rest.as_object().expect("too").clone());
    step
}

#[test]
fn a_step_that_may_be_repeated_is_at_once_and_under_the_same_key() {
    let done = crash_in(
        &slow(&json!({"effect": "keyed"})),
        None,
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Repeat
        a begun, attempt 1
        a done
        closed, Completed
    "#]],
    );
    assert_eq!(done, (2, 1));
}

#[test]
fn an_unsafe_step_is_repeated_when_its_check_says_that_it_has_not_happened() {
    let checked = slow(&json!({"check": {"tool": "look", "args": {}}}));
    assert_eq!(
        crash_in(
            &checked,
            None,
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Check
        a looked at, 1
        a happened: false, says Check
        a begun, attempt 1
        a done
        closed, Completed
    "#]]
        ),
        (2, 1)
    );
}

#[test]
fn a_check_that_cannot_tell_is_asked_again_after_a_rest_and_then_a_person_is() {
    let blind = |looks: u32| slow(&json!({"check": {"tool": "look", "args": {"blind": looks}}}));
    assert_eq!(
        crash_in(
            &blind(2),
            None,
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Check
        a looked at, 1
        a still unclear, 1
        a looked at, 2
        a still unclear, 2
        a looked at, 3
        a happened: false, says Check
        a begun, attempt 1
        a done
        closed, Completed
    "#]]
        ),
        (2, 1)
    );
    assert_eq!(
        crash_in(
            &blind(9),
            Some(true),
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Check
        a looked at, 1
        a still unclear, 1
        a looked at, 2
        a still unclear, 2
        a looked at, 3
        a asks
        a happened: true, says Person
        closed, Completed
    "#]]
        ),
        (1, 0)
    );
}

#[test]
fn what_a_check_has_complained_of_is_evidence_for_whoever_is_asked() {
    let mut stage = cut_off(&[slow(&json!({"check": {"tool": "look", "args": {"blind": 9}}}))]);
    let run = stage.until(1, |run| run.state == State::WaitingForHuman);
    let evidence = &run.steps[0].doubts.last().expect("it is in doubt").evidence;
    assert!(evidence.contains("it is dark"), "{evidence}");
}

/// A look that a crash has cut off does not count, and no more look at a time than may.
#[test]
fn whoever_looks_waits_for_a_place_and_looks_again_after_a_crash() {
    let check = json!({"tool": "look", "args": {"takes_ms": 2_000, "uses": "eye"}});
    let step = |id: &str| slow(&json!({"id": id, "check": check}));
    let mut stage = cut_off(&["a", "b", "c"].map(step));
    stage.world.run_for(Duration::from_millis(500));
    stage.world.crash(NODE);
    stage.world.boot_again(NODE);
    stage.finish(1);
    assert_eq!(stage.world.most_at_once("eye"), 1);
    let story = story(&stage, 1);
    assert!(story.contains("a still unclear, 0"), "{story}");
    assert!(!story.contains("looked at, 2"), "{story}");
    for step in ["a", "b", "c"] {
        assert_eq!(stage.effects(1, step), (2, 1), "{step}");
    }
    stage.check_replay(1);
}

#[test]
fn an_unsafe_step_without_a_check_is_put_before_a_person() {
    assert_eq!(
        crash_in(
            &slow(&json!({})),
            Some(false),
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Ask
        a asks
        a happened: false, says Person
        a begun, attempt 1
        a done
        closed, Completed
    "#]]
        ),
        (2, 1)
    );
    assert_eq!(
        crash_in(
            &slow(&json!({})),
            Some(true),
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Ask
        a asks
        a happened: true, says Person
        closed, Completed
    "#]]
        ),
        (1, 0)
    );
}

#[test]
fn an_unsafe_step_that_is_to_fail_in_doubt_does() {
    let failing = slow(&json!({"on_doubt": "fail"}));
    assert_eq!(
        crash_in(
            &failing,
            None,
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Fail
        a failed: it may have happened or not: it was under way when its node or its plan was cut off
        closed, Failed
    "#]]
        ),
        (1, 0)
    );
}

/// A step that says how its attempts go; a person says what became of it, if asked.
fn spoken(step: &Value, settle: Option<bool>, expected: &Expect) -> (Run, (u32, u32)) {
    let stage = stage(1);
    stage.open(1, &json!([{"steps": [step]}]));
    end_of(stage, settle, expected)
}

#[test]
fn what_a_person_wants_done_is_done_however_often_it_was_tried() {
    let step = json!({"id": "a", "tool": "near", "args": {"says": ["unknown"]}});
    let (_, done) = spoken(
        &step,
        Some(false),
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Ask
        a asks
        a happened: false, says Person
        a begun, attempt 1
        a done
        closed, Completed
    "#]],
    );
    assert_eq!(done.0, 2);
}

#[test]
fn whoever_said_no_has_some_time_before_it_is_asked_again() {
    let step = json!({"id": "a", "tool": "near", "args": {"says": ["fail", "fail"]},
                      "attempts": 3, "check": {"tool": "look", "args": {}}});
    let (run, done) = spoken(
        &step,
        None,
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Check
        a looked at, 1
        a happened: false, says Check
        a begun, attempt 2
        a in doubt, then Check
        a looked at, 1
        a happened: false, says Check
        a begun, attempt 3
        a done
        closed, Completed
    "#]],
    );
    assert_eq!(done, (3, 1));
    let begun: Vec<_> = run.steps[0].attempts.iter().map(|attempt| attempt.begun_at).collect();
    let pauses: Vec<_> = begun.windows(2).map(|two| two[1].since(two[0]).as_secs()).collect();
    assert_eq!(pauses, [1, 2]);
}

#[test]
fn what_could_not_be_ended_is_neither_looked_at_nor_repeated() {
    let checked = json!({"id": "a", "tool": "near", "args": {"says": ["going"]}, "attempts": 2,
                         "check": {"tool": "look", "args": {}}});
    let (_, done) = spoken(
        &checked,
        Some(true),
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Ask
        a asks
        a happened: true, says Person
        closed, Completed
    "#]],
    );
    assert_eq!(done.0, 1);
    let keyed = json!({"id": "a", "tool": "near", "args": {"says": ["going"]}, "attempts": 2,
                       "effect": "keyed"});
    let (_, done) = spoken(
        &keyed,
        None,
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a failed: as the test says
        closed, Failed
    "#]],
    );
    assert_eq!(done.0, 1);
}

#[test]
fn every_doubt_is_listed_also_while_somebody_may_be_at_it() {
    let step = json!({"id": "a", "tool": "far", "args": {"takes_ms": 4_000}, "deadline": 5_000});
    let mut stage = cut_off(&[step]);
    stage.until(1, |run| run.steps[0].state == StepState::InDoubt);
    let journal = stage.world.journal();
    let history = block_on(past::<Plan>(&*journal, plan(1))).expect("the history can be read");
    let questions = tell::questions(plan(1), &history);
    assert!(matches!(questions[0].awaits, Awaits::Quiet { .. }), "{questions:?}");
    let kept = block_on(journal.entity(plan(1))).expect("the records work");
    let asks = Query { asks: true, ..Query::default() };
    assert_eq!(
        block_on(journal.entities(asks, 9)).expect("the records work"),
        [kept.expect("it is there")]
    );
}

#[test]
fn what_goes_on_elsewhere_is_looked_at_when_it_can_go_on_no_more() {
    let step = json!({"id": "a", "tool": "far", "args": {"takes_ms": 4_000}, "deadline": 5_000,
                      "check": {"tool": "look", "args": {}}});
    // It happens after the crash, and is not done again.
    assert_eq!(
        crash_in(
            &step,
            None,
            &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a in doubt, then Check
        a looked at, 1
        a happened: true, says Check
        closed, Completed
    "#]]
        ),
        (1, 1)
    );
}

#[test]
fn whoever_is_urgent_goes_before_those_who_wait_already() {
    let mut stage = stage(1);
    let held = r#"{"id": "hold", "tool": "near", "lane": "narrow", "args": {"takes_ms": 20000}}"#;
    let next = r#"{"id": "next", "tool": "near", "lane": "narrow", "args": {"takes_ms": 5000}}"#;
    let script = |priority: &str, step: &str| {
        format!(r#"{{"version": 1, "priority": "{priority}", "rounds": [{{"steps": [{step}]}}]}}"#)
    };
    stage.begin(1, script("normal", held).into());
    stage.until(1, |run| run.steps[0].state == StepState::Running);
    for (number, priority) in [(2, "low"), (3, "normal"), (4, "high")] {
        stage.begin(number, script(priority, next).into());
        stage.until(number, |run| run.steps[0].state == StepState::Waiting);
    }
    let ends = [4, 3, 2].map(|number| stage.finish(number).closed_at);
    assert!(ends.is_sorted(), "{ends:?}");
}
