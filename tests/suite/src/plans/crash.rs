//! Plans that are cut off: their node is killed, or somebody cancels them.

use std::path::Path;

use serde_json::json;

use super::{contents, state_of, story};
use crate::node::{Node, Pipe, text};

#[test]
fn a_plan_goes_on_where_its_node_was_killed() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let place = node.workspace("place");
    let plan = format!(
        r#"
name: survives
inputs: {{log: log}}
steps:
  - {{name: once, command: echo once >> log, compensation: echo undone >> log}}
  - name: cut off
    command: |
      echo $$ > {pipe}
      until test -e go; do sleep 0.1; done
      echo went on >> log
    effect: idempotent
  - {{name: may it?, type: approval_gate}}
  - {{name: last, command: echo last >> "$WF_LOG", check: grep -qx last "$WF_LOG"}}
"#,
        pipe = text(&pipe.path)
    );
    let run = node.begin_plan(&plan, &[("workspace", text(&place))]);
    let first = pipe.line();
    let node = Node::start_on(node.kill());
    assert_ne!(pipe.line(), first);
    assert!(!is_alive(&first), "{first} outlived its node");
    std::fs::write(place.join("go"), "").expect("it is ours");

    node.await_step(&run, "may-it", "awaits_approval");
    let asked = node.approvals(&run);
    let node = Node::start_on(node.kill());
    assert_eq!(node.approvals(&run), asked, "it was asked anew");
    assert_eq!(node.answer(&asked[0], true), json!({"verdict": "granted", "is_first": true}));
    let node = Node::start_on(node.kill());
    let shown = node.finished(&run);
    assert_eq!(story(&shown), "completed: once done, cut-off done, may-it done, last done");
    assert_eq!(contents(&place.join("log")), "once\nwent on\nlast\n");
    assert_eq!(node.told(&["run", "show", &run])["state"], "completed");
}

#[test]
fn a_plan_that_is_canceled_leaves_no_process_and_takes_back_what_it_did() {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let place = node.workspace("place");
    let plan = format!(
        r#"
name: canceled
steps:
  - {{name: before, command: echo made > made, compensation: rm made}}
  - name: long
    command: |
      sleep 1000 & echo $! > {pipe}
      setsid sleep 1000 & echo $! > {pipe}
      sh -c 'echo $$ > {pipe}; sleep 1000 & echo $! > {pipe}; wait' &
      echo $$ > {pipe}
      wait
  - {{name: never, command: touch never}}
rollback:
  - {{name: tell, command: touch told}}
"#,
        pipe = text(&pipe.path)
    );
    let run = node.begin_plan(&plan, &[("workspace", text(&place))]);
    let pids: Vec<String> = (0..5).map(|_| pipe.line()).collect();
    assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    node.say(&format!("/v1/runs/{run}/cancel"), &json!({"reason": "enough"}));
    let shown = node.finished(&run);
    let expected = "canceled: before done, long stopped, before~undo done, tell~rollback done";
    assert_eq!(story(&shown), expected);
    assert_eq!(shown["reason"], "enough");
    let left: Vec<&String> = pids.iter().filter(|pid| is_alive(pid)).collect();
    assert!(left.is_empty(), "{left:?} are still there");
    let exists = ["made", "told", "never"].map(|name| place.join(name).exists());
    assert_eq!(exists, [false, true, false]);
    assert_eq!(state_of(&shown, "never"), "skipped");
}

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}
