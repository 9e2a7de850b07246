//! What each judgment makes of evidence: all as it should be, and one thing after the other wrong.

use domain::approval::{Answered, Verdict};
use domain::id::Address;
use domain::run::{Replayed, Run, State};
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::verify::plans::Fails;
use crate::verify::report::Findings;
use crate::verify::{damage, drained, replays, restarts, undone};

/// What is wrong, how to make it so, and all that is told of it then.
type Row<'a, S> = (&'a str, fn(&mut S), &'a [&'a str]);

/// What is found once something is wrong in this way; each failure tells what was found instead.
fn check<S>(sound: fn() -> S, judge: fn(&S) -> Findings, rows: &[Row<'_, S>]) {
    assert_eq!(judge(&sound()).failures, Vec::<String>::new(), "nothing is wrong");
    for (wrong, spoil, expected) in rows {
        let mut seen = sound();
        spoil(&mut seen);
        assert_eq!(judge(&seen).failures, *expected, "{wrong}");
    }
}

pub(super) fn lines(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(super) fn address(number: usize) -> Address {
    format!("pln_{number:026}").parse().expect("digits make an id")
}

pub(super) fn run(number: usize, steps: Vec<Value>) -> Run {
    let run = json!({
        "id": address(number), "state": "completed", "opened_at": 1, "closed_at": 9,
        "reason": null, "seq": 1, "steps": steps,
    });
    serde_json::from_value(run).expect("it has all that a run has")
}

fn step(run: usize, name: &str) -> Value {
    json!({
        "id": name, "tool": "shell", "effect": "unsafe", "key": format!("{}/{name}", address(run)),
        "state": "done", "doubts": [], "output": {"exit": 0}, "attachments": [], "story": null,
        "attempts": [{"number": 1, "begun_at": 5, "ended_at": 6, "outcome": "done", "story": null}],
    })
}

fn doubted(mut step: Value) -> Value {
    step["doubts"] = json!([{"since": 5, "evidence": "", "settled_at": 6, "verdict": "happened"}]);
    step
}

fn allowed(run: usize, mut step: Value) -> Value {
    let id = address(run).to_string().replace("pln_", "apr_") + "-1";
    step["approvals"] = json!([{
        "id": id, "run": address(run), "step": "allowed", "about": "", "tool": "shell", "args": {},
        "digest": "", "since": 1, "until": 9,
        "answer": {"verdict": "granted", "note": null, "at": 2},
    }]);
    step
}

fn restarted() -> restarts::Seen {
    let plan = |number| {
        let rest = json!({"id": "rest", "tool": "wait", "effect": "none", "key": "none",
            "state": "done", "attempts": [], "doubts": [], "output": null, "attachments": [],
            "story": null});
        let first = doubted(step(number, "first"));
        let ask = allowed(number, step(number, "allowed"));
        run(number, vec![first, rest, step(number, "second"), ask, step(number, "last")])
    };
    let runs: Vec<Run> = (0..30).map(plan).collect();
    let keys = runs.iter().flat_map(|run| &run.steps).filter(|step| step.tool == "shell");
    let ledger = keys.map(|step| step.key.clone()).collect();
    let late = Answered { verdict: Verdict::Granted, is_first: false, instead: None };
    let restart =
        |at| restarts::Restart { after_effects: 30, killed_at: Timestamp::from_millis(at) };
    restarts::Seen { runs, ledger, late: vec![late; 30], restarts: (1..=3).map(restart).collect() }
}

#[test]
fn every_run_completes_with_every_effect_once_over_all_kills() {
    check(
        restarted,
        restarts::judge,
        &[
            (
                "a run has failed",
                |seen| seen.runs[3].state = State::Failed,
                &["runs_completed: expected 30, found 29"],
            ),
            (
                "an effect is lost",
                |seen| seen.ledger.truncate(119),
                &["effects_once: expected 120, found 119", "effects_lost: expected 0, found 1"],
            ),
            (
                "an effect that was allowed is doubled",
                |seen| seen.ledger.push(seen.ledger[2].clone()),
                &[
                    "effects_once: expected 120, found 119",
                    "effects_doubled: expected 0, found 1",
                    "approvals_used_once: expected 30, found 29",
                ],
            ),
            (
                "an effect is nobody's",
                |seen| seen.ledger.push("whose".to_owned()),
                &["effects_foreign: expected 0, found 1"],
            ),
            (
                "no kill has found anybody at work",
                |seen| seen.runs.iter_mut().for_each(|run| run.steps[0].doubts.clear()),
                &["steps_in_doubt: expected 1 or more, found 0"],
            ),
            (
                "a person was asked twice",
                |seen| {
                    let asked = seen.runs[0].steps[3].approvals[0].clone();
                    seen.runs[0].steps[3].approvals.push(asked);
                },
                &["approvals_used_once: expected 30, found 29"],
            ),
            (
                "a late answer counts",
                |seen| {
                    seen.late[7] =
                        Answered { verdict: Verdict::Denied, is_first: true, instead: None }
                },
                &["approvals_that_stay: expected 30, found 29"],
            ),
            (
                "a kill did not come",
                |seen| seen.restarts.truncate(2),
                &["kills: expected 3, found 2"],
            ),
            (
                "nothing new was begun after a kill",
                |seen| seen.restarts[2].killed_at = Timestamp::from_millis(7),
                &["restarts_that_went_on: expected 3, found 2"],
            ),
        ],
    );
}

fn replayed() -> replays::Seen {
    let pair = |number| replays::Pair {
        source: run(number, vec![step(number, "a")]),
        repeated: run(100 + number, vec![step(number, "a")]),
        replayed: [Replayed::Same { turns: 1, events: 4 }, Replayed::Same { turns: 1, events: 3 }],
        is_untouched: true,
    };
    let ledger = lines(&["a", "b"]);
    replays::Seen {
        pairs: vec![pair(1), pair(2)],
        ledger_before: ledger.clone(),
        ledger_after: ledger,
    }
}

#[test]
fn a_replay_comes_to_the_same_and_nobody_notices_it() {
    check(
        replayed,
        replays::judge,
        &[
            (
                "a history is decided in another way",
                |seen| {
                    let (recorded, decided) = ("a".to_owned(), "b".to_owned());
                    seen.pairs[1].replayed[0] = Replayed::Different { seq: 2, recorded, decided };
                },
                &["histories_decided_the_same: expected 4, found 3"],
            ),
            (
                "a repeat has failed",
                |seen| seen.pairs[0].repeated.state = State::Failed,
                &[
                    "repeats_completed: expected 2, found 1",
                    "repeats_with_the_same_outcomes: expected 2, found 1",
                ],
            ),
            (
                "a step of a repeat has brought something else",
                |seen| seen.pairs[0].repeated.steps[0].output = Some(json!({"exit": 1})),
                &["repeats_with_the_same_outcomes: expected 2, found 1"],
            ),
            (
                "the first run is not what it was",
                |seen| seen.pairs[1].is_untouched = false,
                &["histories_left_as_they_were: expected 2, found 1"],
            ),
            (
                "a repeat had an effect",
                |seen| seen.ledger_after.push("a".to_owned()),
                &["effects_added: expected 0, found 1"],
            ),
            (
                "the ledger was written anew",
                |seen| seen.ledger_after[1] = "c".to_owned(),
                &[r#"the ledger: expected ["a", "b"], found ["a", "c"]"#],
            ),
            (
                "nothing was replayed",
                |seen| seen.pairs.clear(),
                &["runs: expected 1 or more, found 0"],
            ),
        ],
    );
}

fn taken_back() -> Vec<undone::Seen> {
    let seen = |fails| undone::Seen {
        fails,
        state: State::Failed,
        ledger: lines(&["a", "b", "undo b", "undo a"]),
    };
    vec![seen(Fails::ByCode), seen(Fails::BySignal)]
}

#[test]
fn what_was_done_is_taken_back_once_and_in_reverse() {
    let told = r#"expected ["a", "b", "undo b", "undo a"], found"#;
    let swapped =
        format!(r#"effects where a step fails by_code: {told} ["a", "b", "undo a", "undo b"]"#);
    let twice = format!(
        r#"effects where a step fails by_signal: {told} ["a", "b", "undo b", "undo a", "undo a"]"#
    );
    let count = "plans_taken_back_in_reverse: expected 2, found 1";
    check(
        taken_back,
        |seen| undone::judge(seen),
        &[
            (
                "a plan has completed",
                |seen| seen[0].state = State::Completed,
                &["plans_failed: expected 2, found 1"],
            ),
            ("the order is wrong", |seen| seen[0].ledger.swap(2, 3), &[count, &swapped]),
            (
                "one is taken back twice",
                |seen| seen[1].ledger.push("undo a".to_owned()),
                &[count, &twice],
            ),
        ],
    );
}

fn drained() -> drained::Seen {
    drained::Seen {
        second: Some(2),
        first: Some(0),
        ledger_between: lines(&["begun", "ended"]),
        ledger: lines(&["begun", "ended", "next"]),
        run: run(1, vec![step(1, "patient"), step(1, "next")]),
    }
}

#[test]
fn a_node_that_is_told_to_stop_cuts_nothing_off_and_has_its_folder_alone() {
    check(
        drained,
        drained::judge,
        &[
            (
                "a second node ran",
                |seen| seen.second = Some(0),
                &[
                    "second_nodes_refused: expected 1, found 0",
                    "the exit code of a second node: expected Some(2), found Some(0)",
                ],
            ),
            (
                "a signal has ended the first",
                |seen| seen.first = None,
                &[
                    "nodes_ended_in_order: expected 1, found 0",
                    "the exit code of a node that is told to stop: expected Some(0), found None",
                ],
            ),
            (
                "the next step began too early",
                |seen| seen.ledger_between.push("next".to_owned()),
                &[
                    r#"effects before the next start: expected ["begun", "ended"], found ["begun", "ended", "next"]"#,
                ],
            ),
            (
                "it did not go on",
                |seen| {
                    seen.run.state = State::Failed;
                    seen.ledger.pop();
                },
                &[
                    r#"effects in the end: expected ["begun", "ended", "next"], found ["begun", "ended"]"#,
                    "runs_completed: expected 1, found 0",
                ],
            ),
            (
                "what ran was cut off, and begun again",
                |seen| {
                    seen.run = run(1, vec![doubted(step(1, "patient")), step(1, "next")]);
                    let first = seen.run.steps[0].attempts[0].clone();
                    seen.run.steps[0].attempts.push(first);
                },
                &["steps_cut_off: expected 0, found 1", "attempts: expected 2, found 3"],
            ),
        ],
    );
}

fn damaged() -> damage::Seen {
    damage::Seen {
        flipped: [7, 7],
        is_restored: false,
        served: 0,
        refused: 11,
        put_aside: 1,
        sound: 2,
    }
}

#[test]
fn what_is_damaged_is_never_served_and_the_rest_is() {
    check(
        damaged,
        damage::judge,
        &[
            (
                "nothing was damaged",
                |seen| seen.flipped = [7, 0],
                &["places_in_a_run_that_waited: expected 1 or more, found 0"],
            ),
            (
                "the damaged copy was put back",
                |seen| seen.is_restored = true,
                &["copies_put_back: expected 0, found 1"],
            ),
            (
                "a damaged run was shown",
                |seen| (seen.served, seen.refused) = (1, 10),
                &[
                    "questions_served_as_good: expected 0, found 1",
                    "questions_refused: expected 11, found 10",
                ],
            ),
            (
                "a damaged run went on",
                |seen| seen.put_aside = 0,
                &["runs_put_aside: expected 1, found 0"],
            ),
            (
                "a sound run was refused",
                |seen| seen.sound = 1,
                &["sound_runs_served: expected 2, found 1"],
            ),
        ],
    );
}
