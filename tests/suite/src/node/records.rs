//! What was put aside, what died, and what was done: looked at and mended by people.

use std::path::Path;

use domain::journal::{Body, Journal, Post, Posted};
use domain::time::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use store::Sqlite;
use tempfile::TempDir;

use super::process::Lares;
use super::scripts::{Pipe, shell, until};
use super::{ANY, Node, check_refused, text};

/// Does this to the journal of a folder, as something that should not have happened.
fn tamper(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join("lares.db")).expect("it is there");
    connection.execute_batch(sql).expect("it can be done");
}

/// Something that no plan understands is posted to this run.
fn post_nonsense(folder: &Path, run: &str) {
    let sqlite = Sqlite::open(folder, &store::Options::default()).expect("nobody runs there");
    let post = Post {
        to: run.parse().expect("an address"),
        key: "nonsense".into(),
        from: None,
        opens: false,
        body: Body { name: "plan.nonsense".into(), version: 1, bytes: br#"{"why":1}"#.to_vec() },
        at: Timestamp::from_millis(1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let posted = runtime.block_on(sqlite.post(post)).expect("it can be written");
    assert!(matches!(posted, Posted::Taken(_)), "{posted:?}");
}

/// A run that was under way when its node was killed, and its folder.
fn cut_off() -> (String, TempDir) {
    let node = Node::start();
    let pipe = Pipe::new(node.folder.path());
    let command = format!("echo begun > {}; exec sleep 1000", text(&pipe.path));
    let run = node.open(json!([shell("a", &command)]));
    assert_eq!(pipe.line(), "begun");
    (run, node.kill())
}

const SPOIL: &str = "UPDATE events SET checksum = checksum + 1 WHERE seq = 1";
const MEND: &str = "UPDATE events SET checksum = checksum - 1 WHERE seq = 1";

#[test]
fn a_run_that_says_it_has_fewer_events_than_it_has_is_put_aside() {
    let (run, folder) = cut_off();
    tamper(folder.path(), "UPDATE entities SET head = head - 1 WHERE kind = 'pln'");
    let node = start_aside(folder, &run);
    let shown = node.said(&["quarantine", "show", &run]);
    assert!(shown.contains("it says that it has"), "{shown}");
}

/// The next node on this folder, once it has put this run aside.
fn start_aside(folder: TempDir, run: &str) -> Node {
    let node = Node::start_on(folder);
    until("it is put aside", || {
        let list = node.told(&["quarantine", "list"]);
        (list["entities"][0]["id"] == run).then_some(())
    });
    node
}

#[test]
fn a_run_that_cannot_be_read_is_put_aside_until_somebody_has_mended_and_released_it() {
    let (run, folder) = cut_off();
    tamper(folder.path(), SPOIL);
    let node = start_aside(folder, &run);
    let data = node.data();

    let why = "cannot be read at event 1";
    let table = node.said(&["quarantine", "list"]);
    assert!(table.contains(&run) && table.contains(why), "{table}");
    let shown = node.said(&["quarantine", "show", &run]);
    for part in [&run, why, "quarantine release", "quarantine discard"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let cancel = ["run", "cancel", &run, "--data", data];
    check_refused(&cancel, 1, &["is quarantined", why, "lares quarantine show"]);
    check_refused(&["run", "show", &run, "--data", data], 1, &[why, "lares quarantine show"]);

    tamper(node.folder.path(), MEND);
    assert!(node.said(&["run", "show", &run]).contains("quarantined: "));
    let runs = node.said(&["runs"]);
    assert!(runs.contains("quarantined") && runs.contains(why), "{runs}");
    let said = node.said(&["quarantine", "release", &run]);
    assert!(said.contains("goes on"), "{said}");
    until("it asks what became of its step", || {
        let doubts = node.told(&["doubts"]);
        (doubts["doubts"][0]["run"] == run.as_str()).then_some(())
    });
    assert_eq!(node.said(&["quarantine", "list"]), "nobody is put aside\n");
    let again = ["quarantine", "release", &run, "--data", data];
    check_refused(&again, 1, &["is open, and not quarantined"]);
    let show = ["quarantine", "show", &run, "--data", data];
    check_refused(&show, 1, &["is not put aside", "lares run show"]);
}

#[test]
fn a_run_that_is_given_up_leaves_what_waited_for_it_as_dead_letters() {
    let (run, folder) = cut_off();
    tamper(folder.path(), SPOIL);
    post_nonsense(folder.path(), &run);
    let node = start_aside(folder, &run);
    let data = node.data();
    let case = node.told(&["quarantine", "show", &run]);
    assert_eq!(case["waiting"][0]["name"], "plan.nonsense", "{case}");

    let said = node.said(&["quarantine", "discard", &run]);
    assert!(said.contains("is closed"), "{said}");
    check_refused(&["run", "cancel", &run, "--data", data], 1, &["has ended"]);
    let letters = node.told(&["dead", "list"]);
    let number = letters["letters"][0]["letter"].to_string();
    assert_eq!(letters["letters"][0]["to"], run.as_str());

    check_refused(&["dead", "replay", &number, "--data", data], 1, &[&run, "has ended"]);
    let shown = node.said(&["dead", "show", &number]);
    for part in ["plan.nonsense", r#"{"why":1}"#, "key nonsense", "dead replay", "dead discard"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    node.said(&["dead", "discard", &number]);
    let gone = ["dead", "show", &number, "--data", data];
    check_refused(&gone, 1, &[&format!("there is no dead letter {number}"), "lares dead list"]);
    assert_eq!(node.said(&["dead", "list"]), "there are no dead letters\n");
}

#[test]
fn a_dead_letter_is_sent_again_to_whom_it_was_for() {
    let node = Node::start();
    let run = node.open(json!([{"id": "w", "tool": "wait", "args": {"ms": 3_600_000}}]));
    until("it waits", || (node.told(&["run", "show", &run])["state"] == "running").then_some(()));
    let folder = node.stop();
    post_nonsense(folder.path(), &run);
    let node = Node::start_on(folder);
    let dead = |number: i64| {
        until("it has died", || {
            let letters = node.told(&["dead", "list"]);
            (letters["letters"][0]["letter"] == number).then_some(letters)
        })
    };
    let letters = dead(1);
    assert!(node.said(&["dead", "list"]).contains("plan.nonsense"), "{letters}");
    let said = node.said(&["dead", "replay", "1"]);
    assert_eq!(said, format!("sent to {run} again\n"));
    // Nobody has mended what was wrong with it.
    let letters = dead(2);
    assert_eq!(letters["letters"].as_array().map(Vec::len), Some(1), "{letters}");
    let again = ["dead", "replay", "1", "--data", node.data()];
    check_refused(&again, 1, &["there is no dead letter 1"]);
}

#[test]
fn what_was_done_is_listed_and_cannot_be_changed_unnoticed() {
    let node = Node::start();
    assert_eq!(node.said(&["audit", "verify"]), "sound: 0 lines\n");
    let script = node.script("script.json", json!([shell("a", "true"), shell("b", "true")]));
    node.said(&["run", text(&script), "--follow"]);

    let verified = node.told(&["audit", "verify"]);
    assert_eq!((&verified["result"], &verified["lines"]), (&json!("sound"), &json!(4)));
    let first = node.told(&["audit", "list", "--limit", "3"]);
    assert_eq!(first["next"], 3);
    let rest = node.told(&["audit", "list", "--after", "3"]);
    assert_eq!(rest["lines"][0]["position"], 4);
    assert_eq!(rest["lines"][0]["before"], first["lines"][2]["hash"]);
    assert_eq!(rest["lines"][0]["hash"], verified["head"]);
    let table = node.said(&["audit", "list"]);
    assert!(table.contains("begun") && table.contains("ended"), "{table}");

    tamper(node.folder.path(), "UPDATE audit SET line = x'7b7d' WHERE position = 2");
    let ended = node.run(&["audit", "verify"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("broken at line 2"), "{}", ended.stdout);
    let ended = node.run(&["audit", "verify", "--json"]);
    let verified: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!((ended.code, &verified["position"]), (Some(1), &json!(2)));
}

#[test]
fn what_is_closed_for_long_enough_goes() {
    let node = Node::start();
    let configuration = "[retention]\nevery = \"1s\"\nclosed_count_max = 1\n";
    std::fs::write(node.folder.path().join("lares.toml"), configuration).expect("it is ours");
    for number in 0..4 {
        let script = node.script("script.json", json!([shell("a", "true")]));
        let key = number.to_string();
        node.said(&["run", text(&script), "--follow", "--key", &key]);
    }
    let folder = node.stop();
    let data = text(folder.path());
    let mut process = Lares::start(&["up", "--data", data, "--listen", ANY]);
    process.log_line("journal.tidied");
    let left = until("only what may stay is left", || {
        let runs = super::run(&["runs", "--json", "--data", data]);
        let runs: Value = serde_json::from_str(&runs.stdout).expect("it is JSON");
        let count = runs["runs"].as_array().map(Vec::len);
        count.filter(|count| *count <= 2)
    });
    assert!(1 <= left, "the newest stays");
    process.signal("TERM");
    assert_eq!(process.end().code, Some(0));
}
