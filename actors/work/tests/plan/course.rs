//! Written plans in a simulated world: the ways they go, what they ask, and what they take back.

use crate::stage::*;
use std::sync::atomic::Ordering;

use domain::approval::Verdict;
use domain::run::{self, Descending, Descent, Effects, State, StepState};
use expect_test::{Expect, expect};
use serde_json::json;
use work::Limits;
use work::plan::{self as entity, Cancel, Give, Resume, Said, Signal};

/// The first steps of every written plan of these tests; its end is what they are about.
fn begin(text: &str) -> Stage {
    let stage = stage(1);
    stage.begin(1, text.to_owned().into());
    stage
}

fn check(text: &str, expected: &Expect) -> Stage {
    finish(begin(text), expected)
}

fn finish(mut stage: Stage, expected: &Expect) -> Stage {
    stage.finish(1);
    expected.assert_eq(&story(&stage, 1));
    stage.check_replay(1);
    stage
}

fn said(number: u32, granted: bool) -> entity::Post {
    entity::Post::Answer(Said { number, granted, note: None, digest: None })
}

/// Goes on until a step is there.
fn until(stage: &mut Stage, step: &str, state: StepState) {
    stage.until(1, |run| run.steps.iter().any(|known| known.id == step && known.state == state));
}

#[test]
fn steps_follow_each_other_and_a_condition_skips() {
    check(
        r#"
name: in order
steps:
  - {name: first, command: '{}'}
  - {name: only if it failed, command: '{}', condition: previous.failed}
  - {name: only if it went well, command: '{}', condition: previous.ok}
"#,
        &expect![[r#"
            opened
            round 1
            first begun, attempt 1
            first done
            round 2
            only-if-it-failed skipped: it is done only if the step before it failed, and that went well
            round 3
            only-if-it-went-well begun, attempt 1
            only-if-it-went-well done
            closed, Completed
        "#]],
    );
}

#[test]
fn a_failure_is_the_end_unless_its_plan_goes_on() {
    check(
        r#"
name: goes on
steps:
  - {name: shaky, command: '{"says": ["fail"]}', on_failure: continue}
  - {name: mend, command: '{}', condition: previous.failed}
  - {name: fatal, command: '{"says": ["fail"]}'}
  - {name: never, command: '{}'}
"#,
        &expect![[r#"
            opened
            round 1
            shaky begun, attempt 1
            shaky failed: as the test says
            round 2
            mend begun, attempt 1
            mend done
            round 3
            fatal begun, attempt 1
            fatal failed: as the test says
            closed, Failed
        "#]],
    );
}

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

const LOOP: &str = r#"
version: 1
name: mend until it works
stages:
  - {id: test, type: deterministic, action: shell, effect: idempotent,
     inputs: {command: '{"counts_as": "test", "says": ["fail", "fail", "ok"]}'},
     on_success: done, on_failure: fix, retry_limit: RETRIES}
  - {id: fix, type: deterministic, action: shell, inputs: {command: '{}'}, on_success: test}
"#;

#[test]
fn a_route_leads_back_and_each_pass_is_a_step_of_its_own() {
    let text = LOOP
        .replace("RETRIES", "2")
        .replace("\"fail\", \"fail\", \"ok\"", "\"fail\", \"fail\", \"fail\", \"ok\"");
    let stage = check(
        &text,
        &expect![[r#"
        opened
        round 1
        test begun, attempt 1
        test rests after attempt 1
        test begun, attempt 2
        test failed: as the test says
        round 2
        fix begun, attempt 1
        fix done
        round 1, pass 2
        test~2 begun, attempt 1
        test~2 rests after attempt 1
        test~2 begun, attempt 2
        test~2 done
        closed, Completed
    "#]],
    );
    assert_eq!(stage.effects(1, "fix"), (1, 1));
}

#[test]
fn a_failure_is_gone_around_no_more_often_than_its_retries() {
    let text = LOOP.replace("RETRIES", "1");
    check(
        &text,
        &expect![[r#"
            opened
            round 1
            test begun, attempt 1
            test failed: as the test says
            round 2
            fix begun, attempt 1
            fix done
            round 1, pass 2
            test~2 begun, attempt 1
            test~2 failed: as the test says
            closed, Failed
        "#]],
    );
}

const GATED: &str = r#"
name: gated
inputs: {tag: {type: text, default: v1}}
steps:
  - {name: build, command: '{}'}
  - {name: go on, type: approval_gate, command: ship it?}
  - {name: ship, command: '{"prints_env": "WF_TAG"}', approval_required: true}
"#;

#[test]
fn a_person_is_asked_before_it_begins_and_the_first_answer_counts() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, true));
    until(&mut stage, "ship", StepState::AwaitsApproval);
    // Too late for the first, and for another than that.
    stage.post(plan(1), "k2", &said(1, false));
    stage.post(plan(1), "k3", &said(2, true));
    let stage = finish(
        stage,
        &expect![[r#"
        opened
        round 1
        build begun, attempt 1
        build done
        round 2
        go-on seeks approval 1
        go-on granted
        go-on begun, attempt 1
        go-on done
        round 3
        ship seeks approval 2
        ship granted
        ship begun, attempt 1
        ship done
        closed, Completed
    "#]],
    );
    assert_eq!(stage.effects(1, "ship"), (1, 1));
}

#[test]
fn what_is_denied_is_not_done() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, false));
    finish(
        stage,
        &expect![[r#"
        opened
        round 1
        build begun, attempt 1
        build done
        round 2
        go-on seeks approval 1
        go-on denied
        go-on failed: it was denied
        closed, Failed
    "#]],
    );
}

#[test]
fn an_approval_expires() {
    check(
        r#"
name: expires
steps:
  - {name: gate, type: approval_gate, timeout: 2}
"#,
        &expect![[r#"
            opened
            round 1
            gate seeks approval 1
            gate expired
            gate failed: nobody has allowed it in time
            closed, Failed
        "#]],
    );
}

#[test]
fn a_changed_argument_voids_what_was_asked() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, true));
    until(&mut stage, "ship", StepState::AwaitsApproval);
    let give = Give { name: "tag".to_owned(), value: json!("v2"), version: Some(1) };
    stage.post(plan(1), "k2", &entity::Post::Give(give));
    stage.until(1, |run| run.steps.iter().any(|step| step.approvals.len() == 2));
    // What the first was about is not what would be done any more.
    stage.post(plan(1), "k3", &said(2, true));
    stage.post(plan(1), "k4", &said(3, true));
    finish(
        stage,
        &expect![[r#"
        opened
        round 1
        build begun, attempt 1
        build done
        round 2
        go-on seeks approval 1
        go-on granted
        go-on begun, attempt 1
        go-on done
        round 3
        ship seeks approval 2
        tag is "v2" now
        ship void
        ship seeks approval 3
        ship granted
        ship begun, attempt 1
        ship done
        closed, Completed
    "#]],
    );
}

const SIGNALED: &str = r#"
name: signaled
steps:
  - {name: before, command: '{"takes_ms": 1000}'}
  - {name: hear, type: signal, signal: go, timeout: 60}
  - {name: after, command: '{}'}
"#;

fn signal(name: &str) -> entity::Post {
    entity::Post::Signal(Signal { name: name.to_owned(), data: json!({"n": 1}) })
}

#[test]
fn a_signal_is_kept_until_somebody_waits_for_it_and_a_crash_in_between_is_nothing() {
    let mut stage = begin(SIGNALED);
    until(&mut stage, "before", StepState::Running);
    stage.post(plan(1), "k1", &signal("go"));
    stage.post(plan(1), "k2", &signal("nobody waits for this"));
    stage.world.crash(NODE);
    stage.world.boot_again(NODE);
    until(&mut stage, "before", StepState::Asked);
    let settle = entity::Settle { step: "before".to_owned(), happened: true };
    stage.post(plan(1), "k3", &entity::Post::Settle(settle));
    finish(
        stage,
        &expect![[r#"
        opened
        round 1
        before begun, attempt 1
        before in doubt, then Ask
        before asks
        signal go
        before happened: true, says Person
        round 2
        hear begun, attempt 1
        hear done
        round 3
        after begun, attempt 1
        after done
        closed, Completed
    "#]],
    );
}

#[test]
fn a_signal_that_does_not_come_fails_its_step() {
    check(
        SIGNALED,
        &expect![[r#"
        opened
        round 1
        before begun, attempt 1
        before done
        round 2
        hear begun, attempt 1
        hear failed: no signal came in time
        closed, Failed
    "#]],
    );
}

#[test]
fn a_pause_waits_for_a_person_and_goes_on_where_it_was() {
    let text = r#"
version: 1
name: pauses
stages:
  - {id: a, type: deterministic, action: shell, inputs: {command: '{"says": ["fail"], "counts_as": "a"}'},
     on_failure: paused}
  - {id: b, type: deterministic, action: shell, inputs: {command: '{}'}}
"#;
    let mut stage = begin(text);
    stage.until(1, |run| run.state == State::Paused);
    let resume = |at| entity::Post::Resume(Resume { note: None, at: Some(at) });
    stage.post(plan(1), "stale", &resume(7));
    stage.post(plan(1), "k1", &resume(1));
    finish(
        stage,
        &expect![[r#"
        opened
        round 1
        a begun, attempt 1
        a failed: as the test says
        paused: step a failed
        resumed
        round 1, pass 2
        a~2 begun, attempt 1
        a~2 done
        round 2
        b begun, attempt 1
        b done
        closed, Completed
    "#]],
    );
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
fn what_one_step_puts_out_another_one_uses() {
    let stage = check(
        r#"
version: 1
name: hands on
stages:
  - {id: make, type: deterministic, action: shell, inputs: {command: '{"prints": "v7"}'}, outputs: [tag]}
  - id: use
    type: deterministic
    action: shell
    inputs: {command: '{"prints_env": "TAG"}', env: {TAG: {from: tag}}}
"#,
        &expect![[r#"
            opened
            round 1
            make begun, attempt 1
            make done
            round 2
            use begun, attempt 1
            use done
            closed, Completed
        "#]],
    );
    let run = stage.run(1).expect("it was opened");
    assert_eq!(run.steps[1].output.as_ref().map(|output| &output["stdout"]), Some(&json!("v7")));
}

#[test]
fn what_is_not_configured_yet_says_so() {
    check(
        r#"
name: thinks
steps:
  - {name: think, type: claude_prompt, command: what now?, on_failure: continue}
  - {name: act, type: skill, command: tidy-up}
"#,
        &expect![[r#"
            opened
            round 1
            think failed: it needs a model, and none is configured yet
            round 2
            act failed: it needs the skill `tidy-up`, and none is configured yet
            closed, Failed
        "#]],
    );
}

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

/// Begins the second run from the first.
fn begin_again(how: Descent, from: Option<&str>, effects: Effects, stage: &Stage) {
    let brief = descend(how, from, effects, stage).expect("it can be begun");
    stage.post(plan(2), "open", &entity::Post::Open(brief));
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
    let mut stage = begin(UNDONE);
    stage.finish(1);
    let refused = descend(Descent::Fork, Some("b"), Effects::UseRecorded, &stage);
    let why = "what a did was taken back when its run ended: fork from a, or begin anew";
    assert_eq!(refused.map_err(|error| error.to_string()).err().as_deref(), Some(why));

    let mut stage = begin(SIGNALED);
    until(&mut stage, "before", StepState::Running);
    let refused = descend(Descent::Replay, None, Effects::Reexecute, &stage);
    let refused = refused.map_err(|error| error.to_string()).err().unwrap_or_default();
    assert!(refused.contains("step before") && refused.contains("under way"), "{refused}");
}

#[test]
fn a_replay_of_a_canceled_run_goes_no_further_than_that() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    let cancel = Cancel { reason: "enough".to_owned() };
    stage.post(plan(1), "k1", &entity::Post::Cancel(cancel));
    stage.finish(1);
    begin_again(Descent::Replay, None, Effects::UseRecorded, &stage);
    let run = stage.finish(2);
    assert_eq!((run.state, stage.effects(2, "ship")), (State::Canceled, (0, 0)));
    expect![[r#"
        opened
        round 1
        build done, as recorded
        round 2
        go-on skipped: the run that this one repeats did not come as far as this
        closed, Canceled
    "#]]
    .assert_eq(&story(&stage, 2));
    stage.check_replay(2);
}

#[test]
fn a_replay_of_a_paused_run_goes_on_where_that_went_on() {
    let text = r#"
version: 1
name: pauses
stages:
  - {id: a, type: deterministic, action: shell, inputs: {command: '{}'}, on_success: paused}
  - {id: b, type: deterministic, action: shell, inputs: {command: '{}'}}
"#;
    let mut stage = begin(text);
    stage.until(1, |run| run.state == State::Paused);
    let resume = Resume { note: None, at: None };
    stage.post(plan(1), "k1", &entity::Post::Resume(resume));
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
    let mut stage = stage(1);
    stage.open(
        1,
        &json!([{"steps": [
            {"id": "a", "tool": "near", "args": {}},
            {"id": "b", "tool": "near", "args": {}},
        ]}]),
    );
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

#[test]
fn a_gate_is_about_what_the_run_was_given() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    let give = Give { name: "tag".to_owned(), value: json!("v2"), version: None };
    stage.post(plan(1), "k1", &entity::Post::Give(give));
    stage.until(1, |run| run.steps.iter().any(|step| step.approvals.len() == 2));
    let run = stage.run(1).expect("it is open");
    let asked = run.steps.iter().flat_map(|step| &step.approvals);
    let asked: Vec<_> = asked.map(|approval| approval.args["inputs"]["tag"].clone()).collect();
    assert_eq!(asked, [json!("v1"), json!("v2")]);
}

#[test]
fn a_resume_that_policy_would_not_allow_is_refused_and_may_come_again() {
    let text = r#"
version: 1
name: pauses
stages:
  - {id: a, type: deterministic, action: shell, inputs: {command: '{}'}, on_success: paused}
  - {id: b, type: deterministic, action: shell, inputs: {command: '{}'}}
"#;
    let mut stage = begin(text);
    stage.until(1, |run| run.state == State::Paused);
    let resume = entity::Post::Resume(Resume { note: None, at: None });
    stage.policy.0.store(true, Ordering::Relaxed);
    stage.post(plan(1), "k1", &resume);
    let refused = stage.answer(1, "k1");
    let why = "policy does not allow what comes next: nothing is allowed any more";
    assert_eq!(refused, entity::Answer::Refused(why.to_owned()));
    stage.policy.0.store(false, Ordering::Relaxed);
    stage.post(plan(1), "k2", &resume);
    assert_eq!(stage.answer(1, "k2"), entity::Answer::Taken);
    let run = stage.finish(1);
    assert_eq!((run.state, stage.effects(1, "b")), (State::Completed, (1, 1)));
    stage.check_replay(1);
}

#[test]
fn every_later_answer_is_told_the_first() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    let verdict = |verdict, is_first| entity::Answer::Verdict { verdict, is_first };
    stage.post(plan(1), "k1", &said(1, false));
    assert_eq!(stage.answer(1, "k1"), verdict(Verdict::Denied, true));
    // The same request has the same answer, whatever came between.
    stage.post(plan(1), "k1", &said(1, false));
    assert_eq!(stage.answer(1, "k1"), verdict(Verdict::Denied, true));
}

#[test]
fn what_nobody_waits_for_and_what_is_stale_have_answers_of_their_own() {
    let mut stage = begin(SIGNALED);
    until(&mut stage, "before", StepState::Running);
    stage.post(plan(1), "k1", &signal("nobody"));
    let why = "nobody in this run waits for `nobody`: it waits for go";
    assert_eq!(stage.answer(1, "k1"), entity::Answer::Unawaited(why.to_owned()));
    stage.post(plan(1), "k2", &signal("go"));
    assert_eq!(stage.answer(1, "k2"), entity::Answer::Taken);
}

#[test]
fn what_was_allowed_is_done_as_it_was_allowed_or_asked_about_anew() {
    let mut stage =
        begin(&GATED.replace("approval_required: true", "approval_required: true, lane: narrow"));
    let busy =
        "name: busy\nsteps:\n  - {name: hold, command: '{\"takes_ms\": 30000}', lane: narrow}\n";
    stage.begin(2, busy.to_owned().into());
    stage.until(2, |run| run.steps[0].state == StepState::Running);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &said(1, true));
    until(&mut stage, "ship", StepState::AwaitsApproval);
    stage.post(plan(1), "k2", &said(2, true));
    // It is allowed, and waits for its lane; what it was allowed to do is not what it would do now.
    until(&mut stage, "ship", StepState::Waiting);
    let give = Give { name: "tag".to_owned(), value: json!("v2"), version: None };
    stage.post(plan(1), "k3", &entity::Post::Give(give));
    until(&mut stage, "ship", StepState::AwaitsApproval);
    assert_eq!(stage.effects(1, "ship"), (0, 0));
    stage.post(plan(1), "k4", &said(3, true));
    let run = stage.finish(1);
    assert_eq!((run.state, stage.effects(1, "ship")), (State::Completed, (1, 1)));
    stage.check_replay(1);
}
