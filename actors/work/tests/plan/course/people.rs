//! What a plan asks people, and what they say to it unasked.

use super::*;

pub(super) const GATED: &str = r#"
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
    stage.post(plan(1), "k2", &give("tag", json!("v2"), Some(1)));
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

pub(super) const SIGNALED: &str = r#"
name: signaled
steps:
  - {name: before, command: '{"takes_ms": 1000}'}
  - {name: hear, type: signal, signal: go, timeout: 60}
  - {name: after, command: '{}'}
"#;

pub(super) fn signal(name: &str) -> entity::Post {
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
    stage.post(plan(1), "k3", &settle("before", true));
    finish(
        stage,
        &expect![[r#"
            opened
            round 1
            before begun, attempt 1
            before in doubt, then Ask
            signal go
            before asks
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
    stage.post(plan(1), "stale", &resume(Some(7)));
    stage.post(plan(1), "k1", &resume(Some(1)));
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
fn a_gate_is_about_what_the_run_was_given() {
    let mut stage = begin(GATED);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    stage.post(plan(1), "k1", &give("tag", json!("v2"), None));
    stage.until(1, |run| run.steps.iter().any(|step| step.approvals.len() == 2));
    let run = stage.run(1).expect("it is open");
    let asked = run.steps.iter().flat_map(|step| &step.approvals);
    let asked: Vec<_> = asked.map(|approval| approval.args["inputs"]["tag"].clone()).collect();
    assert_eq!(asked, [json!("v1"), json!("v2")]);
}

pub(super) const PAUSES: &str = r#"
version: 1
name: pauses
stages:
  - {id: a, type: deterministic, action: shell, inputs: {command: '{}'}, on_success: paused}
  - {id: b, type: deterministic, action: shell, inputs: {command: '{}'}}
"#;

#[test]
fn a_resume_that_policy_would_not_allow_is_refused_and_may_come_again() {
    let mut stage = begin(PAUSES);
    stage.until(1, |run| run.state == State::Paused);
    let resume = resume(None);
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
    let why = "nobody in this run waits for `nobody`: it waits for go, or may yet";
    assert_eq!(stage.answer(1, "k1"), entity::Answer::Unawaited(why.to_owned()));
    stage.post(plan(1), "k2", &signal("go"));
    assert_eq!(stage.answer(1, "k2"), entity::Answer::Taken);
}

#[test]
fn a_signal_that_comes_when_its_step_is_over_is_told_so() {
    let routed = "name: routed
stages:
  - {id: hear, type: signal, signal: go}
  - {id: work, action: shell, inputs: {command: '{\"takes_ms\": 60000, \"says\": [\"fail\"]}'}, \
                  on_failure: BACK}
";
    for (back, expected) in [
        ("fail", Some("it waits for no signal, and will not from where it stands")),
        // The way back comes by it again.
        ("hear", None),
    ] {
        let mut stage = begin(&routed.replace("BACK", back));
        until(&mut stage, "hear", StepState::Running);
        stage.post(plan(1), "k1", &signal("go"));
        until(&mut stage, "work", StepState::Running);
        stage.post(plan(1), "k2", &signal("go"));
        let expected = match expected {
            Some(why) => {
                let why = format!("nobody in this run waits for `go`: {why}");
                entity::Answer::Unawaited(why)
            }
            None => entity::Answer::Taken,
        };
        assert_eq!(stage.answer(1, "k2"), expected, "{back}");
    }
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
    stage.post(plan(1), "k3", &give("tag", json!("v2"), None));
    until(&mut stage, "ship", StepState::AwaitsApproval);
    assert_eq!(stage.effects(1, "ship"), (0, 0));
    stage.post(plan(1), "k4", &said(3, true));
    let run = stage.finish(1);
    assert_eq!((run.state, stage.effects(1, "ship")), (State::Completed, (1, 1)));
    stage.check_replay(1);
}

#[test]
fn who_goes_on_after_a_pause_waits_for_its_locks() {
    let held = "name: held\nsteps:\n  \
                - {name: hold, command: '{\"takes_ms\": 30000, \"uses\": \"live\"}', locks: [live]}\n";
    let paused = r#"
name: pauses
stages:
  - {id: a, action: shell, inputs: {command: '{}'}, on_success: paused}
  - {id: b, action: shell, inputs: {command: '{"uses": "live"}'}, locks: [live]}
"#;
    let mut stage = begin(paused);
    stage.until(1, |run| run.state == State::Paused);
    stage.begin(2, held.to_owned().into());
    stage.until(2, |run| run.steps[0].state == StepState::Running);
    stage.post(plan(1), "k1", &resume(None));
    assert_eq!(stage.answer(1, "k1"), entity::Answer::Taken);
    let run = stage.finish(1);
    assert_eq!((run.state, stage.world.most_at_once("live")), (State::Completed, 1));
}

#[test]
fn what_was_said_in_time_counts_however_late_it_is_heard() {
    let gated = GATED.replace("command: ship it?", "command: ship it?, timeout: 60");
    for (text, step, post) in
        [(gated.as_str(), "go-on", said(1, true)), (SIGNALED, "hear", signal("go"))]
    {
        let mut stage = begin(text);
        stage.until(1, |run| {
            let state = run.steps.iter().find(|known| known.id == step).map(|step| step.state);
            [Some(StepState::AwaitsApproval), Some(StepState::Running)].contains(&state)
        });
        stage.world.crash(NODE);
        stage.post(plan(1), "k1", &post);
        stage.world.run_for(10 * A_WHILE);
        stage.world.boot_again(NODE);
        let done = stage.until(1, |run| {
            run.state.is_final()
                || run.steps.last().is_some_and(|last| {
                    !last.attempts.is_empty() || last.state == StepState::AwaitsApproval
                })
        });
        let it = done.steps.iter().find(|known| known.id == step).map(|step| step.state);
        assert_eq!(it, Some(StepState::Done), "{step}");
    }
}

#[test]
fn what_a_gate_has_allowed_is_asked_about_again_if_it_is_given_something_else() {
    let text = r#"
name: gated
inputs: {tag: {type: text, default: v1}, note: {type: text, default: n}}
steps:
  - {name: go on, type: approval_gate, command: ship it?}
  - {name: pause, command: '{"takes_ms": 60000}'}
  - {name: ship, command: '{"prints_env": "WF_TAG"}'}
"#;
    for (given, asked) in [(Some("v2"), true), (None, false)] {
        let mut stage = begin(text);
        until(&mut stage, "go-on", StepState::AwaitsApproval);
        stage.post(plan(1), "k1", &said(1, true));
        until(&mut stage, "pause", StepState::Running);
        if let Some(tag) = given {
            stage.post(plan(1), "k2", &give("tag", json!(tag), None));
        }
        if asked {
            until(&mut stage, "ship", StepState::AwaitsApproval);
            assert_eq!(stage.effects(1, "ship"), (0, 0));
            stage.post(plan(1), "k3", &said(2, true));
        }
        let run = stage.finish(1);
        assert_eq!((run.state, stage.effects(1, "ship")), (State::Completed, (1, 1)));
        stage.check_replay(1);
    }
}

#[test]
fn whoever_waits_for_a_signal_hears_it_however_many_others_wait_to_be_heard() {
    let text = "name: two\nsteps:\n  - {name: a, type: signal, signal: a}\n  \
                - {name: b, type: signal, signal: b}\n";
    let mut stage = begin(text);
    until(&mut stage, "a", StepState::Running);
    for number in 0..65 {
        stage.post(plan(1), &format!("b{number}"), &signal("b"));
    }
    let entity::Answer::Refused(why) = stage.answer(1, "b64") else { panic!("it was taken") };
    assert!(why.starts_with("64 signals wait already"), "{why}");
    stage.post(plan(1), "a", &signal("a"));
    assert_eq!(stage.answer(1, "a"), entity::Answer::Taken);
    assert_eq!(stage.finish(1).state, State::Completed);
}

#[test]
fn all_that_a_run_is_given_has_one_bound_and_all_that_it_uses_has_a_name() {
    let text = r#"
name: given
inputs: {a: {type: text, default: ""}, b: {type: text, default: ""}, level: {default: }}
steps:
  - {name: go on, type: approval_gate, command: "on?"}
  - {name: last, command: '{}', compensation: '{"prints_env": "WF_LEVEL"}'}
"#;
    let mut stage = begin(text);
    until(&mut stage, "go-on", StepState::AwaitsApproval);
    let mut taken = |key: &str, name: &str, value: &str| {
        stage.post(plan(1), key, &give(name, json!(value), None));
        stage.answer(1, key)
    };
    assert_eq!(taken("k1", "a", &"x".repeat(20_000)), entity::Answer::Version(2));
    let entity::Answer::Refused(why) = taken("k2", "b", &"x".repeat(20_000)) else {
        panic!("it was taken")
    };
    assert!(why.contains("take 40004 bytes, and 32768 is the most"), "{why}");
    assert_eq!(taken("k3", "a", "x"), entity::Answer::Version(3));
    assert_eq!(taken("k4", "b", &"x".repeat(20_000)), entity::Answer::Version(2));
    assert_eq!(taken("k5", "level", "high"), entity::Answer::Version(1));
}

#[test]
fn a_run_that_has_begun_is_not_shown_as_if_it_had_not() {
    let text = "name: rests\nsteps:\n  - {name: a, command: '{}'}\n  \
                - {name: b, command: '{\"says\": [\"busy\"]}', effect: idempotent, retry_limit: 2}\n";
    let mut stage = begin(text);
    let run = stage.until(1, |run| {
        run.steps[1].state == StepState::Waiting && !run.steps[1].attempts.is_empty()
    });
    assert_eq!(run.state, State::Running);
}
