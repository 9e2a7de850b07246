use domain::approval::{Answer, ApprovalId, Verdict};
use domain::run::{Descent, Effects, Given, Left, Lineage, State, StepState, Text, Workspace};
use domain::tool::Effect;
use expect_test::expect;
use serde_json::json;

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000 + seconds * 1_000)
}

fn approval(number: u32, answer: Option<Answer>) -> Approval {
    Approval {
        id: ApprovalId { run: sample::id(), number },
        run: sample::id(),
        step: "push".to_owned(),
        about: "May it go out?".to_owned(),
        tool: "http".to_owned(),
        args: json!({}),
        digest: "00ff".to_owned(),
        since: at(2),
        until: at(2 + 3 * 3_600),
        answer,
    }
}

/// A run of a written plan in which nothing is left out.
fn written() -> Run {
    let answer =
        Answer { verdict: Verdict::Denied, note: Some("not on a Friday".to_owned()), at: at(3) };
    let push = Step {
        title: "Push it out".to_owned(),
        state: StepState::AwaitsApproval,
        approvals: vec![approval(1, Some(answer)), approval(2, None)],
        ..sample::step("push", "http", Effect::Unsafe)
    };
    let given = |value, version| Given { value, version };
    Run {
        state: State::Paused,
        reason: Some("its plan says so".to_owned()),
        name: Some("Deploy\u{1b}[2J".to_owned()),
        text: Some(Text { file: Some("/srv/deploy.yaml".to_owned()), digest: "00".to_owned() }),
        inputs: [
            ("depth".to_owned(), given(json!(3), 1)),
            ("tag".to_owned(), given(json!("v2"), 2)),
        ]
        .into(),
        workspace: Some(Workspace {
            id: "shop".to_owned(),
            path: "/srv/shop".to_owned(),
            branch: None,
        }),
        lineage: Some(Lineage {
            run: sample::id(),
            how: Descent::Fork,
            at: 12,
            from: Some("push".to_owned()),
            effects: Effects::RequireHuman,
        }),
        taken_up: 4,
        steps: vec![push],
        left: vec![Left { step: "build".to_owned(), why: "nothing takes it back".to_owned() }],
        ..sample::run()
    }
}

#[test]
fn a_run_of_a_written_plan_says_what_it_was_given_and_where_it_comes_from() {
    expect![[r#"
        pln_00000000000000000000000000  paused: its plan says so
        it goes on with: lares run resume pln_00000000000000000000000000 --at 4
        name       Deploy [2J
        file       /srv/deploy.yaml
                   the file has changed since: this run keeps what it began with (lares run plan pln_00000000000000000000000000)
        input      depth=3
        input      tag=v2 (version 2)
        workspace  /srv/shop (shop)
        lineage    fork of pln_00000000000000000000000000 up to event 12, its own way from push on; every effect from there on, each after a person allows it

        push  http  awaits approval  Push it out
          approval   +2s  denied: not on a Friday
                     May it go out?
          approval   +2s  waits 3h 0m for an answer: lares approve apr_00000000000000000000000000-2 (or lares deny apr_00000000000000000000000000-2)
                     May it go out?

        NOT TAKEN BACK
          build  nothing takes it back
    "#]]
    .assert_eq(&tell(&written(), File::Changed));
}

#[test]
fn a_file_that_is_the_same_or_unknown_is_no_news() {
    for file in [File::Same, File::Unknown] {
        assert!(!tell(&written(), file).contains("has changed"), "{file:?}");
    }
}

#[test]
fn a_run_of_a_script_has_no_head() {
    let run = Run {
        state: State::Undoing,
        steps: vec![sample::step("a", "shell", Effect::None)],
        ..sample::run()
    };
    expect![[r#"
        pln_00000000000000000000000000  undoing
        it takes back what it has done, and ends then

        a  shell  waiting
    "#]]
    .assert_eq(&tell(&run, File::Unknown));
}
