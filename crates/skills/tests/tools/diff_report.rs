//! The tool `generate_diff_report`.

use domain::tool::{Class, Media};
use serde_json::json;

use crate::bench::{Bench, attached, check_failure};

#[tokio::test]
async fn a_report_has_every_file_that_differs_and_names_those_git_does_not_know() {
    let bench = Bench::repository(&[("a", "1\n2\n"), ("b c", "1\n"), (".gitignore", "ignored\n")]);
    let commit = bench.git("rev-parse HEAD").trim().to_owned();
    bench.write("a", "1\n3\n4\n");
    bench.write("new file", "x\n");
    bench.write("ignored", "x\n");
    bench.write("staged", "s\n");
    bench.git("add staged");
    std::fs::remove_file(bench.path().join("b c")).expect("it is there");
    let output = bench.act("generate_diff_report", json!({})).await.expect("there is a diff");
    let value = json!({
        "files": [
            { "path": "a", "added": 2, "removed": 1 },
            { "path": "b c", "added": 0, "removed": 1 },
            { "path": "staged", "added": 1, "removed": 0 },
        ],
        "added": 3, "removed": 2, "base": commit, "untracked": ["new file"], "whole": true,
    });
    assert_eq!(output.value, value);
    let diff = attached(&output, "diff", Media::Patch);
    assert!(diff.starts_with("diff --git a/a b/a\n") && diff.contains("+3\n+4\n"), "{diff}");
    let report = attached(&output, "report", Media::Markdown);
    assert!(report.starts_with("# Changes since HEAD\n"), "{report}");
    assert!(report.contains("| a | 2 | 1 |\n") && report.contains("- new file\n"), "{report}");
}

#[tokio::test]
async fn a_report_can_be_of_what_came_since_another_commit() {
    let bench = Bench::repository(&[("a", "1\n")]);
    bench.git("tag v1");
    bench.commit(&[("a", "2\n")]);
    let output = bench.act("generate_diff_report", json!({})).await.expect("there is a diff");
    assert_eq!(output.value["files"], json!([]));
    assert_eq!(attached(&output, "diff", Media::Patch), "");
    for base in ["v1", "HEAD~1", "main^"] {
        let args = json!({ "base": base });
        let output = bench.act("generate_diff_report", args).await.expect("there is a diff");
        assert_eq!(output.value["added"], 1, "{base}");
    }
}

#[tokio::test]
async fn settings_of_the_repository_change_nothing_in_a_diff() {
    let bench = Bench::repository(&[("a", "1\n")]);
    for setting in ["diff.noprefix true", "color.ui always", "diff.external false"] {
        bench.git(&format!("config {setting}"));
    }
    bench.write("a", "2\n");
    let output = bench.act("generate_diff_report", json!({})).await.expect("there is a diff");
    let diff = attached(&output, "diff", Media::Patch);
    assert!(diff.ends_with("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n"), "{diff}");
}

#[tokio::test]
async fn the_diff_of_one_workspace_applies_to_another() {
    let files = [("sub/a", "1\n2\n3\n"), ("b", "x\n")];
    let (one, other) = (Bench::repository(&files), Bench::repository(&files));
    one.write("sub/a", "1\nTWO\n3\n");
    let place = |bench: &Bench| json!({ "id": "sub", "path": bench.path().join("sub") });
    let args = json!({ "workspace": place(&one) });
    let output = one.act("generate_diff_report", args).await.expect("there is a diff");
    let diff = attached(&output, "diff", Media::Patch);
    let args = json!({ "workspace": place(&other), "patch": diff });
    other.act("apply_patch", args).await.expect("it applies");
    assert_eq!(other.read("sub/a"), "1\nTWO\n3\n");
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused_and_says_what_to_do() {
    let failure = Bench::new().act("generate_diff_report", json!({})).await;
    let failure = failure.expect_err("it is no repository");
    check_failure(&failure, Class::Refused, &["no git repository", "git init"]);

    let bench = Bench::repository(&[]);
    for base in ["nowhere", "x';touch${IFS}y;'"] {
        let failure = bench.act("generate_diff_report", json!({ "base": base })).await;
        check_failure(&failure.expect_err("no such commit"), Class::Refused, &[base]);
    }
    assert!(!bench.path().join("y").exists());
    let failure = bench.act("generate_diff_report", json!({ "base": "--output=x" })).await;
    check_failure(&failure.expect_err("an option"), Class::Refused, &["args.base is `--output=x`"]);

    let bench = Bench::new();
    bench.git("init -q");
    let failure = bench.act("generate_diff_report", json!({})).await.expect_err("no commit yet");
    check_failure(&failure, Class::Refused, &["no commit `HEAD`", "commit something first"]);
}
