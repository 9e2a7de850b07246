//! Crashes at every touch of a port, in written plans: whatever is cut off, the story is the same.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::tool::Effect;
use expect_test::{Expect, expect};
use work::plan::{Ending, Event, tell};

use super::NODE;
use super::checker::check;
use super::stage::Stage;

/// Longer than every wait, doubt and answer of these plans together.
const OVER_WITHIN: Duration = Duration::from_secs(300);
/// Where a write may last or be forgotten chance decides: one touch meets the one, the next the other.
const SEEDS: [u64; 2] = [1, 2];

/// All that a workflow can do, until its last step fails.
const WORKFLOW: &str = r#"
name: ship
inputs: {tag: {type: text, default: v1}}
steps:
  - {name: make, command: '{}', effect: keyed, compensation: {command: '{}', effect: keyed}}
  - {name: hear, type: signal, signal: go, timeout: 10m}
  - name: move
    command: '{}'
    check: {tool: look}
    compensation: {command: '{"passes": ["fail"]}', effect: keyed}
  - {name: rest, type: wait, for: 1s}
  - {name: gate, type: approval_gate, timeout: 10m}
  - {name: hear again, type: signal, signal: go, timeout: 10m}
  - name: ship
    command: '{}'
    approval_required: yes
    compensation: {command: '{}', check: {tool: look}}
  - {name: tag, command: '{}', compensation: '{}'}
  - {name: last, command: '{"passes": ["fail"]}', on_failure: rollback}
rollback:
  - {name: tell, command: '{}', effect: idempotent}
  - {name: clear, command: '{}', effect: keyed}
"#;

/// It comes by three times, asks each time, and pauses until somebody resumes it.
const BLUEPRINT: &str = r#"
version: 1
name: mend
stages:
  - {id: test, action: shell, inputs: {command: '{"passes": ["fail", "fail", "ok"]}'},
     effect: idempotent, retry_limit: 2, on_success: halt, on_failure: fix}
  - {id: fix, action: shell, inputs: {command: '{}'}, check: {tool: look}, on_success: test,
     approval_required: yes,
     compensation: {action: shell, inputs: {command: '{}'}, effect: keyed}}
  - {id: halt, action: shell, inputs: {command: '{"passes": ["fail", "ok"]}'}, effect: keyed,
     on_failure: paused, on_success: done}
"#;

/// Somebody has enough of it when they are asked.
const CANCELED: &str = r#"
name: enough
steps:
  - {name: a, command: '{}', compensation: {command: '{}', effect: keyed}}
  - {name: b, command: '{}', effect: keyed, compensation: {command: '{}', check: {tool: look}}}
  - {name: c, command: '{}', approval: {about: enough}}
rollback:
  - {name: tell, command: '{}', effect: keyed}
"#;

/// Somebody says no to what goes on whatever happens.
const DENIED: &str = r#"
name: denied
steps:
  - {name: a, command: '{}', effect: keyed, compensation: {command: '{}', effect: keyed}}
  - {name: b, command: '{}', approval: {about: 'no'}, on_failure: continue}
  - {name: c, command: '{}', condition: previous.failed, check: {tool: look}}
"#;

/// What is the same however often its node has crashed.
#[derive(Debug, PartialEq)]
struct Told {
    story: Vec<String>,
    /// How often whatever must not happen twice has happened.
    effects: BTreeMap<String, u32>,
}

fn told(stage: &Stage) -> Told {
    let plan = stage.plans().into_iter().next().expect("one was opened");
    let history = stage.history(plan);
    let mut story: Vec<String> = Vec::new();
    for line in history.iter().filter_map(|past| line(&past.event)) {
        // A step that was cut off is begun again under the same number.
        if !line.contains(" begins ") || !story.contains(&line) {
            story.push(line);
        }
    }
    let run = tell::run(plan, &history).expect("it was opened");
    let effects = run.steps.into_iter().map(|step| {
        let most = if step.effect == Effect::Idempotent { 1 } else { u32::MAX };
        let effects = stage.done(plan, &step.id).effects.min(most);
        (step.id, effects)
    });
    Told { story, effects: effects.collect() }
}

/// Without the doubts, and without what comes whenever people like.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::Planned(planned) => Some(format!("round {}~{}", planned.round, planned.pass)),
        Event::Begun(begun) => {
            let by = begun.approval.map_or(String::new(), |number| format!(" by {number}"));
            Some(format!("{} begins {}{by}", begun.step, begun.attempt))
        }
        Event::Ended(ended) => Some(format!("{} {}", ended.step, word(&ended.ending))),
        Event::Settled(settled) => settled.happened.then(|| format!("{} is done", settled.step)),
        Event::Rested(rested) => Some(format!("{} rests after {}", rested.step, rested.attempt)),
        Event::Sought(sought) => Some(format!("{} seeks {}", sought.step, sought.number)),
        Event::Answered(answered) => {
            Some(format!("{} is {}", answered.step, answered.verdict.word()))
        }
        Event::Paused(paused) => Some(format!("paused: {}", paused.reason)),
        Event::Resumed(_) => Some("resumed".to_owned()),
        Event::Undoing(undoing) => Some(format!("undoing, then {:?}", undoing.outcome)),
        Event::Cancelling(_) => Some("canceling".to_owned()),
        Event::Closed(closed) => {
            let left: Vec<&str> = closed.left.iter().map(|left| left.step.as_str()).collect();
            Some(format!("{:?}, {left:?} stays", closed.outcome))
        }
        Event::Opened(_)
        | Event::Doubted(_)
        | Event::Checking(_)
        | Event::Unclear(_)
        | Event::Asked(_)
        | Event::Signaled(_)
        | Event::Given(_)
        | Event::Reused(_) => None,
    }
}

fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Done(_) => "is done",
        Ending::Failed(_) => "has failed",
        Ending::Skipped(_) => "is skipped",
        Ending::Stopped(_) => "is stopped",
    }
}

/// What it comes to without a crash, and how many touches of a port that takes.
fn undisturbed(seed: u64, text: &str) -> (Told, u64) {
    let mut stage = Stage::new(seed);
    let before = stage.world.touches(NODE);
    stage.open("one", text.to_owned());
    stage.finish(OVER_WITHIN);
    check(&stage);
    (told(&stage), stage.world.touches(NODE) - before)
}

/// One crash before each touch of a port, and the story of a run without any.
fn crash_everywhere(text: &str, expected: &Expect) {
    let [(undisturbed, touches), (other, touches_of_other)] =
        SEEDS.map(|seed| undisturbed(seed, text));
    expected.assert_eq(&(undisturbed.story.join("\n") + "\n"));
    assert_eq!(other, undisturbed);
    let touches = touches.min(touches_of_other);
    for (touch, seed) in (0..touches).zip(SEEDS.into_iter().cycle()) {
        let mut stage = Stage::new(seed);
        stage.open("one", text.to_owned());
        stage.world.crash_after(NODE, touch);
        stage.finish(OVER_WITHIN);
        let crashes = stage.world.lines().iter().filter(|line| line.what == "crashed").count();
        assert_eq!(crashes, 1, "it crashes at touch {touch}");
        check(&stage);
        assert_eq!(told(&stage), undisturbed, "seed {seed}, touch {touch}");
    }
    eprintln!("{touches} touches");
}

#[test]
fn a_crash_anywhere_in_a_plan_that_fails_changes_nothing_of_what_is_done_and_taken_back() {
    crash_everywhere(
        WORKFLOW,
        &expect![[r#"
        round 1~1
        make begins 1
        make is done
        round 2~1
        hear begins 1
        hear is done
        round 3~1
        move begins 1
        move is done
        round 4~1
        rest begins 1
        rest is done
        round 5~1
        gate seeks 1
        gate is granted
        gate begins 1 by 1
        gate is done
        round 6~1
        hear-again begins 1
        hear-again is done
        round 7~1
        ship seeks 2
        ship is granted
        ship begins 1 by 2
        ship is done
        round 8~1
        tag begins 1
        tag is done
        round 9~1
        last begins 1
        last has failed
        undoing, then Failed
        tag~undo begins 1
        tag~undo is done
        ship~undo begins 1
        ship~undo is done
        move~undo begins 1
        move~undo has failed
        make~undo begins 1
        make~undo is done
        tell~rollback begins 1
        tell~rollback is done
        clear~rollback begins 1
        clear~rollback is done
        Failed, ["move~undo"] stays
    "#]],
    );
}

#[test]
fn a_crash_anywhere_in_a_plan_that_leads_back_and_pauses_changes_nothing_of_its_way() {
    crash_everywhere(
        BLUEPRINT,
        &expect![[r#"
        round 1~1
        test begins 1
        test rests after 1
        test begins 2
        test has failed
        round 2~1
        fix seeks 1
        fix is granted
        fix begins 1 by 1
        fix is done
        round 1~2
        test~2 begins 1
        test~2 rests after 1
        test~2 begins 2
        test~2 has failed
        round 2~2
        fix~2 seeks 2
        fix~2 is granted
        fix~2 begins 1 by 2
        fix~2 is done
        round 1~3
        test~3 begins 1
        test~3 is done
        round 3~1
        halt begins 1
        halt has failed
        paused: step halt failed
        resumed
        round 3~2
        halt~2 begins 1
        halt~2 is done
        Completed, [] stays
    "#]],
    );
}

#[test]
fn a_crash_anywhere_in_a_plan_that_is_canceled_takes_back_the_same() {
    crash_everywhere(
        CANCELED,
        &expect![[r#"
        round 1~1
        a begins 1
        a is done
        round 2~1
        b begins 1
        b is done
        round 3~1
        c seeks 1
        canceling
        c is void
        c is skipped
        undoing, then Canceled
        b~undo begins 1
        b~undo is done
        a~undo begins 1
        a~undo is done
        tell~rollback begins 1
        tell~rollback is done
        Canceled, [] stays
    "#]],
    );
}

#[test]
fn a_crash_anywhere_in_a_plan_that_is_denied_changes_nothing_of_what_follows() {
    crash_everywhere(
        DENIED,
        &expect![[r#"
        round 1~1
        a begins 1
        a is done
        round 2~1
        b seeks 1
        b is denied
        b has failed
        round 3~1
        c begins 1
        c is done
        Completed, [] stays
    "#]],
    );
}
