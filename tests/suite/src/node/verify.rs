//! `lares verify durability`: it passes here, its report has one shape, and nothing of it stays.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Ended, Lares};
use super::scripts::until;
use super::{check_refused, text};

/// A machine whose temporary folder is this one, so that nothing else is in it.
fn start(temporary: &TempDir, more: &[&str]) -> Lares {
    let arguments = [&["verify", "durability"], more].concat();
    Lares::start_with(&[("TMPDIR", text(temporary.path()))], &arguments)
}

fn check_nothing_is_left(temporary: &TempDir) {
    let left = std::fs::read_dir(temporary.path()).expect("it is there");
    let left: Vec<_> = left.map(|file| file.expect("it can be read").file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    // A guard that was just being started notices a moment later that nobody holds its pipe.
    until("nothing of it runs", || processes_of(temporary.path()).is_empty().then_some(()));
}

/// The command lines of all processes that name this folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("every Linux has it");
    let lines = processes.filter_map(|process| {
        // It may end while one looks.
        let line = std::fs::read(process.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(text(folder))).collect()
}

fn check_shape(ended: &Ended, report: &Value) {
    assert_eq!(report["status"], "passed", "{ended:?} {report}");
    let checks = report["checks"].as_array().expect("a list");
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str()).collect();
    let expected = ["restart_continuity", "replay_equivalence", "failure_injection"];
    assert_eq!(names, expected.map(Some));
    for (check, name) in checks.iter().zip(expected) {
        assert_eq!(check["status"], "passed", "{check}");
        assert!(check["what"].is_string() && check["took_ms"].is_u64(), "{check}");
        assert!(check["evidence"].as_object().is_some_and(|all| 5 < all.len()), "{check}");
        assert_eq!(check["failures"].as_array().map(Vec::len), Some(0), "{check}");
        let line = format!("lares: {name} passed after");
        assert!(ended.stderr.contains(&line), "{line}: {}", ended.stderr);
    }
}

#[test]
fn every_promise_is_shown_to_hold_and_nothing_of_it_stays() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("report.json");
    let ended = start(&temporary, &["--out", text(&file)]).end();
    let report = std::fs::read_to_string(&file).expect("it is written");
    let report: Value = serde_json::from_str(&report).expect("it is JSON");
    check_shape(&ended, &report);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert!(report.get("folder").is_none(), "{report}");

    let evidence = &report["checks"][0]["evidence"];
    for (name, expected) in [("kills", 3), ("effects_once", 120), ("effects_lost", 0)] {
        assert_eq!(evidence[name], expected, "{evidence}");
    }
    assert_eq!(evidence["kill_to_next_step_ms"].as_array().map(Vec::len), Some(3), "{evidence}");
    check_nothing_is_left(&temporary);
}

#[test]
fn who_interrupts_it_ends_all_that_it_has_started() {
    for (signal, name) in [("TERM", "SIGTERM"), ("INT", "SIGINT")] {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let mut verifying = start(&temporary, &[]);
        // Its command line, and those of a node and of a guard.
        until("a command runs", || {
            let lines = processes_of(temporary.path());
            let has = |verb: &str| lines.iter().any(|line| line.contains(verb));
            (has(" up ") && has("LARES_KEY")).then_some(())
        });
        verifying.signal(signal);
        let ended = verifying.end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains(&format!("ended by {name}")), "{}", ended.stderr);
        check_nothing_is_left(&temporary);
    }
}

#[test]
fn what_is_somebodys_is_not_used_and_a_report_without_a_place_is_not_begun() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mine = folder.path().join("mine");
    std::fs::write(&mine, "my diary").expect("it is ours");
    let keep = ["verify", "durability", "--keep", text(folder.path())];
    check_refused(&keep, 2, &["is not empty", "--keep"]);
    let nowhere = folder.path().join("no/such/report");
    let out = ["verify", "durability", "--out", text(&nowhere)];
    check_refused(&out, 2, &["cannot write", "no/such/report"]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 1);
    check_refused(&["verify", "durabilty"], 2, &["did you mean `durability`?"]);
}
