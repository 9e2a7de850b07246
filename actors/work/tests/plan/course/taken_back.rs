//! What a plan has done is taken back, and what cannot be is listed.

use super::*;

#[test]
fn what_was_done_is_taken_back_in_reverse_and_then_rolled_back() {
    let stage = check(
        r#"
name: taken back
steps:
  - {name: a, command: '{}', compensation: '{}'}
  - {name: b, command: '{}', compensation: '{}'}
  - {name: c, command: '{"says": ["fail"]}', on_failure: rollback, compensation: '{}'}
rollback:
  - {name: tell, command: '{}'}
"#,
        &expect![[r#"
            opened
            round 1
            a begun, attempt 1
            a done
            round 2
            b begun, attempt 1
            b done
            round 3
            c begun, attempt 1
            c failed: as the test says
            undoing, then Failed
            b~undo begun, attempt 1
            b~undo done
            a~undo begun, attempt 1
            a~undo done
            tell~rollback begun, attempt 1
            tell~rollback done
            closed, Failed
        "#]],
    );
    assert_eq!(stage.effects(1, "a~undo"), (1, 1));
    assert_eq!(stage.effects(1, "c~undo"), (0, 0));
}

#[test]
fn what_cannot_be_taken_back_keeps_nobody_from_the_rest_and_is_listed() {
    check(
        r#"
name: stays
steps:
  - {name: a, command: '{}', compensation: '{}'}
  - {name: b, command: '{}', compensation: '{"says": ["fail"]}'}
  - {name: c, command: '{"says": ["fail"]}'}
"#,
        &expect![[r#"
            opened
            round 1
            a begun, attempt 1
            a done
            round 2
            b begun, attempt 1
            b done
            round 3
            c begun, attempt 1
            c failed: as the test says
            undoing, then Failed
            b~undo begun, attempt 1
            b~undo failed: as the test says
            a~undo begun, attempt 1
            a~undo done
            closed, Failed; b~undo stays
        "#]],
    );
}

#[test]
fn a_cancel_of_what_is_being_taken_back_is_refused_and_changes_nothing() {
    let mut stage = begin(
        r#"
name: failing
steps:
  - {name: a, command: '{}', compensation: '{"takes_ms": 60000}'}
  - {name: b, command: '{"says": ["fail"]}'}
"#,
    );
    until(&mut stage, "a~undo", StepState::Running);
    stage.post(plan(1), "k1", &cancel());
    let why = "it has failed, and what it has done is being taken back: wait for its end";
    assert_eq!(stage.answer(1, "k1"), entity::Answer::Refused(why.to_owned()));
    let run = stage.finish(1);
    assert_eq!((run.state, run.reason), (State::Failed, Some("step b failed".to_owned())));
}

#[test]
fn a_cancel_takes_back_what_was_done() {
    let mut stage = begin(
        r#"
name: canceled
steps:
  - {name: a, command: '{}', compensation: '{}'}
  - {name: b, command: '{"takes_ms": 60000}', compensation: '{}'}
  - {name: c, command: '{}'}
rollback:
  - {name: tell, command: '{}'}
"#,
    );
    until(&mut stage, "b", StepState::Running);
    stage.post(plan(1), "k1", &cancel());
    finish(
        stage,
        &expect![[r#"
            opened
            round 1
            a begun, attempt 1
            a done
            round 2
            b begun, attempt 1
            canceling: enough
            b stopped: as the test says
            undoing, then Canceled
            a~undo begun, attempt 1
            a~undo done
            tell~rollback begun, attempt 1
            tell~rollback done
            closed, Canceled; b stays
        "#]],
    );
}

#[test]
fn what_is_taken_back_is_what_was_done() {
    let text = r#"
version: 1
name: makes two
inputs: {who: alice}
stages:
  - id: one
    action: shell
    inputs: {command: '{"prints": "1"}', env: {WHO: {from: who}}}
    outputs: [made]
    compensation: {action: shell, inputs: {command: '{"prints_env": "MADE"}', env: {MADE: {from: made}, WHO: {from: who}}}}
  - id: two
    action: shell
    inputs: {command: '{"prints": "2"}'}
    outputs: [made]
    compensation: {action: shell, inputs: {command: '{"prints_env": "MADE"}', env: {MADE: {from: made}}}}
  - {id: hear, type: signal, signal: go, timeout: 5}
"#;
    let mut stage = begin(text);
    until(&mut stage, "hear", StepState::Running);
    stage.post(plan(1), "k1", &give("who", json!("bob"), None));
    let run = stage.finish(1);
    let said = |id: &str| {
        let step = run.steps.iter().find(|step| step.id == id).expect("it was begun");
        step.output.as_ref().map(|output| output["stdout"].clone())
    };
    assert_eq!((said("one~undo"), said("two~undo")), (Some(json!("1")), Some(json!("2"))));
    let filled = stage.history(1).into_iter().find_map(|past| {
        let entity::Event::Begun(begun) = past.event else { return None };
        begun.filled.filter(|_| begun.step == "one~undo")
    });
    let filled = filled.expect("it has arguments from elsewhere");
    assert_eq!(filled.args["env"]["WHO"], json!("alice"));
}

#[test]
fn what_an_attempt_before_may_have_done_is_listed() {
    let text = r#"
name: keyed
steps:
  - {name: a, command: '{"says": ["unknown", "SAYS"]}', effect: keyed, retry_limit: 2, compensation: '{}'}
"#;
    for (says, left) in [("fail", &["a"][..]), ("busy", &["a"]), ("ok", &[])] {
        let mut stage = begin(&text.replace("SAYS", says));
        let run = stage.finish(1);
        let names: Vec<&str> = run.left.iter().map(|left| left.step.as_str()).collect();
        assert_eq!(names, left, "{says}");
    }
}

#[test]
fn what_was_found_not_to_have_happened_is_not_listed() {
    let mut stage = begin(
        "name: absent\nsteps:\n  \
         - {name: a, command: '{\"says\": [\"unknown\"]}', compensation: '{}', lane: narrow}\n",
    );
    until(&mut stage, "a", StepState::Asked);
    let hold = "name: n\nsteps: [{name: hold, command: '{\"takes_ms\": 60000}', lane: narrow}]";
    stage.begin(2, hold.to_owned().into());
    stage.until(2, |run| run.steps[0].state == StepState::Running);
    stage.post(plan(1), "k1", &settle("a", false));
    until(&mut stage, "a", StepState::Waiting);
    stage.post(plan(1), "k2", &cancel());
    let run = stage.finish(1);
    assert_eq!((run.state, run.left), (State::Canceled, vec![]));
}

#[test]
fn what_nobody_has_seen_is_not_taken_back_as_something_else() {
    let mut stage = begin(
        r#"
version: 1
name: lost
stages:
  - {id: a, action: shell, inputs: {command: '{"says": ["unknown"], "prints": "A"}'}, outputs: [vm],
     compensation: {action: shell, inputs: {command: '{"prints_env": "VM"}', env: {VM: {from: vm}}}}}
  - {id: b, action: shell, inputs: {command: '{"prints": "B"}'}, outputs: [vm]}
  - {id: c, action: shell, inputs: {command: '{"says": ["fail"]}'}}
"#,
    );
    until(&mut stage, "a", StepState::Asked);
    stage.post(plan(1), "k1", &settle("a", true));
    let run = stage.finish(1);
    let left: Vec<String> =
        run.left.iter().map(|left| format!("{}: {}", left.step, left.why)).collect();
    assert_eq!(left, ["a~undo: nobody knows what `vm` was when it was put out"]);
    assert_eq!(stage.effects(1, "a~undo"), (0, 0));
}

#[test]
fn whoever_is_asked_while_something_is_taken_back_is_shown_to_be() {
    let text = "name: asks\nsteps:\n  \
                - {name: a, command: '{}', compensation: '{\"says\": [\"unknown\"]}'}\n  \
                - {name: b, command: '{\"says\": [\"fail\"]}'}\n";
    let mut stage = begin(text);
    until(&mut stage, "a~undo", StepState::Asked);
    assert_eq!(stage.run(1).map(|run| run.state), Some(State::WaitingForHuman));
}
