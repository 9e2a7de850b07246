//! The ways of a plan: in order, around a failure, back, and what goes along from step to step.

use super::*;

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
