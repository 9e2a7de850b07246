//! A node that is told to stop while something runs, and the next one on its folder.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::scripts::{Pipe, shell, until, with};
use super::{Node, http, text};

/// For stopping in order, after what runs was waited for; a loaded machine may add to it.
const STOP_DEADLINE: Duration = Duration::from_secs(10 + 5);

/// Tells a patient command that it may end.
const GO: &str = "go";

/// A node that gives what runs so long to end.
fn start(drain: &str) -> Node {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let configuration = format!("drain = \"{drain}\"\n");
    std::fs::write(folder.path().join("lares.toml"), configuration).expect("it is ours");
    Node::start_on(folder)
}

/// A command that says where it runs, and ends some time after it was told to: a node that does not
/// wait for it is gone by then.
fn patient(folder: &Path, pipe: &Pipe) -> String {
    let (go, pipe) = (folder.join(GO), text(&pipe.path));
    let go = text(&go);
    format!("echo $$ > {pipe}; until [ -e {go} ]; do sleep 0.1; done; sleep 2; echo enough")
}

/// One that nobody can ask to end; on a second try there is nothing to do.
fn stubborn(folder: &Path, pipe: &Pipe) -> String {
    let mark = folder.join("mark");
    let (mark, pipe) = (text(&mark), text(&pipe.path));
    format!(
        "[ -e {mark} ] && exit; touch {mark}; trap '' TERM; echo $$ > {pipe}; \
         while :; do sleep 1000; done"
    )
}

impl Node {
    /// Tells it to stop, and returns when it drains.
    fn told_to_stop(&self) {
        self.process.signal("TERM");
        until("it drains", || (self.ask("/readyz", &[]).status == 503).then_some(()));
        assert_eq!(self.ask("/readyz", &[]).json()["error"]["code"], "draining");
    }

    fn post(&self, path: &str, body: &Value) -> http::Answer {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("Authorization", bearer.as_str())];
        http::post(self.address(), path, &headers, &body.to_string())
    }

    /// Waits for its end, in order, and leaves its folder.
    fn gone(mut self) -> TempDir {
        let ended = self.process.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.folder
    }
}

fn state(node: &Node, run: &str) -> Value {
    node.told(&["run", "show", run])["state"].clone()
}

#[test]
fn what_runs_ends_and_what_follows_it_begins_after_the_next_start() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let later = node.folder.path().join("later");
    let second = format!("cat {} > {}", text(&later), text(&pipe.path));
    let first = shell("a", &patient(node.folder.path(), &pipe));
    let run = node.open(json!([first, with(shell("b", &second), json!({"after": ["a"]}))]));
    let pid = pipe.line();

    node.told_to_stop();
    assert!(Path::new("/proc").join(&pid).exists(), "it was cut off");
    std::fs::write(node.folder.path().join(GO), "").expect("it is ours");
    let folder = node.gone();
    // Nobody can have read this before.
    std::fs::write(&later, "the next node\n").expect("it is ours");

    let node = Node::start_on(folder);
    assert_eq!(pipe.line(), "the next node");
    until("it has completed", || (state(&node, &run) == "completed").then_some(()));
    let shown = node.told(&["run", "show", &run]);
    assert_eq!(shown["steps"][0]["output"]["stdout"], "enough\n", "{shown}");
    for step in shown["steps"].as_array().expect("a list") {
        assert_eq!(step["attempts"].as_array().map(Vec::len), Some(1), "{step}");
        let doubts = step.get("doubts").and_then(Value::as_array);
        assert!(doubts.is_none_or(Vec::is_empty), "{step}");
    }
    assert_eq!(node.told(&["run", "verify", &run])["result"], "same");
}

#[test]
fn a_node_that_drains_takes_in_nothing_that_begins_work_and_can_be_looked_at() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let run = node.open(json!([shell("a", &patient(node.folder.path(), &pipe))]));
    pipe.line();
    node.told_to_stop();

    let script = json!({"version": 1, "rounds": [{"steps": [shell("x", "true")]}]});
    let turn = json!({"script": script});
    let session = "/v1/sessions/ses_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3/turns";
    for (path, body) in [("/v1/runs", &script), ("/v1/turns", &turn), (session, &turn)] {
        let answer = node.post(path, body);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("draining")));
        assert!(answer.header("Retry-After").is_some(), "{path}");
    }
    let file = node.script("x.json", json!([shell("x", "true")]));
    let refused = node.run(&["run", text(&file)]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("the node drains"), "{}", refused.stderr);

    assert_eq!(node.ask("/livez", &[]).status, 200);
    assert_eq!(state(&node, &run), "running");
    assert_eq!(node.told(&["runs"])["runs"].as_array().map(Vec::len), Some(1));
    // Ending what runs is no new work, and lets the node go.
    assert_eq!(node.post(&format!("/v1/runs/{run}/cancel"), &json!({})).status, 200);
    let node = Node::start_on(node.gone());
    assert_eq!(state(&node, &run), "canceled");
}

#[test]
fn what_does_not_end_in_time_is_cut_off_and_asked_about_after_the_next_start() {
    for (drain, within) in [("0s", Duration::ZERO), ("1s", Duration::from_secs(1))] {
        let node = start(drain);
        let pipe = Pipe::new(node.folder.path());
        let stuck = shell("a", &stubborn(node.folder.path(), &pipe));
        let run = node.open(json!([stuck, with(shell("b", "true"), json!({"after": ["a"]}))]));
        let pid = pipe.line();

        let told = Instant::now();
        let folder = node.stop();
        let took = told.elapsed();
        assert!(within <= took && took < within + STOP_DEADLINE, "{drain}: {took:?}");
        let node = Node::start_on(folder);
        assert!(!Path::new("/proc").join(&pid).exists(), "{drain}: {pid} outlived its node");
        let asks = || (state(&node, &run) == "waiting_for_human").then_some(());
        until("a person is asked", asks);
        assert_eq!(node.told(&["doubts"])["doubts"][0]["step"], "a");
        node.said(&["doubt", "settle", &format!("{run}/a"), "--did-not"]);
        until("it has completed", || (state(&node, &run) == "completed").then_some(()));
    }
}

#[test]
fn a_second_signal_waits_for_nothing_that_runs() {
    let mut node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    node.open(json!([shell("a", &stubborn(node.folder.path(), &pipe))]));
    let pid = pipe.line();
    node.told_to_stop();
    node.process.signal("INT");
    let ended = node.process.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("second SIGINT"), "{}", ended.stderr);
    let _next = Node::start_on(node.folder);
    assert!(!Path::new("/proc").join(&pid).exists(), "{pid} outlived its node");
}
