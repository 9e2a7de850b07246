//! What decides where a plan goes: its text as it was begun, and nothing that anybody says later.

use serde_json::json;

use super::{is_over, state_of, step, story};
use crate::node::{Node, text, until};

/// Words that would lead elsewhere if anybody listened to them.
const TEMPTATIONS: [&str; 6] = [
    "on_success: done",
    "skip tests",
    "{\"route\": \"fail\"}",
    "on_failure: rollback",
    "IGNORE ALL STAGES AND GO TO done",
    "status: failed, exit 1",
];

#[test]
fn nothing_that_a_step_says_changes_where_its_plan_goes() {
    let node = Node::start();
    let stories = |said: &str| {
        let workflow = json!({
            "name": "heard",
            "inputs": {"said": said},
            "steps": [
                {"name": "first", "command": "echo \"$WF_SAID\"; echo \"$WF_SAID\" >&2"},
                {"name": "tests", "command": "true"},
                {"name": "never", "command": "true", "condition": "previous.failed"},
                {"name": "red", "command": "echo \"$WF_SAID\"; false", "on_failure": "continue"},
                {"name": "last", "command": "true", "condition": "previous.failed"},
            ],
            "rollback": [{"name": "undo", "command": "true"}],
        });
        let blueprint = json!({
            "version": 1, "name": "heard", "inputs": {"said": said},
            "stages": [
                {"id": "first", "action": "shell", "outputs": ["words"], "on_success": "tests",
                 "inputs": {"command": "cat", "input": {"from": "said"}}},
                {"id": "never", "action": "shell", "inputs": {"command": "true"},
                 "on_success": "tests"},
                {"id": "tests", "action": "shell", "on_success": "done",
                 "inputs": {"command": "cat; echo done", "input": {"from": "words"}}},
            ],
        });
        [workflow, blueprint].map(|plan| {
            let run = node.begin_plan(&plan.to_string(), &[]);
            story(&node.finished(&run))
        })
    };
    let expected = [
        "completed: first done, tests done, never skipped, red failed, last done",
        "completed: first done, tests done",
    ];
    for said in ["nothing of interest"].iter().chain(&TEMPTATIONS) {
        assert_eq!(stories(said), expected, "{said}");
    }
}

#[test]
fn a_rehearsal_begins_nothing_and_writes_nothing() {
    let node = Node::start();
    let place = node.workspace("stage");
    let plan = r#"
name: rehearsed
inputs: {mark: touched}
steps:
  - {name: touch it, command: touch "$WF_MARK", compensation: rm "$WF_MARK"}
  - {name: may it go on?, type: approval_gate}
  - {name: ask, type: http, command: 'POST http://127.0.0.1:9/', on_failure: rollback}
rollback:
  - {name: touch it again, command: touch again}
"#;
    let lines = || node.read("/v1/audit")["lines"].as_array().map(Vec::len);
    let (before, tree) = (lines(), node.read("/v1/tree"));
    let query = [("workspace", text(&place)), ("dry_run", "true")];
    let answer = node.send_plan(plan, &query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    assert_eq!(told["inputs"], json!({"mark": "touched"}));
    let ids = |list: &str| {
        let steps = told[list].as_array().expect("a list").iter();
        steps.map(|step| step["id"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("steps"), ["touch-it", "may-it-go-on", "ask"]);
    assert_eq!(ids("rollback"), ["touch-it-again"]);
    assert_eq!(told["steps"][0]["undo"]["args"]["command"], "rm \"$WF_MARK\"");
    assert_eq!(told["steps"][1]["approval"], "may it go on?");
    assert_eq!(told["steps"][2]["on_failure"], "rollback");

    assert_eq!(node.read("/v1/runs")["runs"], json!([]));
    assert_eq!(node.read("/v1/approvals")["approvals"], json!([]));
    assert_eq!(lines(), before);
    let count = |tree: &serde_json::Value| tree.to_string().matches("\"incarnation\"").count();
    assert_eq!(count(&node.read("/v1/tree")), count(&tree));
    assert_eq!(std::fs::read_dir(&place).expect("it is ours").count(), 0);
    let faulty = node.send_plan("name: n\nsteps: [{name: a, command: x, tmeout: 1}]", &query);
    assert_eq!((faulty.status, faulty.json()["error"]["code"].as_str()), (400, Some("faults")));
}

#[test]
fn a_run_keeps_the_plan_that_it_began_with() {
    let node = Node::start();
    let file = node.folder.path().join("plan.yaml");
    let plan = |word: &str| {
        format!(
            "name: kept\nsteps:\n  - {{name: hear, type: signal, signal: go}}\n  \
             - {{name: say, command: echo {word}}}\n"
        )
    };
    std::fs::write(&file, plan("old")).expect("it is ours");
    let run = node.run(&["run", text(&file)]).stdout.trim_end().to_owned();
    node.await_step(&run, "hear", "running");
    std::fs::write(&file, plan("new")).expect("it is ours");
    node.say(&format!("/v1/runs/{run}/signals/go"), &json!({}));
    let shown = node.finished(&run);
    assert_eq!(step(&shown, "say")["output"]["stdout"], "old\n");
    assert_eq!(node.door(&format!("GET /v1/runs/{run}/plan"), "").body, plan("old"));
}

#[test]
fn a_plan_that_has_paused_goes_on_when_somebody_says_so() {
    let node = Node::start();
    let place = node.workspace("paused");
    let plan = r#"
version: 1
name: pauses
stages:
  - {id: look, action: shell, inputs: {command: test -e mended}, on_failure: paused}
  - {id: rest, action: shell, inputs: {command: "true"}}
"#;
    let run = node.begin_plan(plan, &[("workspace", text(&place))]);
    let shown = until("it has paused", || {
        let shown = node.look(&run);
        assert!(!is_over(&shown), "{shown:#}");
        (shown["state"] == "paused").then_some(shown)
    });
    assert_eq!(state_of(&shown, "look"), "failed");
    std::fs::write(place.join("mended"), "").expect("it is ours");
    node.say(&format!("/v1/runs/{run}/resume"), &json!({"note": "it is mended"}));
    let shown = node.finished(&run);
    assert_eq!(shown["state"], "completed", "{shown:#}");
    assert_eq!([state_of(&shown, "look~2"), state_of(&shown, "rest")], ["done", "done"]);
}
