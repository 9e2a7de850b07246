//! House rules about the text of sources and pages.

use super::demand;
use super::repository::{self, File, TIDY};

/// Where ractor may be named: its owner, and the measures that compare with it raw.
const RACTOR: &[&str] = &["supervision/runtime/", "loadtest/"];
/// Where a test may wait for real time: the simulated world's own adapters, and measures.
const SLEEPERS: &[&str] = &["tests/kit/", "loadtest/"];
/// Folders that exist on somebody's machine and not on the next one.
const MACHINE_FOLDERS: &[&str] = &["/work", "/root", "/home", "/tmp", "/Users"];

#[test]
fn nobody_outside_the_runtime_names_ractor() {
    let breaches = breaches(&repository::rust_files(), RACTOR, |line| {
        let words = ["ActorRef", "ActorCell", "ractor::", "use ractor"];
        !is_comment(line) && words.iter().any(|word| line.contains(word))
    });
    demand(
        &breaches,
        "hold a narrow handle of supervision/runtime instead: ractor's own mailboxes have no bound \
         and die with their actor.",
    );
}

#[test]
fn no_test_is_ignored() {
    let breaches = breaches(&repository::rust_files(), &[], |line| {
        let conditional = line.contains("cfg_attr") && line.contains("ignore");
        !is_comment(line) && (line.contains("#[ignore") || conditional)
    });
    demand(
        &breaches,
        "assert what it does now and say so with a `fixme`, or delete it: a test that does not run \
         is read as one that passes.",
    );
}

#[test]
fn no_test_sleeps() {
    let mut tests = repository::rust_files();
    tests.retain_mut(keep_test_code);
    let breaches = breaches(&tests, SLEEPERS, |line| {
        !is_comment(line)
            && (line.contains("thread::sleep")
                || line.contains("time::sleep")
                || line.contains("use std::thread::sleep"))
    });
    demand(
        &breaches,
        "wait for the fact itself: a message, an answer, the paused clock of kit::World. What \
         polls the real world lives in tests/kit.",
    );
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let breaches = breaches(&repository::files(), &[], names_machine_folder);
    demand(
        &breaches,
        "write the path relative to the repository, take it from an option, or make a temporary \
         folder.",
    );
}

#[test]
fn no_file_has_marks_of_an_unfinished_merge() {
    let breaches = breaches(&repository::files(), &[], |line| {
        line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")
    });
    demand(&breaches, "settle the merge there.");
}

/// `path:line: text` of every line that breaks a rule, except under the given folders.
fn breaches(files: &[File], except: &[&str], breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let judged = files.iter().filter(|file| {
        !file.path.starts_with(TIDY) && !except.iter().any(|folder| file.path.starts_with(folder))
    });
    judged
        .flat_map(|file| file.lines().map(move |(number, line)| (file, number, line)))
        .filter(|(_, _, line)| breaks(line))
        .map(|(file, number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Leaves of a file what only tests compile, its lines where they were; `false` if that is nothing.
fn keep_test_code(file: &mut File) -> bool {
    if file.path.contains("tests/") || file.path.ends_with("tests.rs") {
        return true;
    }
    let Some(start) = file.text.find("#[cfg(test)]\nmod tests {") else { return false };
    let lines_before = file.text[..start].matches('\n').count();
    file.text.replace_range(..start, &"\n".repeat(lines_before));
    true
}

/// Whether an absolute path into such a folder begins somewhere in the line. `actors/work` and
/// `https://example.org/home` are not: something stands before their slash.
fn names_machine_folder(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        line.match_indices(folder).any(|(start, _)| {
            let before = line[..start].chars().next_back();
            let after = line[start + folder.len()..].chars().next();
            let inside = |c: char| c.is_alphanumeric() || "._-/*}>)$".contains(c);
            let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            !before.is_some_and(inside) && !after.is_some_and(goes_on)
        })
    })
}

#[test]
fn a_path_of_one_machine_is_told_from_a_path_of_the_house() {
    let rows = [
        ("cd /work/lares", true),
        ("`/root`", true),
        ("dir = \"/home/ada/lares\"", true),
        ("see /tmp/x", true),
        ("actors/work/src", false),
        ("http://localhost/home", false),
        ("/workspace", false),
        ("/v1/tree", false),
        ("root/a", false),
        ("${TMPDIR:-/tmp}/work", false),
    ];
    for (line, expected) in rows {
        assert_eq!(names_machine_folder(line), expected, "{line}");
    }
}
