//! What people mistype, overdo and ask too late: one answer each, which says what to do.

use serde_json::{Value, json};

use super::scripts::{shell, until, with};
use super::{Node, check_refused, text};

/// Runs this text as a script, and expects these parts in the refusal.
fn check_script(node: &Node, script: &str, parts: &[&str]) {
    let path = node.folder.path().join("wrong.json");
    std::fs::write(&path, script).expect("the folder is ours");
    let ended = node.run(&["run", text(&path)]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.len() < 2_000, "too long to read: {}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
}

fn script(steps: Value) -> String {
    json!({"version": 1, "rounds": [{"steps": steps}]}).to_string()
}

#[test]
fn a_script_that_cannot_be_run_is_refused_with_all_that_is_wrong() {
    let node = Node::start();
    let check = |text: &str, parts: &[&str]| check_script(&node, text, parts);
    let wrong = "wrong.json: line 1, column 1: ";
    check("rounds: []", &["the plan cannot be run", wrong, "scripts are JSON"]);
    check("", &["the text is empty"]);
    check(r#"{"rounds": ["#, &["line 1, column ", "no JSON"]);
    let after = |id: &str, after: &str| with(shell(id, "true"), json!({"after": [after]}));
    check(&script(json!([after("a", "b"), after("b", "a")])), &["a, b wait for each other"]);
    let many: Vec<Value> = (0..10_000).map(|number| shell(&format!("s{number}"), "true")).collect();
    check(&script(json!(many)), &["10000 steps", "25 is the most", "split it"]);
    let unknown = json!([{"id": "a", "tool": "shel", "args": {}}]);
    check(&script(unknown), &["step a", "no tool `shel`", "did you mean `shell`?"]);
    let wrong = json!([
        {"id": "a", "tool": "shell", "args": {"comand": "true"}},
        {"id": "b", "tool": "http", "args": {"url": "ftp://example.org"}},
    ]);
    check(&script(wrong), &["step a", "comand", "step b", "ftp"]);
    assert!(node.said(&["runs"]).contains("there are no runs"), "something was begun");
}

#[test]
fn what_is_too_big_for_the_door_is_refused_with_what_to_do() {
    let node = Node::start();
    let huge = script(json!([shell("a", &"x".repeat(10 << 20))]));
    check_script(
        &node,
        &huge,
        &["the most", "rounds[0].steps[0].args.command: has 10485760 bytes", "file"],
    );
    // One that the door takes, and no step may have.
    let big = script(json!([shell("a", &"x".repeat(100_000))]));
    check_script(&node, &big, &["100014 bytes", "65536 is the most", "file"]);
}

#[test]
fn a_script_that_is_not_there_is_named() {
    let node = Node::start();
    let path = node.folder.path().join("nowhere.json");
    let refused = ["run", text(&path), "--data", node.data()];
    check_refused(&refused, 2, &["cannot read the plan", "nowhere.json"]);
    let refused = ["run", node.data(), "--data", node.data()];
    check_refused(&refused, 2, &["cannot read the plan"]);
}

#[test]
fn a_run_that_is_unknown_or_over_is_told_apart() {
    let node = Node::start();
    let data = node.data();
    let nobody = "pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3";
    let there_is_no = format!("there is no {nobody}");
    for verb in ["show", "cancel", "verify", "plan", "resume"] {
        let refused = ["run", verb, nobody, "--data", data];
        check_refused(&refused, 1, &[&there_is_no, "lares runs"]);
    }
    let settle = format!("{nobody}/a");
    let refused = ["doubt", "settle", &settle, "--happened", "--data", data];
    check_refused(&refused, 1, &[&there_is_no]);
    let misspelt = node.run(&["run", "show", "pln_7"]);
    assert_eq!(misspelt.code, Some(2), "{misspelt:?}");
    assert!(misspelt.stderr.contains("`pln_7` is no address"), "{}", misspelt.stderr);

    let run = node.open(json!([shell("a", "true")]));
    let is_over = || (node.told(&["run", "show", &run])["state"] == "completed").then_some(());
    until("it has completed", is_over);
    let has_ended = format!("{run} has ended");
    let cancel = ["run", "cancel", &run, "--data", data];
    check_refused(&cancel, 1, &[&has_ended, "lares run PLAN"]);
}
