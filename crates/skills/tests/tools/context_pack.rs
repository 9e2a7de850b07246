//! The tool `build_context_pack`.

use std::os::unix::fs::symlink;

use domain::tool::{Class, Media};
use nix::sys::stat::Mode;
use serde_json::{Value, json};

use crate::bench::{Bench, attached, check_failure};
use crate::yard::PATIENCE;

async fn pack(bench: &Bench, args: Value) -> Value {
    let output = bench.act("build_context_pack", args).await.expect("it only reads");
    let document = attached(&output, "context_pack", Media::Json);
    let pack: Value = serde_json::from_str(&document).expect("JSON");
    let counts = ["files", "left_out"].map(|list| pack[list].as_array().expect("a list").len());
    assert_eq!(output.value["files"], counts[0]);
    assert_eq!(output.value["left_out"], counts[1]);
    pack
}

fn listed(pack: &Value, list: &str) -> Vec<String> {
    let entries = pack[list].as_array().expect("a list").iter();
    entries.map(|entry| entry["path"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn the_same_files_are_the_same_bytes_wherever_and_in_whatever_order_they_were_made() {
    let files = [("b.rs", "b\n"), ("a/z.rs", "z\n"), ("a.rs", "ä\n"), ("a/b/c.rs", "")];
    let (one, other) = (Bench::new(), Bench::repository(&[]));
    files.iter().for_each(|(path, text)| one.write(path, text));
    files.iter().rev().for_each(|(path, text)| other.write(path, text));
    other.write("not.txt", "wanted");
    let args = json!({ "globs": ["**/*.rs"] });
    let first = one.act("build_context_pack", args.clone()).await.expect("it only reads");
    let second = other.act("build_context_pack", args).await.expect("it only reads");
    assert_eq!(first, second);
    // A change of the document is a new version of it.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let document = attached(&first, "context_pack", Media::Json);
    let begins = "{\"version\":1,\"files\":[{\"path\":\"a.rs\",\"sha256\":\"";
    assert!(document.starts_with(begins), "{document}");
    let within = format!(
        "{{\"path\":\"a/b/c.rs\",\"sha256\":\"{empty}\",\"bytes\":0,\"text\":\"\"}},\
         {{\"path\":\"a/z.rs\","
    );
    assert!(document.contains(&within), "{document}");
    assert!(document.ends_with(",\"bytes\":2,\"text\":\"b\\n\"}],\"left_out\":[]}"), "{document}");
    assert_eq!((&first.value["files"], &first.value["bytes"]), (&json!(4), &json!(7)));

    one.write("b.rs", "B\n");
    let args = json!({ "globs": ["**/*.rs"] });
    let changed = one.act("build_context_pack", args).await.expect("it only reads");
    assert_ne!(changed.value["sha256"], first.value["sha256"]);
}

#[tokio::test]
async fn globs_say_what_is_in_and_what_is_out() {
    let bench = Bench::repository(&[("src/a.rs", ""), ("src/deep/b.rs", ""), ("README.md", "")]);
    bench.write("target/debug/c.rs", "");
    bench.write("src/gen/d.rs", "");
    let args = json!({ "globs": ["**"], "exclude": ["target", "src/gen/**", "*.md"] });
    assert_eq!(listed(&pack(&bench, args).await, "files"), ["src/a.rs", "src/deep/b.rs"]);
    let args = json!({ "globs": ["{src,lib}/*.rs", "*.md"] });
    assert_eq!(listed(&pack(&bench, args).await, "files"), ["README.md", "src/a.rs"]);
    let args = json!({ "globs": [".git/**", "**/HEAD"] });
    assert_eq!(listed(&pack(&bench, args).await, "files"), [""; 0]);
}

#[tokio::test]
async fn what_is_no_text_or_no_file_is_left_out_and_named() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("image"), b"\x89PNG\0").expect("it is ours");
    std::fs::write(bench.path().join("latin"), b"\xe4").expect("it is ours");
    bench.write("text", "");
    nix::unistd::mkfifo(&bench.path().join("pipe"), Mode::S_IRWXU).expect("it is new");
    symlink("text", bench.path().join("near")).expect("it is new");
    let pack = pack(&bench, json!({ "globs": ["*"] })).await;
    assert_eq!(listed(&pack, "files"), ["text"]);
    let left_out = json!([
        { "path": "image", "why": "it is no text" },
        { "path": "latin", "why": "it is no text" },
        { "path": "near", "why": "it is a link, and none is followed" },
        { "path": "pipe", "why": "it is no file" },
    ]);
    assert_eq!(pack["left_out"], left_out);
}

#[tokio::test]
async fn no_link_leads_a_pack_out_of_its_workspace() {
    let bench = Bench::new();
    let outside = bench.yard.folder().join("outside");
    std::fs::create_dir(&outside).expect("it is new");
    std::fs::write(outside.join("secret"), "hush").expect("it is ours");
    symlink(&outside, bench.path().join("folder")).expect("it is new");
    symlink(outside.join("secret"), bench.path().join("file")).expect("it is new");
    symlink("/", bench.path().join("all")).expect("it is new");
    let pack = pack(&bench, json!({ "globs": ["**", "folder/secret"] })).await;
    assert_eq!(listed(&pack, "files"), [""; 0]);
    assert_eq!(listed(&pack, "left_out"), ["all", "file", "folder"]);
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all() {
    let bench = Bench::new();
    for (path, bytes) in [("a", 60), ("b", 50), ("c", 40), ("d", 1)] {
        bench.write(path, &"x".repeat(bytes));
    }
    let rows: [(u64, &[&str], &[&str]); 5] = [
        (1, &["d"], &["a", "b", "c"]),
        (60, &["a"], &["b", "c", "d"]),
        (100, &["a", "c"], &["b", "d"]),
        (150, &["a", "b", "c"], &["d"]),
        (151, &["a", "b", "c", "d"], &[]),
    ];
    for (budget, files, left_out) in rows {
        let pack = pack(&bench, json!({ "globs": ["*"], "budget_bytes": budget })).await;
        assert_eq!(listed(&pack, "files"), files, "{budget}");
        assert_eq!(listed(&pack, "left_out"), left_out, "{budget}");
    }
}

#[tokio::test]
async fn a_pack_that_is_stopped_or_late_is_none() {
    let bench = Bench::new();
    (0..2_000).for_each(|n| bench.write(&format!("{n}"), "x"));
    let args = || json!({ "globs": ["**"] });
    let stop = Box::pin(std::future::ready(()));
    let ended = bench.act_until("build_context_pack", args(), PATIENCE, stop).await;
    check_failure(&ended.expect_err("it is stopped"), Class::Stopped, &[]);
    let late = std::time::Duration::ZERO;
    let ended = bench.act_until("build_context_pack", args(), late, crate::yard::never()).await;
    check_failure(&ended.expect_err("it is late"), Class::Unknown, &["name fewer files"]);
}

#[tokio::test]
async fn folders_that_lie_too_deep_are_named() {
    let bench = Bench::new();
    let folders = |count: usize| vec!["f"; count].join("/");
    bench.write(&format!("{}/in", folders(63)), "");
    bench.write(&format!("{}/out", folders(64)), "");
    let pack = pack(&bench, json!({ "globs": ["**/in", "**/out"] })).await;
    assert_eq!(listed(&pack, "files"), [format!("{}/in", folders(63))]);
    assert_eq!(listed(&pack, "left_out"), [folders(64)]);
}
