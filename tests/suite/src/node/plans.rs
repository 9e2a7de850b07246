//! Written plans as their users meet them: checked, rehearsed, run, asked about, and begun again
//! from another run.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::scripts::{Pipe, until};
use super::{Node, check_refused, run, text};

impl Node {
    /// A plan of this text, in a file of this name.
    fn plan(&self, name: &str, plan: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, plan).expect("the folder is ours");
        path
    }

    /// Begins a run of it, and returns its address.
    fn open_plan(&self, plan: &str) -> String {
        let path = self.plan("plan.yaml", plan);
        self.said(&["run", text(&path)]).trim_end().to_owned()
    }

    fn until_state(&self, run: &str, state: &str) {
        until(state, || (self.told(&["run", "show", run])["state"] == state).then_some(()));
    }
}

/// A workflow of two steps that change nothing.
const GREETING: &str = "\
name: greet
inputs: {greeting: hello}
steps:
  - name: say it
    command: echo \"$WF_GREETING\"
    effect: idempotent
  - name: end
    command: pwd
    effect: none
";

fn step<'a>(shown: &'a Value, id: &str) -> &'a Value {
    let mut steps = shown["steps"].as_array().expect("a list").iter();
    steps.find(|step| step["id"] == id).expect("it has the step")
}

#[test]
fn a_workflow_runs_with_what_it_is_given_and_where_it_is_told() {
    let node = Node::start();
    let plan = node.plan("greet.yaml", GREETING);
    let workspace = node.folder.path().join("space");
    std::fs::create_dir(&workspace).expect("the folder is ours");
    let given = ["--input", "greeting=good=day", "--workspace", text(&workspace), "--follow"];
    let ended = node.run(&[&["run", text(&plan)], &given[..]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let run = ended.stdout.lines().next().expect("it says which");

    let shown = node.told(&["run", "show", run]);
    assert_eq!(step(&shown, "say-it")["output"]["stdout"], "good=day\n", "{shown}");
    let stdout = format!("{}\n", text(&workspace.canonicalize().expect("it is there")));
    assert_eq!(step(&shown, "end")["output"]["stdout"], stdout.as_str(), "{shown}");

    let said = node.said(&["run", "show", run]);
    let head =
        ["name       greet", "input      greeting=good=day", "(space)", "say-it  shell  done"];
    for part in head.into_iter().chain([text(&plan)]) {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(!said.contains("has changed"), "{said}");
    assert!(node.said(&["runs"]).contains("greet"));

    std::fs::write(&plan, "name: another\n").expect("the folder is ours");
    let said = node.said(&["run", "show", run]);
    assert!(said.contains("the file has changed since"), "{said}");
    assert_eq!(node.said(&["run", "plan", run]), GREETING);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_begins_nothing() {
    let node = Node::start();
    let made = node.folder.path().join("made");
    let plan = format!(
        "name: make\nsteps:\n  - name: make it\n    command: touch {0}\n    compensation: rm {0}\n    \
         approval_required: yes\n    on_failure: rollback\nrollback:\n  - name: tidy\n    \
         command: rm -f {0}\n",
        text(&made)
    );
    let plan = node.plan("make.yaml", &plan);
    let dry_run = ["run", text(&plan), "--dry-run"];
    let said = node.said(&dry_run);
    for part in
        ["1. make-it  make it", "shell: touch", "asks", "undo", "if not", "nothing was done"]
    {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(node.told(&dry_run)["steps"][0]["tool"], "shell");
    assert!(node.said(&["runs"]).contains("there are no runs"), "something was begun");
    assert!(!made.exists());
}

#[test]
fn what_is_wrong_with_a_plan_or_its_folder_is_said_before_anything_begins() {
    let node = Node::start();
    let plan = node.plan("wrong.yaml", "name: a\nsteps:\n  - name: b\n    comand: make\n");
    let ended = node.run(&["run", text(&plan)]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let line = format!("{}: line 4, column 5: ", text(&plan));
    assert!(ended.stderr.lines().any(|said| said.starts_with(&line)), "{}", ended.stderr);

    let good = node.plan("good.yaml", GREETING);
    let refused = |more: &[&str], parts: &[&str]| {
        let line = [&["run", text(&good), "--data", node.data()], more].concat();
        check_refused(&line, 2, parts);
    };
    refused(&["--workspace", "/nowhere"], &["/nowhere is no folder"]);
    refused(&["--workspace", text(&good)], &["is no folder", "it is a file"]);
    refused(&["--input", "a=1", "--input", "a=2"], &["`a` is given twice"]);
    assert!(node.said(&["runs"]).contains("there are no runs"), "something was begun");
}

const GATE: &str = "\
name: gate
steps:
  - name: ask
    type: approval_gate
    command: Shall it go on?
    timeout: 1h
  - name: end
    command: echo went on
    effect: none
";

/// The approval that is waited for.
fn approval(node: &Node) -> String {
    until("somebody is asked", || {
        let waiting = node.told(&["approvals"]);
        waiting["approvals"][0]["id"].as_str().map(str::to_owned)
    })
}

#[test]
fn the_first_answer_counts_and_the_second_is_told_so() {
    let node = Node::start();
    assert_eq!(node.said(&["approvals"]), "nobody is asked for anything\n");
    let run = node.open_plan(GATE);
    let id = approval(&node);
    let said = node.said(&["approvals"]);
    for part in ["Shall it go on?", &format!("{run}/ask"), &format!("lares approve {id}")] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let other = ["approve", &id, "--digest", "00", "--data", node.data()];
    check_refused(&other, 1, &["look again"]);

    let said = node.said(&["approve", &id, "--note", "looks good"]);
    assert!(said.contains("is granted"), "{said}");
    node.until_state(&run, "completed");
    let said = node.said(&["approve", &id]);
    assert!(said.contains("already granted by the first answer"), "{said}");
    let denied = node.run(&["deny", &id]);
    assert_eq!(denied.code, Some(1), "{denied:?}");
    assert!(denied.stdout.contains("already granted by the first answer"), "{denied:?}");
    assert!(node.said(&["run", "show", &run]).contains("granted: looks good"));

    let run = node.open_plan(GATE);
    assert!(node.said(&["deny", &approval(&node)]).contains("is denied"));
    node.until_state(&run, "failed");
}

#[test]
fn a_signal_brings_what_it_was_sent_with() {
    let node = Node::start();
    let run = node.open_plan(
        "name: hear\nsteps:\n  - {name: heard, type: signal, signal: build done, timeout: 1h}\n",
    );
    let unawaited = ["run", "signal", &run, "other", "--data", node.data()];
    check_refused(&unawaited, 1, &["nobody in this run waits for `other`", "build done"]);
    let said = node.said(&["run", "signal", &run, "build done", r#"{"tag": "v2"}"#]);
    assert!(said.contains("has heard build done"), "{said}");
    node.until_state(&run, "completed");
    let shown = node.told(&["run", "show", &run]);
    assert!(step(&shown, "heard")["output"].to_string().contains("v2"), "{shown}");
}

#[test]
fn what_a_signal_brings_is_an_artifact_of_its_run_alone() {
    let node = Node::start();
    let hear = "version: 1\nname: hear\nstages:\n  \
                - {id: hear, type: signal, signal: go, outputs: [said]}\n";
    let [run, other] = [node.open_plan(hear), node.open_plan(hear)];
    node.said(&["run", "signal", &run, "go", r#"{"tag": "ü"}"#]);
    node.until_state(&run, "completed");
    let step = format!("{run}/hear");
    assert_eq!(node.said(&["run", "output", &step, "said"]), "{\"tag\":\"ü\"}\n");
    let folder = node.folder.path().join("export");
    let written = node.said(&["run", "export", &run, &folder.display().to_string()]);
    assert!(written.contains("1 artifacts"), "{written}");
    let artifacts: Vec<_> = std::fs::read_dir(folder.join("artifacts"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be read"))
        .collect();
    let [artifact] = artifacts.as_slice() else { panic!("{artifacts:?}") };
    assert_eq!(std::fs::read_to_string(artifact.path()).expect("a text"), r#"{"tag":"ü"}"#);
    let blob = artifact.file_name().into_string().expect("a name");
    let token = format!("Bearer {}", node.token());
    let headers = [("authorization", token.as_str())];
    let asked = |run: &str| node.ask(&format!("/v1/runs/{run}/artifacts/{blob}"), &headers).status;
    assert_eq!((asked(&run), asked(&other)), (200, 404));
}

#[test]
fn what_a_run_is_given_later_is_read_as_what_it_begins_with() {
    let node = Node::start();
    let keep = "name: keep\ninputs:\n  t: {type: text, default: ''}\n  b: {type: boolean, default: true}\n  \
                l: {type: list, default: []}\nsteps:\n  - {name: go, type: signal, signal: go}\n";
    // As long as it may be, whatever it takes in an address.
    let long = format!("t={}", "ü".repeat(15_000));
    let file = node.plan("keep.yaml", keep);
    let run = node.said(&["run", text(&file), "--input", &long]);
    let run = run.trim();
    for (given, value) in
        [("t=1.2", json!("1.2")), ("b=off", json!(false)), ("l=a,b", json!(["a", "b"]))]
    {
        node.said(&["run", "set", run, given]);
        let shown = node.told(&["run", "show", run]);
        let name = &given[..1];
        assert_eq!(shown["inputs"][name]["value"], value, "{given}: {shown}");
    }
    let unfit = ["run", "set", run, "b=maybe", "--data", node.data()];
    check_refused(&unfit, 1, &["`b` is \"maybe\", and must be true or false"]);
}

#[test]
fn words_have_a_bound_and_a_list_shows_as_much_of_them_as_fits() {
    let node = Node::start();
    let run = node.open_plan(GATE);
    let endless = "x".repeat(5_000);
    let cancel = ["run", "cancel", &run, "--reason", &endless, "--data", node.data()];
    check_refused(&cancel, 2, &["the reason takes 5000 bytes, and 4096 is the most"]);
    let reason = "x".repeat(4_000);
    node.said(&["run", "cancel", &run, "--reason", &reason]);
    node.until_state(&run, "canceled");
    let listed = node.said(&["runs"]);
    assert!(listed.contains("xxx…") && !listed.contains(&reason), "{listed}");
    node.said(&["audit", "list"]);
}

#[test]
fn an_input_that_has_another_version_meanwhile_is_not_set() {
    let node = Node::start();
    let run = node.open_plan(
        "name: keep\ninputs: {tag: v1}\nsteps:\n  - {name: go, type: signal, signal: go}\n  - \
         {name: say, command: echo $WF_TAG, effect: none}\n",
    );
    let said = node.said(&["run", "set", &run, "tag=v2", "--version", "1"]);
    assert_eq!(said, "tag is version 2\n");
    let stale = ["run", "set", &run, "tag=v3", "--version", "1", "--data", node.data()];
    check_refused(&stale, 1, &["version 2, look again"]);

    node.said(&["run", "signal", &run, "go"]);
    node.until_state(&run, "completed");
    let shown = node.told(&["run", "show", &run]);
    assert_eq!(step(&shown, "say")["output"]["stdout"], "v2\n", "{shown}");
}

#[test]
fn a_run_that_has_paused_goes_on_when_somebody_says_so() {
    let node = Node::start();
    let run = node.open_plan(
        "version: 1\nname: pause\nstages:\n  - {id: a, action: shell, inputs: {command: 'true'}, \
         on_success: paused}\n  - {id: b, action: shell, inputs: {command: 'true'}}\n",
    );
    node.until_state(&run, "paused");
    let said = node.said(&["run", "show", &run]);
    assert!(said.contains(&format!("lares run resume {run} --at 1")), "{said}");
    let stale = ["run", "resume", &run, "--at", "7", "--data", node.data()];
    check_refused(&stale, 1, &["look again"]);
    assert!(node.said(&["run", "resume", &run, "--at", "1"]).contains("goes on"));
    node.until_state(&run, "completed");
}

#[test]
fn a_fork_begins_where_it_is_told_and_only_at_a_step_that_ran() {
    let node = Node::start();
    let run = node.open_plan(GREETING);
    node.until_state(&run, "completed");
    let never = ["run", "fork", &run, "--from", "nothing", "--data", node.data()];
    check_refused(&never, 1, &["step nothing never ran", "say-it, end did"]);

    let fork = ["run", "fork", &run, "--from", "say-it", "--input", "greeting=ciao", "--follow"];
    let ended = node.run(&fork);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let fork = ended.stdout.lines().next().expect("it says which").to_owned();
    let said = node.said(&["run", "show", &fork]);
    assert!(said.contains(&format!("lineage    fork of {run} up to event ")), "{said}");
    let compared = node.run(&["run", "diff", &run, &fork]);
    assert_eq!(compared.code, Some(1), "{compared:?}");
    for part in ["input greeting", "step say-it", "output.stdout", "ciao"] {
        assert!(compared.stdout.contains(part), "no {part:?} in {}", compared.stdout);
    }

    let replay = node.said(&["run", "replay", &run]);
    let replay = replay.trim_end();
    node.until_state(replay, "completed");
    let shown = node.told(&["run", "show", replay]);
    assert_eq!(shown["lineage"]["how"], "replay", "{shown}");
    assert!(node.said(&["run", "verify", replay]).starts_with("the same: "));
}

#[test]
fn two_runs_that_did_the_same_are_the_same() {
    let node = Node::start();
    let [one, other] = [(); 2].map(|()| node.open_plan(GREETING));
    node.until_state(&one, "completed");
    node.until_state(&other, "completed");
    assert_eq!(node.said(&["run", "diff", &one, &other]), "the same\n");
    assert_eq!(node.told(&["run", "diff", &one, &other])["is_same"], true);
}

/// What a copy has of the one run in it: number, name and version of each event.
fn events(copy: &Path) -> Vec<(u64, String, u64)> {
    let connection = Connection::open(copy).expect("it is there");
    let question = "SELECT seq, name, version FROM events ORDER BY seq";
    let mut question = connection.prepare(question).expect("the table is there");
    let rows = question.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.expect("it is read").map(|row| row.expect("it is read")).collect()
}

#[test]
fn an_export_has_all_that_the_store_has_line_by_line() {
    let node = Node::start();
    let plan = "name: much\nsteps:\n  - {name: much, command: seq 20000, effect: none}\n";
    let run = node.open_plan(plan);
    node.until_state(&run, "completed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = folder.path().join("whole");
    let said = node.said(&["run", "export", &run, text(&whole)]);
    // Whatever keeps the journal, a copy of it is a file.
    let copy = folder.path().join("copy.db");
    assert_eq!(node.run(&["backup", text(&copy)]).code, Some(0));
    let stored = events(&copy);
    assert!(said.contains(&format!("{} events, 1 artifacts", stored.len())), "{said}");

    let read = |name: &str| std::fs::read_to_string(whole.join(name)).expect("it is there");
    let lines = read("timeline.jsonl");
    let written = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).expect("each line is JSON");
        let name = line["event"].as_str().expect("a text").to_owned();
        let number = |key: &str| line[key].as_u64().expect("a number");
        (number("seq"), name, number("version"))
    });
    assert_eq!(written.collect::<Vec<_>>(), stored);
    assert_eq!(read("plan.yaml"), plan);
    let json = |name: &str| serde_json::from_str::<Value>(&read(name)).expect("it is JSON");
    assert_eq!(json("run.json")["id"], run.as_str());
    assert_eq!(json("policy_snapshot.json")["policy"], "token_bearer");
    assert_eq!(json("context_pack.json")["version"], 1);
    let blob = json("run.json")["steps"][0]["attachments"][0]["content"]["kept"]["blob"].clone();
    let blob = blob.as_str().expect("it is kept").to_owned();
    let expected: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert!(read(&format!("artifacts/{blob}")) == expected);
}

#[test]
fn an_export_that_failed_leaves_nothing_and_writes_nothing_over() {
    let node = Node::start();
    let run = node.open_plan(GREETING);
    node.until_state(&run, "completed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let full = folder.path().join("full");
    std::fs::create_dir_all(full.join("mine")).expect("the folder is ours");
    let export = ["run", "export", &run, text(&full), "--data", node.data()];
    check_refused(&export, 2, &["is there already"]);
    let nobody = "pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3";
    let other = folder.path().join("other");
    let export = ["run", "export", nobody, text(&other), "--data", node.data()];
    check_refused(&export, 1, &["there is no"]);
    let left = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(left, 1, "something was left");
}

#[test]
fn a_run_that_goes_on_can_be_exported_as_it_is() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let plan = format!(
        "name: long\nsteps:\n  - {{name: a, command: 'echo in > {}; sleep 1000', effect: none}}\n",
        text(&pipe.path)
    );
    let run = node.open_plan(&plan);
    assert_eq!(pipe.line(), "in");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = folder.path().join("whole");
    node.said(&["run", "export", &run, text(&whole)]);
    let shown = std::fs::read_to_string(whole.join("run.json")).expect("it is there");
    assert!(shown.contains("\"running\""), "{shown}");
}

#[test]
fn a_plan_is_checked_without_a_node_and_the_exit_code_says_how_it_went() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, plan: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, plan).expect("the folder is ours");
        path
    };
    let good = write("good.yaml", GREETING);
    let warned = write("warned.yaml", "steps:\n  - {name: a, command: 'true'}\n");
    let wrong = write("wrong.yaml", "name: a\nsteps:\n  - name: b\n    comand: make\n");
    let nowhere = folder.path().join("nowhere.yaml");
    let (good, warned) = (text(&good), text(&warned));
    let rows = [
        (vec![good], 0, "1 file: 0 errors, 0 warnings"),
        (vec![good, warned], 0, "2 files: 0 errors, 1 warning"),
        (vec![good, "--strict"], 0, "0 warnings"),
        (vec![warned, "--strict"], 1, "warned.yaml:1:1: warning: "),
        (vec![text(&wrong)], 2, "wrong.yaml:4:5: error: "),
        (vec![good, text(&nowhere)], 2, "nowhere.yaml: error: cannot be read"),
    ];
    for (arguments, code, part) in rows {
        let ended = run(&[&["check"], &arguments[..]].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.contains(part), "no {part:?} in {}", ended.stdout);
    }
    let ended = run(&["check", text(&wrong), "--json"]);
    let found: Value = serde_json::from_str(&ended.stdout).expect("it is one list");
    assert_eq!((&found[0]["line"], &found[0]["severity"]), (&4.into(), &"error".into()));

    write("lares.toml", "[runs]\nsteps_max = 1\n");
    let ended = run(&["check", good, "--data", text(folder.path())]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("1 is the most"), "{ended:?}");
}

#[test]
fn a_new_plan_can_be_checked_and_is_written_over_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, more) in [("w.yaml", &[][..]), ("b.yaml", &["--blueprint"])] {
        let path = folder.path().join(name);
        let line = [&["new", text(&path)], more].concat();
        assert_eq!(run(&line).code, Some(0));
        assert_eq!(run(&["check", text(&path), "--strict"]).code, Some(0), "{name}");
        check_refused(&line, 2, &["is there already"]);
    }
}
