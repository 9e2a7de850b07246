//! What people get wrong about written plans: one answer each, which says what and what to do.

use serde_json::{Value, json};

use super::Query;
use crate::node::{Answer, Node, text, until};

const STEP: &str = "name: n\nsteps:\n  - name: a\n";
const STAGE: &str = "version: 1\nname: n\nstages:\n  - id: a\n";

/// A plan, what comes with it, and what has to be in the answer.
type Plan<'a> = (String, Query<'a>, &'a [&'a str]);

fn step(more: &str) -> String {
    format!("{STEP}    {more}\n")
}

fn stage(more: &str) -> String {
    format!("{STAGE}    action: shell\n    inputs: {{command: x}}\n    {more}\n")
}

fn given(input: &str) -> String {
    format!("name: n\ninputs: {{{input}}}\nsteps: [{{name: a, command: x}}]")
}

/// What is wrong with an answer that should have this status and say all of these.
fn wrong(what: &str, answer: &Answer, status: u16, parts: &[&str]) -> Option<String> {
    let told = answer.body.trim();
    let error = &answer.json()["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let lacking: Vec<&&str> = parts.iter().filter(|part| !message.contains(**part)).collect();
    let is_right = answer.status == status && error["code"].is_string() && lacking.is_empty();
    (!is_right).then(|| format!("{what}: {} lacks {lacking:?}: {told}", answer.status))
}

fn check(what: &str, answer: &Answer, status: u16, parts: &[&str]) {
    if let Some(wrong) = wrong(what, answer, status, parts) {
        panic!("{wrong}");
    }
}

#[test]
fn a_plan_that_cannot_run_is_refused_with_its_place_and_what_to_write() {
    let node = Node::start();
    let count = "count: {type: number}";
    let rows: Vec<Plan<'_>> = vec![
        (String::new(), &[], &["line 1", "the text is empty", "`stages`", "`steps`"]),
        ("name: n\nstep: []".to_owned(), &[], &["line 2", "did you mean `steps`?"]),
        ("name: n\nrounds: []".to_owned(), &[], &["line 2", "scripts are JSON"]),
        (step("comand: x"), &[], &["line 4", "`comand`", "did you mean `command`?"]),
        (step("type: shel"), &[], &["line 4", "`shel`", "did you mean `shell`?"]),
        (step("type: wait"), &[], &["line 3", "write `for: 2h`"]),
        (step("{type: wait, for: 9d}"), &[], &["line 4"]),
        (
            step("command: x\n    timeout: 2d"),
            &[],
            &["line 5", "`timeout` is `2d`", "1d is the most"],
        ),
        (step("command: x\n    condition: previous.okay"), &[], &["line 5", "`previous.ok`?"]),
        (step("command: x\n    on_failure: retry"), &[], &["line 5", "`retry`", "rollback"]),
        (step("command: x\n    retry_limit: 11"), &[], &["line 5", "from 0 to 10"]),
        (
            step("command: x\n    retry_limit: 2"),
            &[],
            &["line 3", "never repeated blindly", "give it a check"],
        ),
        (step("command: x\n  - name: a\n    command: y"), &[], &["line 5", "`a` is doubled"]),
        (step("command: x: y"), &[], &["line 4"]),
        (step("type: http\n    command: ftp://x/"), &[], &["line 3", "http"]),
        (step("type: http\n    command: $WF_URL"), &[], &["line 5", "declare one under `inputs`"]),
        (stage("on_success: b"), &[], &["line 7", "`b`, which is no stage", "done, fail, paused"]),
        (stage("on_success: a"), &[], &["line 4", "for ever"]),
        (stage("effct: none"), &[], &["line 7", "did you mean `effect`?"]),
        (stage("type: agnet"), &[], &["line 7", "did you mean `agent`?"]),
        (
            STAGE.to_owned() + "    action: run_test\n",
            &[],
            &["line 5", "did you mean `run_tests`?"],
        ),
        (STAGE.to_owned() + "    action: shell\n", &[], &["line 4", "`shell` needs `command`"]),
        (
            STAGE.to_owned() + "    action: run_tests\n",
            &[],
            &["line 4", "workspace", "--workspace DIR"],
        ),
        (given(count), &[], &["line 2", "needs the input `count`", "--input count=…"]),
        (given(count), &[("input", "count=many")], &["`count`", "`many`", "must be a number"]),
        (given(count), &[("input", "cuont=1")], &["no input `cuont`", "did you mean `count`?"]),
        (step("command: x"), &[("input", "a=1")], &["no input `a`", "takes none"]),
        (step("command: x"), &[("input", "a")], &["`a`", "NAME=VALUE"]),
        (step("command: x"), &[("workspace", "shop")], &["`shop`", "an absolute path"]),
        (step("command: x"), &[("branch", "main")], &["a workspace"]),
        (step("command: x"), &[("wrkspace", "/")], &["`wrkspace`", "did you mean `workspace`?"]),
        (step("command: x"), &[("dry_run", "maybe")], &["`maybe`", "true or false"]),
        (
            json!({"version": 1, "rounds": []}).to_string(),
            &[("input", "a=1")],
            &["a script takes no inputs"],
        ),
    ];
    assert!(30 <= rows.len());
    let wrong = rows.iter().filter_map(|(plan, query, parts)| {
        let what = format!("{plan} {query:?}");
        wrong(&what, &node.send_plan(plan, query), 400, parts)
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(node.read("/v1/runs")["runs"], json!([]), "something was begun");
}

#[test]
fn faults_of_a_plan_are_read_at_the_program_too() {
    let node = Node::start();
    let file = node.folder.path().join("wrong.yaml");
    let two = step("comand: x\n    condition: previous.okay");
    std::fs::write(&file, two).expect("it is ours");
    let ended = node.run(&["run", text(&file)]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for part in ["line 4", "did you mean `command`?", "line 5", "did you mean `previous.ok`?"] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[test]
fn a_workspace_that_is_not_there_fails_the_step_with_its_name() {
    let node = Node::start();
    let nowhere = node.folder.path().join("nowhere");
    let run = node.begin_plan(&step("command: x"), &[("workspace", text(&nowhere))]);
    let told = super::step(&node.finished(&run), "a")["story"].to_string();
    assert!(told.contains("nowhere") && told.contains("No such file"), "{told}");
}

/// A run that waits for all that people can say to one.
const ASKING: &str = r#"
name: asks
inputs: {tag: v1}
steps:
  - {name: hear, type: signal, signal: go}
  - {name: may it?, type: approval_gate}
  - {name: end, command: echo "$WF_TAG"}
"#;

#[test]
fn what_people_say_to_a_run_too_early_too_late_or_to_nobody_is_answered() {
    let node = Node::start();
    let run = node.begin_plan(ASKING, &[]);
    node.await_step(&run, "hear", "running");
    let ask = |method: &str, path: &str, body: Value| {
        node.door(&format!("{method} /v1/runs/{run}{path}"), &body.to_string())
    };
    let check = |path: &str, body: Value, status: u16, parts: &[&str]| {
        let method = if path.starts_with("/inputs") { "PUT" } else { "POST" };
        check(path, &ask(method, path, body), status, parts);
    };
    check("/signals/gone", json!({}), 409, &["nobody", "`gone`", "it waits for go"]);
    check("/signals/go", json!({"dta": 1}), 400, &["dta", "data"]);
    check("/signals/go", json!({"data": "x".repeat(20_000)}), 400, &["16384 is the most", "file"]);
    check("/inputs/tga", json!({"value": 1}), 409, &["no input `tga`", "it has tag"]);
    check("/inputs/tag", json!({"value": 1}), 409, &["`tag` is 1", "a text"]);
    check("/inputs/tag", json!({"value": "x", "version": 7}), 409, &["version 1", "look again"]);
    check("/inputs/tag", json!({}), 400, &["value"]);
    check("/resume", json!({}), 409, &["not paused"]);
    check("/descend", json!({"how": "fork"}), 409, &["needs the step"]);
    check("/descend", json!({"how": "frok"}), 400, &["frok", "fork"]);
    let never = json!({"how": "fork", "from": "end"});
    check("/descend", never, 404, &["step end never ran", "hear did"]);
    let given = json!({"how": "replay", "inputs": {"tag": "v2"}});
    check("/descend", given, 409, &["fork it instead"]);
    check("/steps/hear/settle", json!({"happened": true}), 409, &["nobody asks about step hear"]);
    check("/steps/no/settle", json!({"happened": true}), 409, &["no step no"]);

    assert_eq!(ask("POST", "/signals/go", json!({})).status, 200);
    node.await_step(&run, "may-it", "awaits_approval");
    let approval = node.approvals(&run).remove(0);
    let answer =
        |id: &str, body: &Value| node.door(&format!("POST /v1/approvals/{id}"), &body.to_string());
    let seen = json!({"granted": true, "digest": "00ff"});
    super::faults::check("digest", &answer(&approval, &seen), 409, &["look again"]);
    let nothing = answer("apr_7", &json!({"granted": true}));
    super::faults::check(
        "no approval",
        &nothing,
        400,
        &["`apr_7` is no approval", "lares approvals"],
    );
    super::faults::check("no word", &answer(&approval, &json!({})), 400, &["granted"]);

    assert_eq!(node.answer(&approval, true), json!({"verdict": "granted", "is_first": true}));
    let second = json!({"verdict": "granted", "is_first": false});
    assert_eq!(node.answer(&approval, false), second);
    node.finished(&run);
    assert_eq!(node.answer(&approval, false), second);

    let ended = format!("{run} has ended");
    for (path, body) in [
        ("/signals/go", json!({})),
        ("/inputs/tag", json!({"value": 1})),
        ("/resume", json!({})),
        ("/cancel", json!({})),
    ] {
        check(path, body, 409, &[&ended]);
    }
}

#[test]
fn an_approval_whose_run_was_canceled_is_void() {
    let node = Node::start();
    let run = node.begin_plan("name: n\nsteps: [{name: may it, type: approval_gate}]", &[]);
    node.await_step(&run, "may-it", "awaits_approval");
    let approval = node.approvals(&run).remove(0);
    node.say(&format!("/v1/runs/{run}/cancel"), &json!({}));
    assert_eq!(node.finished(&run)["state"], "canceled");
    assert_eq!(node.answer(&approval, true), json!({"verdict": "void", "is_first": false}));
}

#[test]
fn an_approval_is_void_when_what_it_is_about_changes_and_expires_when_nobody_answers() {
    let node = Node::start();
    let plan = "name: n\ninputs: {tag: v1}\nsteps:\n  - {name: ship, command: echo \"$WF_TAG\", \
                approval: {about: ship it, timeout: 24h}}\n";
    let run = node.begin_plan(plan, &[]);
    node.await_step(&run, "ship", "awaits_approval");
    let first = node.approvals(&run).remove(0);
    let put = node.door(&format!("PUT /v1/runs/{run}/inputs/tag"), r#"{"value": "v2"}"#);
    assert_eq!(put.json(), json!({"version": 2}), "{}", put.body);
    let second = until("it is asked anew", || {
        node.approvals(&run).into_iter().find(|approval| *approval != first)
    });
    let void = json!({"verdict": "void", "is_first": false, "instead": second});
    assert_eq!(node.answer(&first, true), void);
    node.answer(&second, true);
    assert_eq!(super::step(&node.finished(&run), "ship")["output"]["stdout"], "v2\n");

    let plan = "name: n\nsteps: [{name: may it, type: approval_gate, timeout: 1}]";
    let shown = node.finished(&node.begin_plan(plan, &[]));
    assert_eq!(shown["state"], "failed");
    assert_eq!(super::step(&shown, "may-it")["story"], "nobody has allowed it in time");
}

#[test]
fn what_is_not_there_yet_fails_when_its_step_comes_and_says_so() {
    let node = Node::start();
    let rows = [
        ("{name: a, type: claude_prompt, command: hello}", "a model"),
        ("{name: a, type: skill, command: tidy}", "the skill `tidy`"),
    ];
    for (step, what) in rows {
        let shown = node.finished(&node.begin_plan(&format!("name: n\nsteps: [{step}]"), &[]));
        let told = super::step(&shown, "a")["story"].as_str().unwrap_or_default();
        assert_eq!(told, format!("it needs {what}, and none is configured yet"));
    }
}
