//! The tools `run_tests` and `run_linters`.

use std::time::Duration;

use domain::tool::{Class, Media};
use serde_json::{Value, json};

use crate::bench::{Bench, attached, check_failure};
use crate::ends::once;
use crate::yard::PATIENCE;

#[tokio::test]
async fn a_check_that_ends_well_brings_its_report() {
    let bench = Bench::new();
    for tool in ["run_tests", "run_linters"] {
        let args = json!({ "command": "pwd; echo err >&2; echo out" });
        let output = bench.act(tool, args).await.expect("it ends well");
        let here = bench.path().canonicalize().expect("it is there");
        let report = format!("{}\nerr\nout\n", here.display());
        assert_eq!(attached(&output, "report", Media::Text), report);
        let value =
            json!({ "command": "pwd; echo err >&2; echo out", "exit": 0, "output": report });
        assert_eq!(output.value, value);
    }
}

#[tokio::test]
async fn a_check_that_fails_tells_the_end_of_its_output() {
    let bench = Bench::new();
    let args = json!({ "command": "seq 1 3000; echo the cause >&2; exit 3" });
    let failure = bench.act("run_tests", args).await.expect_err("it fails");
    check_failure(&failure, Class::Failed, &["ended with code 3: ", "3000\nthe cause"]);
    assert!(failure.story.len() < 3_000, "{}", failure.story.len());
    assert_eq!(failure.output.value["exit"], 3);
    let report = attached(&failure.output, "report", Media::Text);
    assert!(report.starts_with("1\n2\n") && report.ends_with("3000\nthe cause\n"));

    let failure = bench.act("run_tests", json!({ "command": "exit 9" })).await.expect_err("so too");
    check_failure(&failure, Class::Failed, &["`exit 9` ended with code 9: it has written nothing"]);

    let failure = bench.act("run_tests", json!({ "command": "((" })).await.expect_err("no command");
    check_failure(&failure, Class::Failed, &["ended with code 2: ", "yntax error"]);
}

#[tokio::test]
async fn a_report_too_long_to_keep_has_both_its_ends() {
    let args = json!({ "command": "echo first; head -c 2M /dev/zero | tr '\\0' a; echo last" });
    let output = Bench::new().act("run_tests", args).await.expect("it ends well");
    let report = attached(&output, "report", Media::Text);
    assert!(report.starts_with("first\na") && report.ends_with("alast\n"));
    assert!(report.contains(" bytes are left out here …]\n"), "it says so");
    assert!(report.len() < 1_100_000, "{}", report.len());
}

#[tokio::test]
async fn the_kind_of_project_says_what_runs_where_nobody_else_does() {
    let script = "#!/bin/sh\necho \"cargo $@\"\n";
    let bench = Bench::with_program("cargo", script);
    bench.write("Cargo.toml", "");
    bench.write("package.json", "{}");
    for (tool, command) in
        [("run_tests", "cargo test"), ("run_linters", "cargo clippy -- -D warnings")]
    {
        let output = bench.act(tool, json!({})).await.expect("it ends well");
        let value = json!({
            "command": command, "exit": 0, "output": format!("{command}\n"),
            "recognized_by": "Cargo.toml",
        });
        assert_eq!(output.value, value);
    }
}

#[tokio::test]
async fn a_makefile_counts_if_it_has_the_target() {
    let bench = Bench::with_program("make", "#!/bin/sh\necho \"make $@\"\n");
    bench.write("Makefile", "all:\n\ttrue\ntest: all\n\ttrue\n");
    let output = bench.act("run_tests", json!({})).await.expect("it ends well");
    assert_eq!(output.value["command"], "make test");
    let failure = bench.act("run_linters", json!({})).await.expect_err("there is no such target");
    let parts =
        ["Cargo.toml, package.json, pyproject.toml, setup.py, pytest.ini, go.mod, Makefile"];
    check_failure(&failure, Class::Refused, &[parts[0], "`command`"]);
}

/// Stops a check in its middle.
async fn check_stopped(within: Duration, class: Class) {
    let bench = Bench::new();
    let mark = bench.path().join("mark");
    let args = json!({ "command": "echo begun; touch mark; setsid sleep 1000 & sleep 1000" });
    let stop = if within < PATIENCE { crate::yard::never() } else { once(&mark) };
    let failure = bench.act_until("run_tests", args, within, stop).await.expect_err("it is ended");
    check_failure(&failure, class, &[]);
    assert_eq!(failure.output.value["exit"], Value::Null);
    assert_eq!(attached(&failure.output, "report", Media::Text), "begun\n");
    assert_eq!(bench.yard.alive(), [0; 0]);
}

#[tokio::test]
async fn a_check_that_is_stopped_or_late_leaves_nobody_behind() {
    check_stopped(PATIENCE, Class::Stopped).await;
    check_stopped(Duration::from_secs(3), Class::Unknown).await;
}
