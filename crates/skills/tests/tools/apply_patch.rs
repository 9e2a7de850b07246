//! The tool `apply_patch`.

use std::future::{Future, poll_fn};
use std::pin::pin;

use domain::tool::{Class, Media};
use serde_json::{Value, json};
use skills::hands::hands_down;

use crate::bench::{Bench, attached, check_failure};
use crate::ends::once;
use crate::yard::PATIENCE;

const PATCH: &str = "diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n\
                     @@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const BEFORE: &str = "one\ntwo\nthree\n";
const AFTER: &str = "one\nTWO\nthree\n";

fn patch(text: &str) -> Value {
    json!({ "patch": text })
}

#[tokio::test]
async fn a_patch_is_applied_once_however_often_it_is_asked_for() {
    for bench in [Bench::new(), Bench::repository(&[("other", "")])] {
        bench.write("src/a.txt", BEFORE);
        for already in [false, true, true] {
            let output = bench.act("apply_patch", patch(PATCH)).await.expect("it applies");
            let file = json!({ "path": "src/a.txt", "added": 1, "removed": 1 });
            let value = json!({ "files": [file], "added": 1, "removed": 1, "already": already });
            assert_eq!(output.value, value);
            assert_eq!(attached(&output, "patch", Media::Patch), PATCH);
            assert_eq!(bench.read("src/a.txt"), AFTER);
        }
    }
}

#[tokio::test]
async fn lines_that_were_added_once_are_not_added_again() {
    let added = "--- a/list\n+++ b/list\n@@ -1 +1,2 @@\n x\n+x\n";
    let bench = Bench::new();
    bench.write("list", "x\n");
    for _ in 0..3 {
        bench.act("apply_patch", patch(added)).await.expect("it applies or has");
        assert_eq!(bench.read("list"), "x\nx\n");
    }
}

#[tokio::test]
async fn what_another_place_has_already_is_still_added_where_the_patch_says() {
    let twin = "begin\na\nb\nc\nend\n";
    let done = "begin\na\nb\nNEW\nc\nend\n";
    let added = "--- a/f\n+++ b/f\n@@ -2,3 +2,4 @@\n a\n b\n+NEW\n c\n";
    let bench = Bench::new();
    bench.write("f", &format!("{twin}{done}"));
    let output = bench.act("apply_patch", patch(added)).await.expect("it applies");
    assert_eq!(output.value["already"], false);
    assert_eq!(bench.read("f"), format!("{done}{done}"));
    let output = bench.act("apply_patch", patch(added)).await.expect("it is there");
    assert_eq!(output.value["already"], true);
    assert_eq!(bench.read("f"), format!("{done}{done}"));
}

#[tokio::test]
async fn a_patch_that_may_be_there_or_not_is_left_to_a_person() {
    let twin = "a\nb\nc\n";
    let done = "a\nb\nNEW\nc\n";
    let added = "--- a/f\n+++ b/f\n@@ -20,3 +20,4 @@\n a\n b\n+NEW\n c\n";
    let bench = Bench::new();
    let before = format!("first\n{twin}{done}last\n");
    bench.write("f", &before);
    let failure = bench.act("apply_patch", patch(added)).await.expect_err("nobody can tell");
    check_failure(&failure, Class::Failed, &["as if it were not"]);
    assert_eq!(bench.read("f"), before);
}

#[tokio::test]
async fn a_patch_in_a_folder_of_a_repository_means_that_folder() {
    let bench = Bench::repository(&[("src/a.txt", "another\n")]);
    bench.write("part/src/a.txt", BEFORE);
    let workspace = json!({ "id": "part", "path": bench.path().join("part") });
    let args = json!({ "patch": PATCH, "workspace": workspace });
    let output = bench.act("apply_patch", args).await.expect("it applies");
    assert_eq!(output.value["already"], false);
    assert_eq!(bench.read("part/src/a.txt"), AFTER);
    assert_eq!(bench.read("src/a.txt"), "another\n");
}

#[tokio::test]
async fn blanks_stay_as_the_patch_has_them() {
    let bench = Bench::new();
    bench.write("a", "x\n");
    let blanks = "--- a/a\n+++ b/a\n@@ -1 +1,3 @@\n x\n+ \ty  \n+z\r\n";
    bench.act("apply_patch", patch(blanks)).await.expect("it applies");
    assert_eq!(bench.read("a"), "x\n \ty  \nz\r\n");
}

#[tokio::test]
async fn files_are_made_moved_and_removed_and_a_missing_last_line_end_is_no_matter() {
    let bench = Bench::new();
    bench.write("old", "a\n");
    bench.write("gone", "b\n");
    let text = "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n\
                @@ -0,0 +1 @@\n+n\ndiff --git a/old b/dir/moved\nsimilarity index 100%\n\
                rename from old\nrename to dir/moved\ndiff --git a/gone b/gone\n\
                deleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-b";
    for already in [false, true] {
        let output = bench.act("apply_patch", patch(text)).await.expect("it applies");
        assert_eq!(output.value["already"], already);
        assert_eq!((bench.read("new"), bench.read("dir/moved")), ("n\n".into(), "a\n".into()));
        assert!(!bench.path().join("old").exists() && !bench.path().join("gone").exists());
    }
}

#[tokio::test]
async fn a_patch_that_does_not_fit_changes_nothing_and_names_the_file() {
    let bench = Bench::new();
    bench.write("src/a.txt", "something\nelse\n");
    bench.write("b", "x\n");
    let both = format!("--- a/b\n+++ b/b\n@@ -1 +1 @@\n-x\n+y\n{PATCH}");
    let failure = bench.act("apply_patch", patch(&both)).await.expect_err("it does not fit");
    let words = "changed: patch failed: src/a.txt:1; src/a.txt: patch does not apply; make";
    check_failure(&failure, Class::Failed, &[words]);
    assert_eq!(bench.read("b"), "x\n");
}

#[tokio::test]
async fn a_patch_that_reaches_out_of_its_workspace_is_refused() {
    let rows = [
        ("--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n", "leads out"),
        ("--- a/x/../../out\n+++ b/x/../../out\n@@ -0,0 +1 @@\n+x\n", "leads out"),
        ("--- /dev/null\n+++ /etc/out\n@@ -0,0 +1 @@\n+x\n", "absolute"),
        ("--- /dev/null\n+++ b/.git/hooks/out\n@@ -0,0 +1 @@\n+x\n", "git itself"),
        ("--- /dev/null\n+++ \"b/.\\056/out\"\n@@ -0,0 +1 @@\n+x\n", "leads out"),
        ("diff --git a/in b/in\nrename from ../out\nrename to in\n", "leads out"),
        ("diff --git a/../out b/../out\ndeleted file mode 100644\n", "leads out"),
        ("nothing that is a patch", "names no file"),
        ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n", "corrupt patch"),
    ];
    for bench in [Bench::new(), Bench::repository(&[])] {
        for (text, part) in rows {
            let failure = bench.act("apply_patch", patch(text)).await.expect_err("it reaches out");
            check_failure(&failure, Class::Refused, &[part]);
        }
        assert!(!bench.yard.folder().join("out").exists());
    }
}

#[tokio::test]
async fn no_link_leads_a_patch_out_of_its_workspace() {
    let through = "--- /dev/null\n+++ b/link/out\n@@ -0,0 +1 @@\n+x\n";
    let bench = Bench::new();
    std::os::unix::fs::symlink("..", bench.path().join("link")).expect("it is new");
    let failure = bench.act("apply_patch", patch(through)).await.expect_err("it leads out");
    check_failure(&failure, Class::Failed, &["link/out"]);

    let makes = "diff --git a/way b/way\nnew file mode 120000\n--- /dev/null\n+++ b/way\n\
                 @@ -0,0 +1 @@\n+..\n\\ No newline at end of file\n";
    let both = format!("{makes}{}", through.replace("link", "way"));
    let failure = bench.act("apply_patch", patch(&both)).await.expect_err("it leads out");
    check_failure(&failure, Class::Failed, &["way/out"]);
    assert!(!bench.yard.folder().join("out").exists());
}

#[tokio::test]
async fn who_is_stopped_before_the_patch_is_applied_has_changed_nothing() {
    let bench = Bench::new();
    bench.write("src/a.txt", BEFORE);
    let stop = Box::pin(std::future::ready(()));
    let ended = bench.act_until("apply_patch", patch(PATCH), PATIENCE, stop).await;
    check_failure(&ended.expect_err("it is stopped"), Class::Stopped, &[]);
    assert_eq!(bench.read("src/a.txt"), BEFORE);
}

/// Git, which takes its time where it writes.
const SLOW: &str = "#!/bin/sh\ncase \"$*\" in *--check*|*--numstat*) ;; \
                    *) touch mark; sleep 0.3 ;; esac\n\
                    PATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n";

#[tokio::test]
async fn who_is_stopped_while_the_patch_is_applied_has_all_of_it() {
    let bench = Bench::with_program("git", SLOW);
    bench.write("src/a.txt", BEFORE);
    let stop = once(&bench.path().join("mark"));
    let ended = bench.act_until("apply_patch", patch(PATCH), PATIENCE, stop).await;
    check_failure(&ended.expect_err("it is stopped"), Class::Stopped, &[]);
    assert_eq!(bench.read("src/a.txt"), AFTER);
    let output = bench.act("apply_patch", patch(PATCH)).await.expect("it is there");
    assert_eq!(output.value["already"], true);
}

#[tokio::test]
async fn a_patch_that_nobody_waits_for_any_more_can_be_asked_for_again() {
    let bench = Bench::with_program("git", SLOW);
    bench.write("src/a.txt", BEFORE);
    let mark = bench.path().join("mark");
    {
        let mut call = pin!(bench.act("apply_patch", patch(PATCH)));
        let mut begins = pin!(once(&mark));
        poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            begins.as_mut().poll(cx)
        })
        .await;
    }
    hands_down(&bench.yard.hands(), PATIENCE).await.expect("nobody is left");
    assert_eq!(bench.yard.alive(), [0; 0]);
    bench.act("apply_patch", patch(PATCH)).await.expect("it applies or has");
    assert_eq!(bench.read("src/a.txt"), AFTER);
}

#[tokio::test]
async fn a_node_without_git_says_so() {
    let bench = Bench::with(|options| options.environment.path = Some("/nowhere".to_owned()));
    let failure = bench.act("apply_patch", patch(PATCH)).await.expect_err("there is no git");
    check_failure(&failure, Class::Refused, &["no git on the PATH"]);
}
