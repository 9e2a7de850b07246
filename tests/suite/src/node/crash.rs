//! A node that is killed in the middle of a run, and the next one on its folder.

use std::path::Path;

use serde_json::json;

use super::process::Lares;
use super::scripts::{Pipe, shell, with};
use super::{Node, text};

/// A command that says it has begun and does not end; on a second try it says so and is done.
fn twice(folder: &Path, pipe: &Pipe) -> String {
    let (mark, pipe) = (folder.join("mark"), text(&pipe.path));
    let mark = text(&mark);
    format!(
        "if [ -e {mark} ]; then echo again > {pipe}; exit 0; fi; touch {mark}; \
         echo $$ > {pipe}; exec sleep 1000"
    )
}

/// A node that was killed while a step was under way, the next one, and whoever follows the run.
struct Crashed {
    node: Node,
    pipe: Pipe,
    follower: Lares,
    run: String,
}

fn crash(more: serde_json::Value) -> Crashed {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let step = with(shell("a", &twice(node.folder.path(), &pipe)), more);
    let script = node.script("script.json", json!([step]));
    let mut follower = node.begin(&["run", text(&script), "--follow"]);
    let run = follower.line();
    let pid = pipe.line();
    let url = node.url.clone();

    let folder = node.kill();
    wait_for(&mut follower, "the node is away");
    let node = Node::start_on(folder);
    assert_ne!(node.url, url, "a new port, so that following has to look it up");
    assert!(!Path::new("/proc").join(&pid).exists(), "{pid} outlived its node");
    wait_for(&mut follower, "the node is back");
    Crashed { node, pipe, follower, run }
}

fn wait_for(process: &mut Lares, part: &str) -> String {
    loop {
        let line = process.line();
        if line.contains(part) {
            return line;
        }
    }
}

#[test]
fn what_may_be_repeated_is_repeated_by_the_next_node_and_followed_across_both() {
    let Crashed { node, pipe, mut follower, run } = crash(json!({"effect": "idempotent"}));
    assert_eq!(pipe.line(), "again");
    let ended = follower.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.ends_with(&format!("{run} completed\n")), "{}", ended.stdout);

    let shown = node.said(&["run", "show", &run]);
    for part in ["cut off", "repeated under the same key"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert_eq!(node.told(&["run", "verify", &run])["result"], "same");
}

#[test]
fn what_may_not_be_repeated_is_asked_and_done_once_more_if_a_person_says_so() {
    let Crashed { node, pipe, mut follower, run } = crash(json!({}));
    wait_for(&mut follower, "asks");
    let doubts = node.said(&["doubts"]);
    let id = format!("{run}/a");
    for part in [&id, "shell", "cut off", "lares doubt settle"] {
        assert!(doubts.contains(part), "no {part:?} in {doubts}");
    }
    assert_eq!(node.told(&["doubts"])["doubts"][0]["step"], "a");
    assert_eq!(node.told(&["run", "show", &run])["state"], "waiting_for_human");

    let said = node.said(&["doubt", "settle", &id, "--did-not"]);
    assert!(said.contains("once more"), "{said}");
    assert_eq!(pipe.line(), "again");
    assert_eq!(follower.end().code, Some(0));
    assert_eq!(node.said(&["doubts"]), "nothing is in doubt\n");
    let again = node.run(&["doubt", "settle", &id, "--did-not"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("has ended"), "{}", again.stderr);
}

#[test]
fn what_may_not_be_repeated_is_done_if_a_person_says_that_it_has_happened() {
    let Crashed { node, mut follower, run, pipe: _pipe } = crash(json!({}));
    wait_for(&mut follower, "asks");
    let said = node.said(&["doubt", "settle", &format!("{run}/a"), "--happened"]);
    assert!(said.contains("is done"), "{said}");
    assert_eq!(follower.end().code, Some(0));
    let run = node.told(&["run", "show", &run]);
    assert_eq!(run["steps"][0]["attempts"].as_array().map(Vec::len), Some(1), "{run}");
    assert!(
        run["steps"][0]["doubts"][0]["verdict"]
            .as_str()
            .is_some_and(|verdict| { verdict.starts_with("happened: a person") })
    );
}
