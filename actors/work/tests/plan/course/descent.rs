//! Runs that begin from another run.

use super::people::{GATED, PAUSES, SIGNALED, signal};
use super::*;

fn descend(
    how: Descent,
    from: Option<&str>,
    effects: Effects,
    stage: &Stage,
) -> Result<entity::Brief, run::Error> {
    let history = stage.history(1);
    let from = from.map(str::to_owned);
    let descending = Descending { how, from, inputs: [].into(), effects };
    work::descend(&*stage.tools, &Limits::default(), plan(1), &history, &descending)
}

/// Why it cannot be begun.
fn refused(how: Descent, from: Option<&str>, effects: Effects, stage: &Stage) -> String {
    descend(how, from, effects, stage).expect_err("it is begun").to_string()
}

/// Begins the second run from the first.
fn begin_again(how: Descent, from: Option<&str>, effects: Effects, stage: &Stage) {
    let brief = descend(how, from, effects, stage).expect("it can be begun");
    stage.post(plan(2), "open", &entity::Post::Open(brief));
}

/// Steps of one round, which begin beside each other.
fn begin_script(steps: &Value) -> Stage {
    let stage = stage(1);
    stage.open(1, &json!([{ "steps": steps }]));
    stage
}

const UNDONE: &str = r#"
name: undone
steps:
  - {name: a, command: '{"prints": "7"}', compensation: '{}'}
  - {name: b, command: '{"says": ["fail"]}', on_failure: rollback}
rollback:
  - {name: tell, command: '{}'}
"#;

#[test]
fn a_replay_does_nothing_and_comes_to_the_same() {
    let mut stage = begin(UNDONE);
    stage.finish(1);
    let before = story(&stage, 1);
    begin_again(Descent::Replay, None, Effects::UseRecorded, &stage);
    stage.finish(2);
    expect![[r#"
        opened
        round 1
        a done, as recorded
        round 2
        b failed: as the test says, as recorded
        undoing, then Failed
        a~undo done, as recorded
        tell~rollback done, as recorded
        closed, Failed
    "#]]
    .assert_eq(&story(&stage, 2));
    assert_eq!(story(&stage, 1), before);
    assert_eq!(stage.effects(2, "a"), (0, 0));
    assert_eq!(stage.effects(2, "a~undo"), (0, 0));
    stage.check_replay(2);
}

#[test]
fn a_fork_goes_its_own_way_from_a_step_on() {
    let text = r#"
name: fails
steps:
  - {name: a, command: '{}'}
  - {name: b, command: '{"says": ["fail"]}'}
"#;
    let mut stage = begin(text);
    stage.finish(1);
    begin_again(Descent::Fork, Some("b"), Effects::UseRecorded, &stage);
    stage.finish(2);
    expect![[r#"
        opened
        round 1
        a done, as recorded
        round 2
        b begun, attempt 1
        b failed: as the test says
        closed, Failed
    "#]]
    .assert_eq(&story(&stage, 2));
    assert_eq!((stage.effects(2, "a"), stage.effects(2, "b")), ((0, 0), (1, 0)));
    stage.check_replay(2);
}

#[test]
fn nothing_is_built_on_what_was_taken_back_or_is_under_way() {
    let undone = UNDONE.replace(", on_failure: rollback", "");
    for (text, why) in [
        (UNDONE, "its run was rolled back when it ended: begin anew"),
        (&undone, "what a did was taken back when its run ended: begin from a, or anew"),
    ] {
        let mut stage = begin(text);
        stage.finish(1);
        assert_eq!(refused(Descent::Fork, Some("b"), Effects::UseRecorded, &stage), why);
    }

    let mut stage = begin(SIGNALED);
    until(&mut stage, "before", StepState::Running);
    let refused = refused(Descent::Replay, None, Effects::Reexecute, &stage);
    assert!(refused.contains("step before") && refused.contains("under way"), "{refused}");
}

#[test]
fn a_replay_of_a_canceled_run_goes_no_further_than_that() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    end_early(&mut stage);
    begin_again(Descent::Replay, None, Effects::UseRecorded, &stage);
    let run = stage.finish(2);
    assert_eq!((run.state, stage.effects(2, "ship")), (State::Canceled, (0, 0)));
    expect![[r#"
        opened
        round 1
        build done, as recorded
        round 2
        go-on skipped: the run was canceled, as recorded
        closed, Canceled
    "#]]
    .assert_eq(&story(&stage, 2));
    stage.check_replay(2);
}

#[test]
fn a_replay_of_a_paused_run_goes_on_where_that_went_on() {
    let mut stage = begin(PAUSES);
    stage.until(1, |run| run.state == State::Paused);
    stage.post(plan(1), "k1", &resume(None));
    stage.finish(1);
    begin_again(Descent::Replay, None, Effects::UseRecorded, &stage);
    let run = stage.finish(2);
    assert_eq!((run.state, stage.effects(2, "b")), (State::Completed, (0, 0)));
    stage.check_replay(2);
}

#[test]
fn a_replay_has_as_many_passes_as_what_it_repeats() {
    let says = vec!["ok"; 400].join("\",\"");
    let text = format!(
        "version: 1\nname: around\nstages:\n  - {{id: a, type: deterministic, action: shell, inputs: \
         {{command: '{{\"counts_as\": \"a\", \"takes_ms\": 0, \"says\": [\"{says}\", \"fail\"]}}'}}, \
         on_success: a, on_failure: done}}\n"
    );
    let mut stage = begin(&text);
    let before = stage.finish(1);
    begin_again(Descent::Replay, None, Effects::UseRecorded, &stage);
    let run = stage.finish(2);
    assert_eq!((run.state, run.taken_up), (State::Completed, 401));
    assert_eq!(run.steps.len(), before.steps.len());
    stage.check_replay(2);
}

#[test]
fn each_of_several_things_that_are_asked_at_once_has_a_number_of_its_own() {
    let mut stage = begin_script(&json!([
        {"id": "a", "tool": "near", "args": {}},
        {"id": "b", "tool": "near", "args": {}},
    ]));
    stage.finish(1);
    begin_again(Descent::Replay, None, Effects::RequireHuman, &stage);
    stage.until(2, |run| run.steps.iter().all(|step| step.state == StepState::AwaitsApproval));
    stage.post(plan(2), "k1", &said(1, true));
    // Said once more it is about the same, and not about the other.
    stage.post(plan(2), "k2", &said(1, true));
    stage.post(plan(2), "k3", &said(2, false));
    let run = stage.finish(2);
    assert_eq!(run.state, State::Failed);
    assert_eq!((stage.effects(2, "a"), stage.effects(2, "b")), ((1, 1), (0, 0)));
}

/// A replay comes to the same, step by step.
fn check_repeated(stage: &mut Stage) {
    let before = stage.run(1).expect("it is there");
    begin_again(Descent::Replay, None, Effects::UseRecorded, stage);
    let after = stage.finish(2);
    let steps = |run: &run::Run| {
        let steps = run.steps.iter().map(|step| (step.id.clone(), step.state));
        steps.collect::<Vec<_>>()
    };
    assert_eq!(steps(&after), steps(&before));
    assert_eq!((after.state, after.reason, after.left), (before.state, before.reason, before.left));
    assert!(stage.world.outside().keys().all(|key| key.starts_with(&plan(1).to_string())));
    stage.check_replay(2);
}

fn end_early(stage: &mut Stage) {
    stage.post(plan(1), "cancel", &cancel());
    stage.finish(1);
}

#[test]
fn a_replay_of_a_canceled_script_ends_as_that_did() {
    for after in [json!([]), json!(["a"])] {
        let mut stage = stage(1);
        stage.open(
            1,
            &json!([
                {"steps": [
                    {"id": "a", "tool": "near", "args": {"takes_ms": 20_000}},
                    {"id": "b", "tool": "near", "args": {"takes_ms": 10}, "after": after},
                ]},
                {"steps": [{"id": "c", "tool": "near", "args": {}}]},
            ]),
        );
        until(&mut stage, "a", StepState::Running);
        end_early(&mut stage);
        check_repeated(&mut stage);
    }
}

#[test]
fn a_replay_of_a_failed_script_repeats_those_beside_the_failure() {
    let mut stage = begin_script(&json!([
        {"id": "a", "tool": "near", "args": {"says": ["fail"]}},
        {"id": "b", "tool": "near", "args": {"takes_ms": 5_000}},
        {"id": "c", "tool": "near", "args": {}, "after": ["b"]},
    ]));
    stage.finish(1);
    check_repeated(&mut stage);
}

#[test]
fn a_replay_ends_as_what_it_repeats_wherever_that_was_canceled() {
    let last = "name: last\nsteps:\n  - {name: a, command: '{}', compensation: '{}'}\n  \
                - {name: b, command: '{\"says\": [\"unknown\"]}', compensation: '{}'}\n";
    let mut stage = begin(last);
    until(&mut stage, "b", StepState::Asked);
    end_early(&mut stage);
    assert_eq!(stage.run(1).map(|run| run.left.len()), Some(1));
    check_repeated(&mut stage);

    let paused = "name: pauses\nstages:\n  \
                  - {id: a, action: shell, inputs: {command: '{}'}, on_success: paused, \
                  compensation: {action: shell, inputs: {command: '{}'}}}\n";
    let mut stage = begin(paused);
    stage.until(1, |run| run.state == State::Paused);
    end_early(&mut stage);
    check_repeated(&mut stage);
}

#[test]
fn nothing_is_built_on_what_is_being_taken_back() {
    let text = UNDONE.replace("compensation: '{}'", "compensation: '{\"takes_ms\": 60000}'");
    let mut stage = begin(&text);
    until(&mut stage, "a~undo", StepState::Running);
    let refused = refused(Descent::Fork, Some("a"), Effects::UseRecorded, &stage);
    assert!(refused.contains("is being ended"), "{refused}");
}

#[test]
fn a_fork_of_a_script_leaves_alone_what_ran_beside() {
    let mut stage = begin_script(&json!([
        {"id": "a", "tool": "near", "args": {"takes_ms": 1_000}},
        {"id": "b", "tool": "near", "args": {"takes_ms": 10}},
        {"id": "c", "tool": "near", "args": {}, "after": ["b"]},
    ]));
    stage.finish(1);
    begin_again(Descent::Fork, Some("b"), Effects::UseRecorded, &stage);
    assert_eq!(stage.finish(2).state, State::Completed);
    let effects = ["a", "b", "c"].map(|step| stage.effects(2, step));
    assert_eq!(effects, [(0, 0), (1, 1), (1, 1)]);
}

#[test]
fn what_was_recorded_is_of_no_use_where_a_fork_has_parted() {
    let text = r#"
name: parts
inputs: {tag: {type: text, default: v1}}
steps:
  - {name: go on, type: approval_gate, command: ship it?, on_failure: continue}
  - {name: prepare, command: '{}', condition: previous.failed}
  - {name: build, command: '{}', condition: always}
  - {name: ship, command: '{}'}
"#;
    let mut stage = begin(text);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, true));
    stage.finish(1);
    let history = stage.history(1);
    let inputs = [("tag".to_owned(), "v2".to_owned())].into();
    let from = Some("ship".to_owned());
    let descending = Descending { how: Descent::Fork, from, inputs, effects: Effects::UseRecorded };
    let brief = work::descend(&*stage.tools, &Limits::default(), plan(1), &history, &descending);
    stage.post(plan(2), "open", &entity::Post::Open(brief.expect("it can be begun")));
    stage.until(2, |run| run.steps[0].state == StepState::AwaitsApproval);
    stage.post(plan(2), "k2", &said(1, false));
    stage.finish(2);
    let effects = ["prepare", "build", "ship"].map(|step| stage.effects(2, step));
    assert_eq!(effects, [(1, 1), (1, 1), (1, 1)]);
    stage.check_replay(2);
}

#[test]
fn a_script_that_has_failed_waits_for_nobody() {
    let mut stage = begin_script(&json!([
        {"id": "a", "tool": "near", "args": {}},
        {"id": "b", "tool": "near", "args": {}},
        {"id": "w", "tool": "wait", "args": {"ms": 10}},
    ]));
    stage.finish(1);
    begin_again(Descent::Replay, None, Effects::RequireHuman, &stage);
    let is_asked = |run: &run::Run| {
        let asked = run.steps.iter().filter(|step| step.state == StepState::AwaitsApproval);
        asked.count() == 2
    };
    stage.until(2, is_asked);
    stage.post(plan(2), "k1", &said(1, false));
    let run = stage.finish(2);
    let states: Vec<StepState> = run.steps.iter().map(|step| step.state).collect();
    assert_eq!(
        (run.state, &states[..2]),
        (State::Failed, &[StepState::Failed, StepState::Skipped][..])
    );
}

#[test]
fn a_run_that_has_not_ended_is_not_repeated() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    let refused = refused(Descent::Replay, None, Effects::UseRecorded, &stage);
    assert!(refused.contains("has not ended"), "{refused}");
}

#[test]
fn what_is_asked_in_a_replay_is_asked_in_no_descendant_of_it() {
    let mut stage =
        begin("name: plain\nsteps:\n  - {name: a, command: '{}', compensation: '{}'}\n");
    stage.finish(1);
    begin_again(Descent::Replay, None, Effects::RequireHuman, &stage);
    stage.until(2, |run| run.steps[0].state == StepState::AwaitsApproval);
    stage.post(plan(2), "k1", &said(1, true));
    let asked = stage.finish(2).steps.remove(0).approvals.remove(0);
    assert_eq!(asked.about, "do it once more: a");
    let history = stage.history(2);
    let effects = Effects::Reexecute;
    let descending = Descending { how: Descent::Replay, from: None, inputs: [].into(), effects };
    let brief = work::descend(&*stage.tools, &Limits::default(), plan(2), &history, &descending);
    stage.post(plan(3), "open", &entity::Post::Open(brief.expect("it can be begun")));
    let run = stage.finish(3);
    assert_eq!((run.state, run.steps[0].approvals.len()), (State::Completed, 0));
}

#[test]
fn what_a_fork_has_not_done_itself_is_listed_when_it_fails() {
    let text = r#"
name: forked
steps:
  - {name: a, command: '{}', compensation: '{}'}
  - {name: b, command: '{"counts_as": "b", "says": ["ok", "fail"]}', compensation: '{}'}
"#;
    let mut stage = begin(text);
    assert_eq!(stage.finish(1).left, vec![]);
    begin_again(Descent::Fork, Some("b"), Effects::UseRecorded, &stage);
    let run = stage.finish(2);
    let left: Vec<String> =
        run.left.iter().map(|left| format!("{}: {}", left.step, left.why)).collect();
    let why = format!("{} has done it, and this run takes back what it did itself", plan(1));
    assert_eq!((run.state, left), (State::Failed, vec![format!("a: {why}")]));
    assert_eq!(stage.effects(2, "a~undo"), (0, 0));
}

#[test]
fn what_was_said_before_a_fork_is_said_to_it_and_to_its_own_fork() {
    let text = r#"
name: signaled
steps:
  - {name: one, type: signal, signal: first}
  - {name: two, command: '{}'}
  - {name: three, type: signal, signal: second}
"#;
    let mut stage = begin(text);
    until(&mut stage, "one", StepState::Running);
    stage.post(plan(1), "k1", &signal("second"));
    stage.post(plan(1), "k2", &signal("first"));
    assert_eq!(stage.finish(1).state, State::Completed);
    begin_again(Descent::Fork, Some("two"), Effects::UseRecorded, &stage);
    assert_eq!(stage.finish(2).state, State::Completed);
    let (history, from) = (stage.history(2), Some("two".to_owned()));
    let effects = Effects::UseRecorded;
    let again = Descending { how: Descent::Fork, from, inputs: [].into(), effects };
    let brief = work::descend(&*stage.tools, &Limits::default(), plan(2), &history, &again);
    stage.post(plan(3), "open", &entity::Post::Open(brief.expect("it can be begun")));
    assert_eq!(stage.finish(3).state, State::Completed);
}

#[test]
fn a_gate_that_was_not_passed_is_repeated_like_everything_else() {
    let skipped = r#"
name: gated
steps:
  - {name: a, command: '{}'}
  - {name: g, type: approval_gate, condition: previous.failed}
  - {name: b, command: '{}'}
  - {name: c, command: '{}'}
"#;
    let denied = skipped.replace("condition: previous.failed", "on_failure: continue");
    for text in [skipped, &denied] {
        let run = |stage: &mut Stage| {
            if text == denied {
                until(stage, "g", StepState::AwaitsApproval);
                stage.post(plan(1), "k1", &said(1, false));
            }
            stage.finish(1);
        };
        let mut stage = begin(text);
        run(&mut stage);
        check_repeated(&mut stage);
        let mut stage = begin(text);
        run(&mut stage);
        begin_again(Descent::Fork, Some("c"), Effects::UseRecorded, &stage);
        stage.finish(2);
        let effects = ["a", "b", "c"].map(|step| stage.effects(2, step));
        assert_eq!(effects, [(0, 0), (0, 0), (1, 1)]);
    }
}

#[test]
fn what_a_gate_has_allowed_once_is_allowed_once() {
    let mut stage = begin(&GATED.replace(", approval_required: true", ""));
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, true));
    until(&mut stage, "ship", StepState::Running);
    stage.post(plan(1), "k2", &give("tag", json!("v2"), None));
    stage.finish(1);
    begin_again(Descent::Fork, Some("ship"), Effects::UseRecorded, &stage);
    stage.until(2, |run| run.steps[1].state == StepState::AwaitsApproval);
    assert_eq!((stage.effects(2, "build"), stage.effects(2, "ship")), ((0, 0), (0, 0)));
    stage.post(plan(2), "k3", &said(1, true));
    assert_eq!((stage.finish(2).state, stage.effects(2, "ship")), (State::Completed, (1, 1)));
}
