//! Copies of the journal: made in use or at rest, checked, and put back where there is nothing.

use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use super::scripts::{shell, until};
use super::{ANY, Node, check_refused, run, text};

fn restored(file: &Path) -> Node {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = text(folder.path());
    let ended = run(&["restore", text(file), "--data", data]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("lares up --data {data}")), "{}", ended.stdout);
    Node::start_on(folder)
}

#[test]
fn a_copy_that_is_made_while_everybody_writes_is_whole_and_starts_a_node() {
    let node = Node::start();
    let wait = || json!([{"id": "w", "tool": "wait", "args": {"ms": 1}}]);
    let known = node.open(json!([shell("a", "echo hello")]));
    until("it is done", || {
        (node.told(&["run", "show", &known])["state"] == "completed").then_some(())
    });
    let file = node.folder.path().join("copy");
    let mut copying = node.begin(&["backup", text(&file), "--json"]);
    // Somebody writes from before the copy begins until after it is made.
    until("the copy has its name", || {
        node.open(wait());
        file.exists().then_some(())
    });
    let copied: Value = serde_json::from_str(&copying.line()).expect("it is JSON");
    assert_eq!(copied["file"], text(&file));
    assert_eq!(copied["audit_lines"], 2);

    let other = restored(&file);
    let listed = other.told(&["runs", "--limit", "100"]);
    let ids = listed["runs"].as_array().expect("a list").iter();
    let ids: Vec<&Value> = ids.map(|run| &run["id"]).collect();
    assert!(ids.contains(&&json!(known)), "{listed}");
    let verified = other.told(&["audit", "verify"]);
    assert_eq!(verified["head"], copied["audit_head"]);
    assert_eq!(other.told(&["run", "verify", &known])["result"], "same");
}

#[test]
fn a_folder_where_nobody_runs_is_copied_as_well() {
    let node = Node::start();
    node.open(json!([{"id": "w", "tool": "wait", "args": {"ms": 1}}]));
    let folder = node.kill();
    let file = folder.path().join("copy");
    let backup = ["backup", text(&file), "--data", text(folder.path())];
    let ended = run(&backup);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("1 entities"), "{}", ended.stdout);
    check_refused(&backup, 2, &["is there already"]);

    // The number that the node had is another process's now, as after a restart of the machine.
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let url = format!("http://{}", free.local_addr().expect("it has one"));
    drop(free);
    let told = json!({"pid": std::process::id(), "url": url, "token": "x"}).to_string();
    std::fs::write(folder.path().join("node.json"), told).expect("there is room");
    let again = folder.path().join("again");
    let ended = run(&["backup", text(&again), "--data", text(folder.path())]);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let nowhere = folder.path().join("nowhere");
    let backup = ["backup", text(&nowhere), "--data", text(&nowhere)];
    check_refused(&backup, 3, &["there is no journal"]);
    assert!(!nowhere.exists());
}

#[test]
fn a_copy_is_never_put_over_anything() {
    let node = Node::start();
    let file = node.folder.path().join("copy");
    node.said(&["backup", text(&file)]);
    check_refused(&["backup", text(&file), "--data", node.data()], 1, &["is there already"]);
    let nowhere = node.folder.path().join("no/such/copy");
    let backup = ["backup", text(&nowhere), "--data", node.data()];
    check_refused(&backup, 1, &["cannot write", "No such file"]);

    let pid = node.process.pid().to_string();
    let restore = ["restore", text(&file), "--data", node.data()];
    check_refused(&restore, 2, &["E0003: another node", &pid]);
    let folder = node.stop();
    let restore = ["restore", text(&file), "--data", text(folder.path())];
    check_refused(&restore, 2, &["E0004: ", "holds a journal"]);
}

#[test]
fn a_copy_that_is_damaged_or_absent_makes_nothing() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let data = parent.path().join("house");
    let data = text(&data);
    let file = parent.path().join("copy");
    check_refused(&["restore", text(&file), "--data", data], 2, &["cannot read the copy"]);
    assert!(!Path::new(data).exists());
    std::fs::write(&file, "my diary").expect("it is ours");
    check_refused(&["restore", text(&file), "--data", data], 1, &["E0005: ", "damaged"]);
    assert!(!Path::new(data).join("lares.db").exists());
    // The folder is as good as before.
    let mut process = super::Lares::start(&["up", "--data", data, "--listen", ANY]);
    process.line();
}
