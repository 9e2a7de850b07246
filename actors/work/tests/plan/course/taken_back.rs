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
    let cancel = Cancel { reason: "enough".to_owned() };
    stage.post(plan(1), "k1", &entity::Post::Cancel(cancel));
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
    let cancel = Cancel { reason: "enough".to_owned() };
    stage.post(plan(1), "k1", &entity::Post::Cancel(cancel));
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
    let give = Give { name: "who".to_owned(), value: json!("bob"), version: None };
    stage.post(plan(1), "k1", &entity::Post::Give(give));
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
