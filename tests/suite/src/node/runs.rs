//! Runs as their users meet them: begun, followed, looked at, ended.

use serde_json::{Value, json};

use super::process::Lares;
use super::scripts::{Pipe, shell, until, with};
use super::{ANY, Node, text};

fn state(node: &Node, run: &str) -> Value {
    node.told(&["run", "show", run])["state"].clone()
}

#[test]
fn a_run_that_is_followed_ends_as_its_steps_do() {
    let node = Node::start();
    let good = node.script("good.json", json!([shell("a", "echo hello")]));
    let ended = node.run(&["run", text(&good), "--follow"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("pln_"), "{}", ended.stdout);
    assert_eq!(lines.last(), Some(&format!("{} completed", lines[0]).as_str()));
    assert!(ended.stdout.contains("a  done"), "{}", ended.stdout);

    let bad = shell("bad", "echo no room left >&2; exit 7");
    let steps = json!([bad, with(shell("never", "true"), json!({"after": ["bad"]}))]);
    let ended = node.run(&["run", text(&node.script("bad.json", steps)), "--follow"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["step bad failed", "code 7", "no room left", "never  shell  skipped"] {
        assert!(ended.stdout.contains(part), "no {part:?} in {}", ended.stdout);
    }

    let ended = node.run(&["run", text(&good), "--follow", "--json"]);
    let run: Value = serde_json::from_str(&ended.stdout).expect("it is one object");
    assert_eq!((ended.code, &run["state"]), (Some(0), &json!("completed")));
    assert_eq!(run["steps"][0]["output"]["stdout"], "hello\n");
}

#[test]
fn a_run_is_shown_to_people_and_to_programs_and_can_be_decided_again() {
    let node = Node::start();
    let run = node.open(json!([shell("a", "echo hello")]));
    until("it has completed", || (state(&node, &run) == "completed").then_some(()));

    let shown = node.said(&["run", "show", &run]);
    for part in [&run, "completed", "a  shell  done", "attempt 1", "hello"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let replayed = node.said(&["run", "verify", &run]);
    assert!(replayed.starts_with("the same: "), "{replayed}");
    assert_eq!(node.told(&["run", "verify", &run])["result"], "same");
}

#[test]
fn what_is_too_much_to_show_is_kept_and_printed_as_it_was() {
    let node = Node::start();
    let run = node.open(json!([shell("a", "seq 20000; echo x >&2")]));
    until("it has completed", || (state(&node, &run) == "completed").then_some(()));
    let of_run = format!("{run}/a");
    let shown = node.said(&["run", "show", &run]);
    let verb = format!("lares run output {of_run} stdout");
    assert!(shown.contains(&verb), "no {verb} in {shown}");
    let printed = node.said(&["run", "output", &of_run, "stdout"]);
    let expected: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert!(printed == expected, "{} bytes", printed.len());
    assert_eq!(node.told(&["run", "output", &of_run, "stdout"])["bytes"], expected.len());
    for (id, name, part) in [
        (of_run.as_str(), "stderr", "it has stdout"),
        (&format!("{run}/b"), "stdout", "it has no step b"),
    ] {
        let ended = node.run(&["run", "output", id, name]);
        assert!(ended.code == Some(1) && ended.stderr.contains(part), "{ended:?}");
    }
}

#[test]
fn what_a_node_was_left_with_reaches_no_tool() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let leak = folder.path().join("leak");
    let open = format!("exec 7>{}", text(&leak));
    let up = ["up", "--data", text(folder.path()), "--listen", ANY];
    let process = Lares::start_after(&open, &up);
    let node = Node::of(folder, process);
    let run = node.open(json!([shell("a", "echo leaked >&7")]));
    until("it has failed", || (state(&node, &run) == "failed").then_some(()));
    assert_eq!(std::fs::read_to_string(&leak).expect("it is there"), "");
}

#[test]
fn a_run_can_be_seen_from_the_moment_it_was_accepted() {
    let node = Node::start();
    for _ in 0..20 {
        let run = node.open(json!([{"id": "w", "tool": "wait", "args": {"ms": 1}}]));
        let shown = node.told(&["run", "show", &run]);
        assert_eq!(shown["steps"][0]["id"], "w", "{shown}");
        let runs = node.told(&["runs", "--limit", "1"]);
        assert_eq!(runs["runs"][0]["id"], run.as_str(), "{runs}");
    }
}

#[test]
fn a_run_that_is_canceled_leaves_nothing_of_its_command() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let command = format!("echo $$ > {}; exec sleep 1000", text(&pipe.path));
    let script = node.script("long.json", json!([shell("a", &command)]));
    let mut follower = node.begin(&["run", text(&script), "--follow"]);
    let run = follower.line();
    let pid = pipe.line();

    let reason = ["--reason", "it takes too long"];
    let said = node.said(&[&["run", "cancel", &run], &reason[..]].concat());
    assert!(said.contains("is being canceled"), "{said}");
    let ended = follower.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["canceled", "it takes too long", "a  shell  stopped"] {
        assert!(ended.stdout.contains(part), "no {part:?} in {}", ended.stdout);
    }
    assert!(!std::path::Path::new("/proc").join(&pid).exists(), "{pid} is still there");
}

#[test]
fn the_same_key_twice_is_one_run() {
    let node = Node::start();
    let script = node.script("script.json", json!([shell("a", "echo hello")]));
    let open = |key: &str| node.said(&["run", text(&script), "--key", key]);
    let (first, second, other) = (open("nightly"), open("nightly"), open("weekly"));
    assert_eq!(first, second);
    assert_ne!(first, other);
    let runs = node.told(&["runs"]);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(2), "{runs}");
}

#[test]
fn runs_are_listed_the_newest_first_in_pages() {
    let node = Node::start();
    assert!(node.said(&["runs"]).contains("there are no runs"));
    let steps = || json!([{"id": "w", "tool": "wait", "args": {"ms": 1}}]);
    let mut opened: Vec<String> = (0..5).map(|_| node.open(steps())).collect();
    opened.reverse();

    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let place = before.map(|place: i64| place.to_string()).unwrap_or_default();
        let more = if place.is_empty() { vec![] } else { vec!["--before", &place] };
        let page = node.told(&[&["runs", "--limit", "2"], &more[..]].concat());
        let runs = page["runs"].as_array().expect("a list");
        assert!(runs.len() <= 2);
        seen.extend(runs.iter().map(|run| run["id"].as_str().expect("a text").to_owned()));
        before = page["next"].as_i64();
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, opened);
    let table = node.said(&["runs", "--limit", "2"]);
    assert!(table.starts_with("RUN ") && table.contains("more with --before "), "{table}");
}

#[test]
fn a_script_is_read_from_standard_input_as_well() {
    let node = Node::start();
    let script = node.script("script.json", json!([shell("a", "echo hello")]));
    let mut process = node.begin_with_input(&["run", "-", "--follow"], &script);
    assert_eq!(process.end().code, Some(0));
}
