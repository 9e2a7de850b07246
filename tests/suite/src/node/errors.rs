//! What keeps a node from starting or from going on: each with a code, whose page says what to do.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::json;

use super::process::Lares;
use super::{ANY, Node, check_refused, run, text};

/// A folder in which a node has run.
fn used() -> tempfile::TempDir {
    Node::start().stop()
}

fn check_start(folder: &tempfile::TempDir, parts: &[&str]) {
    let up = ["up", "--data", text(folder.path()), "--listen", ANY];
    check_refused(&up, 2, parts);
}

#[test]
fn the_journal_of_a_newer_program_is_left_alone() {
    let folder = used();
    let connection = Connection::open(folder.path().join("lares.db")).expect("it is there");
    connection.pragma_update(None, "user_version", 999).expect("it can be written");
    drop(connection);
    check_start(&folder, &["E0001: ", "version 999", "newer lares"]);
}

#[test]
fn a_folder_or_a_file_that_cannot_be_written_is_named() {
    // Not even root makes a folder or writes a file there.
    let up = ["up", "--data", "/sys/lares", "--listen", ANY];
    check_refused(&up, 2, &["E0002: ", "/sys/lares"]);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("lares.db");
    std::os::unix::fs::symlink("/sys/kernel/fscaps", &place).expect("the folder is ours");
    check_start(&folder, &["E0002: ", "cannot be written"]);
}

#[test]
fn what_is_no_journal_is_not_touched() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("lares.db");
    let diary = "dear diary, ".repeat(1_000);
    std::fs::write(&file, &diary).expect("the folder is ours");
    check_start(&folder, &["E0005: ", "is no journal", "restore a backup"]);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), diary);
}

#[test]
fn a_journal_that_was_emptied_is_not_begun_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("lares.db"), "").expect("the folder is ours");
    std::fs::write(folder.path().join("lares.db-wal"), "frames").expect("the folder is ours");
    check_start(&folder, &["E0005: ", "damaged", "restore a backup"]);
}

#[test]
fn nobody_else_may_read_what_a_node_makes_in_a_folder_that_others_see() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), all).expect("the folder is ours");
    let node = Node::start_on(folder);
    for name in ["lares.db", "lares.db-wal", "lares.db-shm", "guards.lock", "node.json", "lock"] {
        let found = std::fs::metadata(node.folder.path().join(name)).expect(name);
        assert_eq!(found.permissions().mode() & 0o077, 0, "{name}");
    }
}

#[test]
fn tools_of_an_earlier_node_are_waited_for_and_named() {
    let folder = used();
    let hands = File::open(folder.path().join("guards.lock")).expect("it is there");
    hands.lock_shared().expect("nobody has it");
    let pid = std::process::id().to_string();
    check_start(&folder, &["E0006: ", &pid, "kill -TERM"]);
}

#[test]
fn a_journal_that_another_program_holds_is_waited_for_and_named() {
    let folder = used();
    let holder = Connection::open(folder.path().join("lares.db")).expect("it is there");
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE").expect("it is free");
    check_start(&folder, &["E0009: ", "another program holds"]);
}

#[test]
fn the_page_of_an_error_is_printed() {
    let ended = run(&["explain", "e0003"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in ["# E0003: ", "## What happened", "## Why", "## What to do"] {
        assert!(ended.stdout.contains(part), "no {part:?} in {}", ended.stdout);
    }
    check_refused(&["explain", "E9999"], 2, &["no code of an error", "E0001 to E0017"]);
}

/// Compiles what stands between the program and the system from its start.
fn preloaded(folder: &Path, source: &str) -> PathBuf {
    let (file, library) = (folder.join("disk.c"), folder.join("disk.so"));
    std::fs::write(&file, source).expect("the folder is ours");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o", text(&library), text(&file)]).status();
    assert!(compiled.expect("lares itself needs a C compiler").success());
    library
}

/// Has no room for a page, as a disk that is full.
const FULL_DISK: &str = r#"
#include <errno.h>
#include <unistd.h>
static ssize_t refuse(void) { errno = ENOSPC; return -1; }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) { return refuse(); }
ssize_t pwrite64(int f, const void *b, size_t n, long o) { return refuse(); }
"#;

#[test]
fn a_full_disk_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = preloaded(folder.path(), FULL_DISK);
    let up = ["up", "--data", text(folder.path()), "--listen", ANY];
    let ended = Lares::start_with(&[("LD_PRELOAD", text(&library))], &up).end();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for part in ["E0010: ", "is full", "make room"] {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
}

/// Fails every sync once the file that `BROKEN` names is there, as a disk does that has died.
const BROKEN_DISK: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int sync_or_fail(void) {
    const char *mark = getenv("BROKEN");
    if (mark && access(mark, F_OK) == 0) { errno = EIO; return -1; }
    return 0;
}
int fsync(int file) { (void)file; return sync_or_fail(); }
int fdatasync(int file) { (void)file; return sync_or_fail(); }
"#;

#[test]
fn a_disk_that_does_not_confirm_a_write_ends_the_node_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = preloaded(folder.path(), BROKEN_DISK);
    let mark = folder.path().join("broken");
    let environment = [("LD_PRELOAD", text(&library)), ("BROKEN", text(&mark))];
    let up = ["up", "--data", text(folder.path()), "--listen", ANY];
    let mut process = Lares::start_with(&environment, &up);
    process.line();
    let script = folder.path().join("script.json");
    let steps = json!([{"id": "w", "tool": "wait", "args": {"ms": 1}}]);
    let rounds = json!({"version": 1, "rounds": [{"steps": steps}]});
    std::fs::write(&script, rounds.to_string()).expect("the folder is ours");
    let open = || run(&["run", text(&script), "--data", text(folder.path())]);
    let known = open();
    assert_eq!(known.code, Some(0), "{known:?}");

    std::fs::write(&mark, "").expect("the folder is ours");
    assert_ne!(open().code, Some(0), "acknowledged, and nobody knows whether it is kept");
    let ended = process.end();
    assert_eq!(ended.code, Some(70), "{ended:?}");
    for part in ["E0007: ", "has not confirmed a write", "look at the disk"] {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }

    std::fs::remove_file(&mark).expect("it is there");
    let node = Node::start_on(folder);
    let runs = node.said(&["runs"]);
    assert!(runs.contains(known.stdout.trim_end()), "{runs}");
}
