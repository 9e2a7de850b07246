//! What runs share: their inputs, which many may change, and lanes, which have room for few.

use std::thread;

use serde_json::{Value, json};

use super::{Door, contents, step};
use crate::node::{Node, text};

const WRITERS: usize = 100;

/// Adds one to the input `count`, as often as it takes until nobody was faster.
fn add_one(door: &Door, run: &str) {
    let mut given = door.ask(&format!("GET /v1/runs/{run}"), "").json()["inputs"]["count"].clone();
    loop {
        let next = given["value"].as_u64().expect("it is a number") + 1;
        let body = json!({"value": next, "version": given["version"]}).to_string();
        let answer = door.ask(&format!("PUT /v1/runs/{run}/inputs/count"), &body);
        match answer.status {
            200 => return,
            // The first version is 0, and each further one adds one.
            409 => {
                let version = version(&answer.body);
                given = json!({"value": version - 1, "version": version});
            }
            // Its inbox is full for a moment.
            status => assert_eq!(status, 429, "{}", answer.body),
        }
    }
}

/// The one that a refusal tells.
fn version(refusal: &str) -> u64 {
    let (_, told) = refusal.split_once("meanwhile: it is version ").expect(refusal);
    let (version, _) = told.split_once(',').expect(refusal);
    version.parse().expect(refusal)
}

#[test]
fn no_update_of_an_input_is_lost_among_a_hundred_writers() {
    let node = Node::start();
    let plan = r#"
name: counted
inputs: {count: 0}
steps:
  - {name: hear, type: signal, signal: all of them}
  - {name: tell, command: echo "$WF_COUNT"}
"#;
    let run = node.begin_plan(plan, &[]);
    node.await_step(&run, "hear", "running");
    let door = Door::of(&node);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| add_one(&door, &run));
        }
    });
    let given = node.look(&run)["inputs"]["count"].clone();
    assert_eq!(given, json!({"value": WRITERS, "version": WRITERS + 1}));
    node.say(&format!("/v1/runs/{run}/signals/all%20of%20them"), &json!({}));
    let shown = node.finished(&run);
    assert_eq!(step(&shown, "tell")["output"]["stdout"], format!("{WRITERS}\n"));
}

#[test]
fn a_lane_for_three_never_has_four_retries_included() {
    const RUNS: usize = 8;
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("lares.toml"), "[lanes]\nshell = 3\n").expect("it is ours");
    let node = Node::start_on(folder);
    let place = node.workspace("place");
    // Each fails when it is tried first.
    let plan = r#"
name: narrow
inputs: {n: 0}
steps:
  - name: a
    command: echo + >> log; sleep 0.2; echo - >> log; mkdir "seen$WF_N" && exit 1; true
    effect: idempotent
    retry_limit: 2
"#;
    let run = |number: usize| {
        let input = format!("n={number}");
        node.begin_plan(plan, &[("workspace", text(&place)), ("input", &input)])
    };
    let runs: Vec<String> = (0..RUNS).map(run).collect();
    for run in &runs {
        let shown: Value = node.finished(run);
        assert_eq!(shown["state"], "completed", "{shown:#}");
        assert_eq!(step(&shown, "a")["attempts"].as_array().map(Vec::len), Some(2), "{shown:#}");
    }
    let log = contents(&place.join("log"));
    let at_once = log.lines().scan(0_i32, |running, line| {
        *running += if line == "+" { 1 } else { -1 };
        Some(*running)
    });
    assert_eq!(at_once.max(), Some(3), "{log}");
    assert_eq!(log.lines().count(), RUNS * 2 * 2);
}
