//! The program with its journal on a server, and on its way from one place to another.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use domain::id::Id;
use domain::journal::Journal;
use domain::records::{Query, Records};
use serde_json::Value;
use store::postgres::{Options, Place, Postgres};

use crate::node::{Node, check_refused, run, send, text, until};
use crate::server::{beside, cut, database, schema};

const PLAN: &str = "name: hello\nsteps:\n  - {name: a, command: echo one}\n";

/// A node with one run behind it, stopped.
fn stopped() -> tempfile::TempDir {
    let node = Node::start_with(tempfile::tempdir().expect("a temporary folder"), &[]);
    let plan = node.folder.path().join("hello.yaml");
    std::fs::write(&plan, PLAN).expect("the folder is ours");
    let ended = node.run(&["run", text(&plan), "--follow"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    node.stop()
}

#[test]
fn a_journal_goes_to_a_server_and_back() {
    let (from, server, back) = (stopped(), schema(), tempfile::tempdir().expect("a folder"));
    let back = back.path().join("back");
    let steps = [[text(from.path()), &server], [&server, text(&back)]];
    for [from, to] in steps {
        let ended = run(&["store", "copy", from, to, "--accept-loss"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("1 entities, "), "{}", ended.stdout);
        let again = ["store", "copy", from, to, "--accept-loss"];
        check_refused(&again, 2, &["E0004: ", "holds a journal"]);
    }
    let old = std::fs::read_dir(from.path()).expect("a folder").filter_map(Result::ok);
    let left = old.filter(|file| file.file_name().to_string_lossy().contains("carried"));
    assert_eq!(left.count(), 0, "nothing is left on the way");
    let nowhere = Path::new("nowhere/at/all");
    check_refused(&["store", "copy", text(nowhere), &server], 3, &["there is no journal"]);
    // Its journal is somewhere else now.
    let up = ["up", "--data", text(from.path()), "--listen", "127.0.0.1:0"];
    check_refused(&up, 2, &["E0017: ", "and not a file in it"]);
    let node = Node::start_with(from, &["--store", &server, "--accept-loss"]);
    let held = ["store", "copy", text(node.folder.path()), &server];
    check_refused(&held, 2, &["E0003: another node runs"]);
}

#[test]
fn a_server_that_cannot_be_had_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = |store: &str, parts: &[&str]| {
        let up = ["up", "--data", text(folder.path()), "--listen", "127.0.0.1:0", "--store", store];
        check_refused(&up, 2, parts);
    };
    let server = schema();
    start(&server, &["E0014: ", "`fsync` off", "--accept-loss"]);
    start("postgres://lares@127.0.0.1:1/lares", &["E0011: 127.0.0.1:1/lares", "start the server"]);
    let secret = "postgres://lares:open@127.0.0.1:1/lares";
    start(secret, &["E0012: `postgres://lares@127.0.0.1:1/lares` had a password in it"]);
    start("mysql://db", &["`mysql://db` is no place of a journal", "write postgres://"]);
    start(&beside(&server, "nowhere"), &["E0011: there is no such database", "createdb"]);
    start(&format!("{server}&sslmode=require"), &["E0013: ", "write sslmode=verify-full"]);
    let unencrypted = format!("{server}&sslmode=verify-full");
    start(&unencrypted, &["E0013: ", "offers no TLS"]);
    crate::server::sql(&server, "CREATE TABLE somebody_elses (id INT)");
    let up = ["up", "--data", text(folder.path()), "--store", &server, "--accept-loss"];
    check_refused(&up, 2, &["E0015: ", "tables of something else"]);
}

#[test]
fn several_that_start_on_an_empty_database_at_once_make_its_tables_once() {
    const NODES: usize = 8;
    let place = Place::new(&schema()).expect("a place");
    let at_once = Arc::new(Barrier::new(NODES));
    let open = || {
        at_once.wait();
        let options = Options { accepts_loss: true, ..Options::default() };
        Postgres::open(&place, &options)
    };
    let journals: Vec<Postgres> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..NODES).map(|_| scope.spawn(open)).collect();
        opening
            .into_iter()
            .map(|opening| opening.join().expect("no panic").expect("opened"))
            .collect()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for journal in journals {
        let (journal, records): (&dyn Journal, &dyn Records) = (&journal, &journal);
        assert!(
            runtime
                .block_on(journal.due(Id::from_bytes([0; 16]), None, 1))
                .expect("it works")
                .is_empty()
        );
        let all = runtime.block_on(records.entities(Query::default(), 1));
        assert_eq!(all.expect("it works"), []);
    }
}

/// A node of its own on a schema that others may use as well.
fn node_on(schema: &str) -> Node {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Node::start_with(folder, &["--accept-loss", "--store", schema])
}

/// Two nodes on one server, and a run of the first one that has begun a step. It is done once the
/// flag is there.
struct Two {
    first: Node,
    second: Node,
    run: String,
    flag: PathBuf,
}

impl Two {
    fn begin() -> Self {
        let schema = schema();
        let (first, second) = (node_on(&schema), node_on(&schema));
        let folder = second.folder.path();
        let (flag, plan) = (folder.join("flag"), folder.join("waits.yaml"));
        let command = format!("test -e {} || exec sleep 3600", text(&flag));
        let step = format!("  - {{name: a, command: '{command}', effect: none, timeout: 8}}");
        std::fs::write(&plan, format!("name: waits\nsteps:\n{step}\n")).expect("it is ours");
        let ended = first.run(&["run", text(&plan)]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let two = Two { first, second, run: ended.stdout.trim().to_owned(), flag };
        until("its step has begun", || (two.state(&two.first) == "running").then_some(()));
        // The second one sees it, and leaves it alone.
        assert_eq!(two.state(&two.second), "running");
        two
    }

    fn state(&self, node: &Node) -> Value {
        node.told(&["run", "show", &self.run])["state"].clone()
    }

    /// The second one takes it over, and brings it to its end.
    fn take_over(&self) {
        std::fs::write(&self.flag, "").expect("the folder is ours");
        until("it is done", || (self.state(&self.second) == "completed").then_some(()));
        let told = self.second.told(&["run", "show", &self.run]);
        let doubts = told["steps"][0]["doubts"].as_array().map_or(0, Vec::len);
        assert_eq!(doubts, 1, "{told}");
        let verified = self.second.said(&["run", "verify", &self.run]);
        assert!(verified.starts_with("the same: "), "{verified}");
    }
}

#[test]
fn what_a_node_had_that_was_killed_goes_on_with_another() {
    let two = Two::begin();
    two.first.signal("KILL");
    two.take_over();
}

#[test]
fn a_node_that_freezes_is_succeeded_and_changes_nothing_when_it_thaws() {
    let two = Two::begin();
    two.first.signal("STOP");
    two.take_over();
    let before = two.second.told(&["run", "show", &two.run]);
    two.first.signal("CONT");
    // It has heard of its step's end, and of being superseded, when nothing is at work any more.
    until("its step has ended", || {
        let ended = two.first.run(&["tree", "--json"]);
        (ended.code == Some(0) && !ended.stdout.contains(&two.run)).then_some(())
    });
    assert_eq!(two.second.told(&["run", "show", &two.run]), before);
    assert_eq!(two.first.told(&["run", "show", &two.run]), before);
    two.first.stop();
}

#[test]
fn a_folder_that_was_copied_is_no_second_node() {
    let schema = schema();
    let first = node_on(&schema);
    let copy = tempfile::tempdir().expect("a temporary folder");
    let id = "node.id";
    std::fs::copy(first.folder.path().join(id), copy.path().join(id)).expect("it is there");
    let second = Node::start_with(copy, &["--accept-loss", "--store", &schema]);
    let ended = first.ended();
    assert_eq!(ended.code, Some(70), "{ended:?}");
    for part in ["E0016: ", "another process has begun as this node"] {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
    second.stop();
}

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    const STEPS: usize = 25;
    const CUTS_MIN: usize = 5;
    let database = database();
    let node = node_on(&database);
    let ledger = node.folder.path().join("ledger");
    let steps: String = (0..STEPS)
        .map(|number| {
            format!("  - {{name: s{number}, command: 'echo {number} >> {}'}}\n", text(&ledger))
        })
        .collect();
    let plan = node.folder.path().join("many.yaml");
    std::fs::write(&plan, format!("name: many\nsteps:\n{steps}")).expect("the folder is ours");

    let (mut run, mut cuts) = (None, 0);
    let bearer = format!("Bearer {}", node.token());
    let (mut served, mut refused) = (0, 0);
    until("all of it is done", || {
        cuts += cut(&database);
        // The same key however often it is sent: a run that was begun is begun once.
        let ended = node.run(&["run", text(&plan), "--key", "once"]);
        match ended.code {
            Some(0) => run = Some(ended.stdout.trim().to_owned()),
            _ => assert!(ended.stderr.contains("cannot record now"), "{ended:?}"),
        }
        let asked = send(node.address(), "GET /v1/runs", &[("authorization", &bearer)], "");
        match asked.status {
            200 => served += 1,
            503 => {
                refused += 1;
                assert!(asked.header("retry-after").is_some(), "{asked:?}");
            }
            _ => panic!("{asked:?}"),
        }
        let lines = std::fs::read_to_string(&ledger).unwrap_or_default().lines().count();
        (STEPS <= lines).then_some(())
    });
    let run = run.expect("it was begun");
    let state = |name: &str| (node.told(&["run", "show", &run])["state"] == name).then_some(());
    until("it has ended", || state("completed"));
    let done = std::fs::read_to_string(&ledger).expect("it is there");
    let expected: String = (0..STEPS).map(|number| format!("{number}\n")).collect();
    assert_eq!(done, expected, "each once, and in order");
    assert!(node.said(&["run", "verify", &run]).starts_with("the same: "));
    // A test in which nothing was cut, or nothing answered, has shown nothing.
    assert!(CUTS_MIN <= cuts, "{cuts} connections were cut");
    assert!(0 < served, "{served} served, {refused} refused");
}

#[test]
fn what_is_said_to_one_node_reaches_the_run_that_another_one_has() {
    let two = Two::begin();
    let ended = two.second.run(&["run", "cancel", &two.run]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    until("it has ended", || (two.state(&two.second) == "canceled").then_some(()));
    assert_eq!(two.state(&two.first), "canceled");
}
