//! The program as its users meet it: the real binary, one process per node, over real sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

mod approvals;
mod copies;
mod crash;
mod drain;
mod errors;
mod http;
mod plans;
mod process;
mod records;
mod refusals;
mod runs;
mod scripts;
mod verify;

use http::ask;
use process::{Ended, Lares};

pub(crate) use http::{Answer, send};
pub(crate) use scripts::{Pipe, until};

/// A node that runs, on a folder of its own and a port nobody else has.
pub(crate) struct Node {
    pub(crate) folder: TempDir,
    process: Lares,
    /// What it printed: `http://ADDR:PORT`.
    url: String,
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::start_on(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn start_on(folder: TempDir) -> Self {
        match crate::server::of_node(folder.path()) {
            Some(store) => Self::start_with(folder, &["--accept-loss", "--store", &store]),
            None => Self::start_with(folder, &[]),
        }
    }

    /// Its journal is where that is said, whatever others do.
    pub(crate) fn start_with(folder: TempDir, more: &[&str]) -> Self {
        let up = ["up", "--data", text(folder.path()), "--listen", ANY];
        let process = Lares::start(&[&up, more].concat());
        Self::of(folder, process)
    }

    fn of(folder: TempDir, mut process: Lares) -> Self {
        let line = process.line();
        let url = line.strip_prefix("lares is listening on ").expect("it says where").to_owned();
        Self { folder, process, url }
    }

    fn data(&self) -> &str {
        text(self.folder.path())
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("a node speaks http")
    }

    fn described(&self) -> Value {
        let described = std::fs::read(self.folder.path().join("node.json")).expect("it is there");
        serde_json::from_slice(&described).expect("it is JSON")
    }

    pub(crate) fn token(&self) -> String {
        self.described()["token"].as_str().expect("it has a token").to_owned()
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.address(), path, headers)
    }

    fn is_described(&self) -> bool {
        self.folder.path().join("node.json").exists()
    }
}

/// Any free port of loopback.
const ANY: &str = "127.0.0.1:0";

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

pub(crate) fn run(arguments: &[&str]) -> Ended {
    Lares::start(arguments).end()
}

/// Runs it, and expects one line on stderr that has all of these parts, and nothing on stdout.
pub(crate) fn check_refused(arguments: &[&str], code: i32, parts: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    assert_eq!(ended.stdout, "", "{arguments:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "{arguments:?}: no {part:?} in {}", ended.stderr);
    }
}

#[test]
fn a_node_says_where_it_listens_and_describes_itself() {
    let node = Node::start();
    assert!(!node.url.ends_with("/") && !node.url.ends_with(":0"), "{}", node.url);

    let described = node.described();
    assert_eq!(described["url"], node.url.as_str());
    assert_eq!(described["pid"], node.process.pid());
    let token = described["token"].as_str().expect("it has a token");
    assert!(32 <= token.len(), "{token} is easily guessed");
    assert_eq!(described.as_object().map(|fields| fields.len()), Some(3), "{described}");

    let path = node.folder.path().join("node.json");
    let mode = std::fs::metadata(path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(token, Node::start().token(), "two nodes share a token");
}

#[test]
fn a_node_needs_no_home_and_makes_its_folder_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut process = Lares::start_in(folder.path(), &["up", "--listen", ANY]);
    assert!(process.line().starts_with("lares is listening on http://127.0.0.1:"));
    let made = folder.path().join("lares-data");
    let mode = std::fs::metadata(&made).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let tree = Lares::start_in(folder.path(), &["tree"]).end();
    assert_eq!(tree.code, Some(0), "{tree:?}");
}

#[test]
fn anyone_may_ask_whether_it_lives_and_is_ready() {
    let node = Node::start();
    for path in ["/livez", "/readyz"] {
        assert_eq!(node.ask(path, &[]).status, 200, "{path}");
        let foreign = [("Host", "example.org"), ("Origin", "http://example.org")];
        assert_eq!(node.ask(path, &foreign).status, 200, "{path}");
    }
}

#[test]
fn everything_else_needs_the_token_a_loopback_host_and_no_foreign_origin() {
    let node = Node::start();
    let bearer = format!("Bearer {}", node.token());
    let bearer = ("Authorization", bearer.as_str());
    let own = ("Origin", node.url.as_str());

    let answer = node.ask("/v1/tree", &[bearer]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["id"], "root");

    let rows = [
        ("/v1/tree", &[bearer, own][..], 200),
        ("/v1/tree", &[bearer, ("Host", "localhost")], 200),
        ("/v1/tree", &[bearer, ("Host", "[::1]:80")], 200),
        ("/v1/tree", &[], 401),
        ("/v1/tree", &[("Authorization", "Bearer guess")], 401),
        ("/v1/tree", &[bearer, ("Host", "example.org")], 403),
        ("/v1/tree", &[bearer, ("Origin", "http://example.org")], 403),
        ("/v1/tree", &[bearer, ("Origin", "null")], 403),
        ("/nowhere", &[], 401),
        ("/nowhere", &[bearer], 404),
    ];
    for (path, headers, status) in rows {
        let answer = node.ask(path, headers);
        assert_eq!(answer.status, status, "{path} {headers:?}");
        if status != 200 {
            let error = &answer.json()["error"];
            assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
        }
    }
}

#[test]
fn the_tree_is_read_by_people_and_by_programs() {
    let node = Node::start();
    let table = run(&["tree", "--data", node.data()]);
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.stdout.lines().any(|line| line.starts_with("root ")), "{}", table.stdout);

    let json = run(&["tree", "--json", "--data", node.data()]);
    assert_eq!(json.code, Some(0), "{json:?}");
    assert_eq!(json.stdout.lines().count(), 1, "{}", json.stdout);
    let root = serde_json::from_str(&json.stdout).expect("it is one object");
    check_actor(&root);
    assert_eq!(root["id"], "root");
    assert_eq!(root["state"], "running");
}

fn check_actor(actor: &Value) {
    for name in ["id", "kind", "state"] {
        assert!(actor[name].is_string(), "{name} in {actor}");
    }
    let numbers = ["incarnation", "restarts", "age_ms"].map(|name| &actor[name]);
    let mailbox = ["depth", "bound"].map(|name| &actor["mailbox"][name]);
    assert!(numbers.into_iter().chain(mailbox).all(Value::is_u64), "{actor}");
    let error = actor.get("last_error").expect("it has the field, null or not");
    assert!(error.is_null() || error.is_string(), "{actor}");
    for child in actor["children"].as_array().expect("children are a list") {
        check_actor(child);
    }
}

#[test]
fn a_node_is_found_by_its_address_and_a_token() {
    let node = Node::start();
    let arguments = ["tree", "--json", "--url", &node.url];
    let token = node.token();
    let ended = Lares::start_with(&[("LARES_TOKEN", &token)], &arguments).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    for environment in [&[][..], &[("LARES_TOKEN", "guess")]] {
        let ended = Lares::start_with(environment, &arguments).end();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("LARES_TOKEN"), "{}", ended.stderr);
    }
    assert_eq!(run(&["tree", "--url", "nonsense"]).code, Some(2));
}

#[test]
fn without_a_node_one_is_told_how_to_start_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = text(folder.path());
    let how = format!("lares up --data {data}");
    check_refused(&["tree", "--data", data], 3, &["no node is running", &how]);
    let nowhere = folder.path().join("nowhere");
    check_refused(&["tree", "--data", text(&nowhere)], 3, &["no node is running"]);
    check_refused(&["tree", "--url", "http://127.0.0.1:1"], 3, &["no node answers", "lares up"]);
}

#[test]
fn a_second_node_on_a_folder_is_refused_with_the_pid_of_the_first() {
    let node = Node::start();
    let pid = node.process.pid().to_string();
    let up = ["up", "--data", node.data(), "--listen", ANY];
    check_refused(&up, 2, &["E0003: another node", node.data(), &pid]);
    assert_eq!(node.ask("/livez", &[]).status, 200, "the first suffered");
    assert!(node.is_described(), "the second took the first's description away");
}

#[test]
fn an_address_that_cannot_work_is_refused_in_one_line() {
    let node = Node::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = text(folder.path());
    let up = |address: &str, parts: &[&str]| {
        check_refused(&["up", "--data", data, "--listen", address], 2, parts);
    };
    up(node.address(), &[node.address(), "taken"]);
    up("0.0.0.0:0", &["0.0.0.0:0", "accounts"]);
    up("[::]:0", &["[::]:0", "accounts"]);
    assert!(!folder.path().join("node.json").exists());
    let nowhere = folder.path().join("nowhere");
    check_refused(&["up", "--data", text(&nowhere), "--listen", "192.0.2.1:0"], 2, &["192.0.2.1"]);
    assert!(!nowhere.exists(), "a mistyped address leaves nothing behind");

    for malformed in ["127.0.0.1", "7878", "127.0.0.1:99999", "here:there"] {
        let ended = run(&["up", "--data", data, "--listen", malformed]);
        assert_eq!(ended.code, Some(2), "{malformed}: {ended:?}");
        assert!(ended.stderr.contains(malformed), "{malformed}: {}", ended.stderr);
    }
}

#[test]
fn what_is_unknown_is_answered_with_what_was_meant() {
    check_refused(&["up", "--lisen", ANY], 2, &["did you mean `--listen`?"]);
    check_refused(&["tree", "--jsn"], 2, &["did you mean `--json`?"]);
    check_refused(&["tre"], 2, &["did you mean `tree`?"]);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("lares.toml");
    std::fs::write(&file, "# mine\n[runtime]\nlost_thread_max = 3\n").expect("it is ours");
    let place = format!("{}:3:", file.display());
    let meant = "did you mean `runtime.lost_threads_max`?";
    check_refused(&["up", "--data", text(folder.path())], 2, &[&place, meant]);
}

#[test]
fn a_guard_is_nothing_for_people() {
    check_refused(&["guard"], 2, &["started by a node"]);
    check_refused(&["guard", "watch", "hands"], 2, &["started by a node"]);
    assert!(!run(&["--help"]).stdout.contains("guard"));
}

#[test]
fn the_command_line_counts_before_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("lares.toml");
    std::fs::write(&file, "listen = \"0.0.0.0:1\"\n").expect("it is ours");
    check_refused(&["up", "--data", text(folder.path())], 2, &["0.0.0.0:1"]);
    assert!(Node::start_on(folder).url.starts_with("http://127.0.0.1:"));
}

#[test]
fn a_node_that_is_told_to_stop_says_farewell() {
    for signal in ["TERM", "INT"] {
        let mut node = Node::start();
        node.process.signal(signal);
        let ended = node.process.end();
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
        assert!(!node.is_described(), "{signal}: it can still be found");
        check_refused(&["tree", "--data", node.data()], 3, &["no node is running"]);
    }
}

#[test]
fn a_node_whose_log_cannot_be_written_lives_and_ends_as_any_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = text(folder.path());
    let mut process = Lares::start_unheard(&["up", "--data", data, "--listen", ANY]);
    process.line();
    assert_eq!(run(&["tree", "--data", data]).code, Some(0));
    process.signal("TERM");
    assert_eq!(process.end().code, Some(0));
}

#[test]
fn a_second_signal_ends_a_node_at_once() {
    let mut node = Node::start();
    // A request that never comes to its end keeps the door from closing for some seconds.
    let _unfinished = http::begin(node.address());
    assert_eq!(node.ask("/livez", &[]).status, 200);
    node.process.signal("TERM");
    node.process.log_line("stopping");
    node.process.signal("TERM");
    let ended = node.process.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("second SIGTERM"), "{}", ended.stderr);
    assert!(!node.is_described(), "it can still be found");
}

#[test]
fn a_node_whose_root_gave_up_says_why_and_ends_with_a_code_of_its_own() {
    let mut node = Node::start();
    // With no descriptor left no door can open, however often it is restarted.
    node.process.allow_files(1);
    let _knock = http::begin(node.address());
    let ended = node.process.end();
    assert_eq!(ended.code, Some(70), "{ended:?}");
    for part in ["E0008: the root gave up", "root/doors/http", "start it again"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(!node.is_described(), "it can still be found");
}

#[test]
fn after_a_kill_the_folder_serves_the_next_node() {
    let mut node = Node::start();
    node.process.signal("KILL");
    assert_eq!(node.process.end().code, None);
    assert!(node.is_described(), "nobody was left to remove it");
    check_refused(&["tree", "--data", node.data()], 3, &["no node is running", "lares up"]);

    let old = node.token();
    let next = Node::start_on(node.folder);
    assert_eq!(next.described()["pid"], next.process.pid());
    assert_ne!(next.token(), old);
    assert_eq!(run(&["tree", "--data", next.data()]).code, Some(0));
}
