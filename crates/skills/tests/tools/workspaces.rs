//! What every tool demands of a workspace it is given, and several actions on one.

use domain::tool::{Class, Tools};
use serde_json::json;

use crate::bench::{Bench, attached, check_failure};

const ACTIONS: [(&str, &str); 5] = [
    ("apply_patch", r#"{"patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"}"#),
    ("build_context_pack", r#"{"globs": ["*"]}"#),
    ("generate_diff_report", "{}"),
    ("run_linters", r#"{"command": "true"}"#),
    ("run_tests", r#"{"command": "true"}"#),
];

/// A command does without one, and looks at the one that it is given.
const COMMAND: (&str, &str) = ("shell", r#"{"command": "true"}"#);

fn args(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn an_action_without_a_workspace_says_how_to_give_one() {
    let bench = Bench::new();
    for (tool, text) in ACTIONS {
        let faults = bench.yard.toolbox.faults(tool, &args(text));
        let [fault] = faults.as_slice() else { panic!("{tool}: {faults:?}") };
        assert!(fault.starts_with("args.workspace is missing: "), "{fault}");
        assert!(fault.ends_with(": give the run one with --workspace DIR"), "{fault}");
    }
}

#[tokio::test]
async fn a_workspace_that_is_no_folder_is_refused() {
    let bench = Bench::new();
    bench.write("file", "");
    for name in ["nowhere", "file"] {
        let path = bench.path().join(name);
        for (tool, text) in ACTIONS.into_iter().chain([COMMAND]) {
            let mut args = args(text);
            args["workspace"] = json!({ "id": "sample", "path": path });
            let failure = bench.act(tool, args).await.expect_err("it cannot be used");
            check_failure(&failure, Class::Refused, &[name, "--workspace DIR"]);
        }
    }
}

#[tokio::test]
async fn a_workspace_with_another_branch_is_refused_and_both_are_named() {
    let bench = Bench::repository(&[("x", "a\n")]);
    let with = |branch: &str, text: &str| {
        let mut args = args(text);
        args["workspace"] = json!({ "id": "sample", "path": bench.path(), "branch": branch });
        args
    };
    for (tool, text) in ACTIONS.into_iter().chain([COMMAND]) {
        let failure = bench.act(tool, with("topic", text)).await.expect_err("it is another");
        check_failure(&failure, Class::Refused, &["`main`", "`topic`"]);
    }
    for (tool, text) in ACTIONS.into_iter().chain([COMMAND]) {
        bench.act(tool, with("main", text)).await.expect("it is this one");
    }
    bench.git("checkout -q --detach");
    let failure = bench.act("run_tests", with("main", "{}")).await.expect_err("it is none");
    check_failure(&failure, Class::Refused, &["no branch", "`main`"]);
}

#[tokio::test]
async fn a_command_works_in_its_workspace_unless_it_is_told_where() {
    let bench = Bench::repository(&[("x", "a\n")]);
    let workspace = json!({ "id": "sample", "path": bench.path(), "branch": "main" });
    let path = bench.path().display().to_string();
    for (cwd, expected) in [(None, path.as_str()), (Some("/"), "/")] {
        let mut args = json!({ "command": "pwd", "workspace": workspace });
        if let Some(cwd) = cwd {
            args["cwd"] = json!(cwd);
        }
        let output = bench.act("shell", args).await.expect("it is this branch");
        assert_eq!(output.value["stdout"], format!("{expected}\n"));
    }
}

#[tokio::test]
async fn a_workspace_that_is_no_repository_has_no_branch() {
    let bench = Bench::new();
    let workspace = json!({ "id": "sample", "path": bench.path(), "branch": "main" });
    let args = json!({ "command": "true", "workspace": workspace });
    let failure = bench.act("run_tests", args).await.expect_err("there is no branch");
    check_failure(&failure, Class::Refused, &["no git repository", "git init"]);
}

#[tokio::test]
async fn red_tests_are_patched_and_green() {
    let test =
        "#!/bin/sh\n[ \"$(cat answer)\" = 42 ] || { echo \"wrong: $(cat answer)\"; exit 1; }\n";
    let bench = Bench::repository(&[("answer", "41\n"), ("test.sh", test)]);
    let tests = || json!({ "command": "./test.sh" });
    let failure = bench.act("run_tests", tests()).await.expect_err("they are red");
    check_failure(&failure, Class::Failed, &["`./test.sh` ended with code 1: wrong: 41"]);

    let patch = "--- a/answer\n+++ b/answer\n@@ -1 +1 @@\n-41\n+42\n";
    bench.act("apply_patch", json!({ "patch": patch })).await.expect("it applies");
    bench.act("run_tests", tests()).await.expect("they are green");

    let output = bench.act("generate_diff_report", json!({})).await.expect("there is a diff");
    let file = json!({ "path": "answer", "added": 1, "removed": 1 });
    assert_eq!(output.value["files"], json!([file]));
    let diff = attached(&output, "diff", domain::tool::Media::Patch);
    assert!(diff.ends_with(patch), "{diff}");
}
