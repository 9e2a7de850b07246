//! The examples of the documentation, as they stand there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::{contents, step, story, word};
use crate::node::{Node, text};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples");

fn example(name: &str) -> String {
    contents(&Path::new(FOLDER).join(name))
}

/// The example with this in it, which has to stand there.
fn with(plan: &str, old: &str, new: &str) -> String {
    assert!(plan.contains(old), "no {old} in {plan}");
    plan.replace(old, new)
}

fn write(path: &Path, contents: &str) {
    std::fs::write(path, contents).expect("the folder is ours");
}

#[test]
fn a_backup_replaces_the_last_one_or_leaves_it() {
    let (node, plan) = (Node::start(), example("nightly-backup.yaml"));
    let place = node.workspace("nights");
    std::fs::create_dir(place.join("pictures")).expect("it is ours");
    write(&place.join("pictures/one"), "1");
    let query = [("workspace", text(&place)), ("input", "source=pictures")];
    let night = |more: &[(&str, &str)]| {
        let run = node.begin_plan(&plan, &[&query[..], more].concat());
        story(&node.finished(&run))
    };
    let well = "completed: make-room done, pack done, look-into-it done, keep-the-last-one done, \
                put-it-in-place done, tell done";
    let read = |name: &str| std::fs::read(place.join("backups").join(name)).expect("it is there");
    assert_eq!(night(&[]), well);
    let first = read("latest.tar");
    write(&place.join("pictures/two"), "2");
    assert_eq!(night(&[]), well);
    let second = read("latest.tar");
    assert_eq!(read("before.tar"), first);

    // Too few files: nothing was moved yet, and the new archive goes.
    let ill = "failed: make-room done, pack done, look-into-it failed, pack~undo done, \
               note-it~rollback done";
    assert_eq!(night(&[("input", "least=9")]), ill);
    assert_eq!(read("latest.tar"), second);
    assert!(!place.join("backups/new.tar").exists());

    // The last step fails: the archive of the night before comes back.
    let broken = with(&plan, "mv \"$WF_STORE/new.tar\"", "false \"$WF_STORE/new.tar\"");
    let run = node.begin_plan(&broken, &query);
    let ill = "failed: make-room done, pack done, look-into-it done, keep-the-last-one done, \
               put-it-in-place failed, keep-the-last-one~undo done, pack~undo done, \
               note-it~rollback done";
    assert_eq!(story(&node.finished(&run)), ill);
    assert_eq!(read("latest.tar"), second);
    assert_eq!(contents(&place.join("backups/log.txt")).lines().count(), 4);
}

/// Answers every request of one address: 200 while it is well.
struct Health {
    url: String,
    is_well: Arc<AtomicBool>,
}

impl Health {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/health", listener.local_addr().expect("it has one"));
        let is_well = Arc::new(AtomicBool::new(true));
        let answered = Arc::clone(&is_well);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let status = if answered.load(Ordering::SeqCst) { "200 OK" } else { "500 Ill" };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                // Whoever asks hears an answer or asks again.
                stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(head.as_bytes())).ok();
            }
        });
        Self { url, is_well }
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=n", "-c", "user.email=n@example.org"];
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(who).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().expect("git is there");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

fn commit(folder: &Path, version: &str) {
    write(&folder.join("version"), version);
    git(folder, &["add", "version"]);
    git(folder, &["commit", "-qm", version]);
}

#[test]
fn a_deployment_asks_ships_and_goes_back_if_what_it_shipped_is_ill() {
    let (node, plan, health) = (Node::start(), example("deploy.yaml"), Health::start());
    let place = node.workspace("shop");
    git(&place, &["init", "-q", "-b", "main"]);
    commit(&place, "1");
    let url = format!("url={}", health.url);
    let query = [("workspace", text(&place)), ("input", url.as_str())];
    let live = || contents(&place.join("live/version"));
    let built = "pin-the-commit done, build done, may-it-be-shipped done, ship done";

    for version in ["1", "2"] {
        commit(&place, &format!("{version}+"));
        let run = node.begin_plan(&plan, &query);
        let shown = node.await_step(&run, "may-it-be-shipped", "awaits_approval");
        assert_eq!(shown["state"], "waiting_for_human");
        let shown = node.finished_with_consent(&run);
        assert_eq!(story(&shown), format!("completed: {built}, is-it-well done, tidy-up done"));
        assert_eq!(live(), format!("{version}+"));
    }

    // Denied: nothing is shipped.
    commit(&place, "3");
    let run = node.begin_plan(&plan, &query);
    node.await_step(&run, "may-it-be-shipped", "awaits_approval");
    node.answer(&node.approvals(&run)[0], false);
    let denied =
        "failed: pin-the-commit done, build done, may-it-be-shipped failed, build~undo done";
    assert_eq!(story(&node.finished(&run)), denied);
    assert_eq!((live().as_str(), place.join("build").exists()), ("2+", false));

    health.is_well.store(false, Ordering::SeqCst);
    let shown = node.finished_with_consent(&node.begin_plan(&plan, &query));
    let ill = format!(
        "failed: {built}, is-it-well failed, build~undo done, back-to-what-ran-before~rollback done"
    );
    assert_eq!(story(&shown), ill);
    assert_eq!(step(&shown, "is-it-well")["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(live(), "2+");
}

#[test]
fn a_loop_goes_from_red_to_green_by_a_patch_and_no_further() {
    let (node, plan) = (Node::start(), example("fix-loop.yaml"));
    let begin = |name: &str, patch: &str| {
        let place = node.workspace(name);
        git(&place, &["init", "-q", "-b", "main"]);
        write(&place.join("sum"), "5\n");
        git(&place, &["add", "sum"]);
        git(&place, &["commit", "-qm", "a sum"]);
        let patch = format!("patch={patch}");
        let tests = ("input", "tests=test \"$(cat sum)\" = 4");
        node.begin_plan(&plan, &[("workspace", text(&place)), tests, ("input", &patch)])
    };
    let patch = |to: u32| format!("--- a/sum\n+++ b/sum\n@@ -1 +1 @@\n-5\n+{to}\n");
    let (good, bad) = (begin("good", &patch(4)), begin("bad", &patch(3)));

    let shown = node.finished(&good);
    let green = "completed: test failed, mend done, report done, summary done, test~2 done";
    assert_eq!(sorted(&story(&shown)), sorted(green));
    let diff = step(&shown, "report")["attachments"][0]["content"].clone();
    assert!(diff.to_string().contains("kept"), "{diff}");

    let shown = node.finished(&bad);
    assert_eq!(sorted(&story(&shown)), sorted("failed: test failed, mend done, test~2 failed"));
    assert!(word(&shown["reason"]).contains("gone around once"), "{}", shown["reason"]);
}

/// Its words in order: a further pass stands where its step does, or at the end.
fn sorted(story: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = story.split([':', ',']).map(str::trim).collect();
    parts.sort_unstable();
    parts
}

#[test]
fn a_plan_waits_for_a_word_and_acts_without_it_as_well() {
    let (node, plan) = (Node::start(), example("long-wait.yaml"));
    let plan = with(&plan, "for: 10m", "for: 1s");
    let place = node.workspace("quiet");
    let run = node.begin_plan(&plan, &[("workspace", text(&place))]);
    let shown = node.await_step(&run, "somebody-says-that-it-is-quiet", "running");
    assert_eq!(shown["state"], "running");
    node.say(&format!("/v1/runs/{run}/signals/quiet"), &json!({}));
    let heard = "completed: let-it-settle done, somebody-says-that-it-is-quiet done, act done, \
                 act-all-the-same skipped";
    assert_eq!(story(&node.finished(&run)), heard);
    assert_eq!(contents(&place.join("done.txt")), "they said so\n");

    let plan = with(&plan, "timeout: 8h", "timeout: 1s");
    let query = [("workspace", text(&place)), ("input", "note=late.txt")];
    let unheard = "completed: let-it-settle done, somebody-says-that-it-is-quiet failed, \
                   act skipped, act-all-the-same done";
    assert_eq!(story(&node.finished(&node.begin_plan(&plan, &query))), unheard);
    assert_eq!(contents(&place.join("late.txt")), "nobody said so\n");
}
