//! What a command is given, and what is kept of it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use domain::tool::{Attachment, Class, Content, Failure, Media};
use serde_json::{Value, json};
use skills::Environment;

use crate::yard::{PATIENCE, Yard, never, stdout};

const KIB: usize = 1024;

#[tokio::test]
async fn a_command_that_ends_well_brings_what_it_wrote() {
    let output = Yard::new().run("echo out; echo err >&2").await.expect("it ends well");
    assert_eq!(output.value, json!({ "exit": 0, "stdout": "out\n", "stderr": "err\n" }));
    assert!(output.attachments.is_empty());
}

#[tokio::test]
async fn another_exit_code_is_a_failure_with_all_that_was_seen() {
    for code in [1, 2, 126, 127, 255] {
        let failure = Yard::new().run(&format!("echo out; exit {code}")).await;
        let failure = failure.expect_err("it fails");
        assert_eq!(failure.class, Class::Failed);
        assert!(failure.story.contains(&format!("code {code}")), "{}", failure.story);
        let value = json!({ "exit": code, "stdout": "out\n", "stderr": "" });
        assert_eq!(failure.output.value, value);
    }
}

#[tokio::test]
async fn who_is_ended_by_a_stranger_has_said_nothing_about_its_effect() {
    for (signal, name) in [("KILL", "SIGKILL"), ("SEGV", "SIGSEGV"), ("40", "a real-time signal")] {
        let failure = Yard::new().run(&format!("kill -{signal} $$")).await.expect_err("it fails");
        assert_eq!(failure.class, Class::Unknown);
        assert!(failure.story.contains(name), "{}", failure.story);
        assert_eq!(failure.output.value["exit"], Value::Null);
    }
}

#[tokio::test]
async fn a_command_sees_what_it_is_granted_and_its_key() {
    let yard = Yard::with(|options| {
        let user = Some("ann".to_owned());
        let path = Some("/usr/bin:/bin".to_owned());
        options.environment = Environment { path, user, ..Environment::default() };
    });
    let args = json!({ "command": "exec env", "env": { "COLOUR": "red", "USER": "bob" } });
    let output = yard.perform(args, PATIENCE, never()).await.expect("it ends well");
    // The shell itself adds where it is.
    let mut seen: Vec<&str> =
        stdout(&output).lines().filter(|line| !line.starts_with("PWD=")).collect();
    seen.sort_unstable();
    let key = format!("LARES_KEY={}", yard.key());
    assert_eq!(seen, ["COLOUR=red", &key, "PATH=/usr/bin:/bin", "USER=bob"]);
}

#[tokio::test]
async fn a_command_has_its_folder_and_its_input() {
    let yard = Yard::new();
    let here = yard.folder().canonicalize().expect("it is there");
    let args = json!({ "command": "pwd; cat", "cwd": here, "input": "in\n" });
    let output = yard.perform(args, PATIENCE, never()).await.expect("it ends well");
    assert_eq!(stdout(&output), format!("{}\nin\n", here.display()));

    let output = yard.run("cat; pwd").await.expect("it ends well");
    assert_eq!(stdout(&output), "/\n");

    let args = json!({ "command": "wc -c", "input": "x".repeat(KIB * KIB) });
    let output = yard.perform(args, PATIENCE, never()).await.expect("it ends well");
    assert_eq!(stdout(&output).trim(), "1048576");
}

#[tokio::test]
async fn nothing_of_the_guard_is_left_in_its_command() {
    let looks = [
        "ls /proc/self/fd",
        "grep -E 'SigBlk|SigIgn' /proc/self/status",
        "cat /proc/self/limits",
        "cat /proc/self/oom_score_adj",
        "umask",
    ];
    for look in looks {
        let output = Yard::new().run(look).await.expect("it ends well");
        let mut plain = Command::new("/bin/sh");
        plain.args(["-c", look]).env_clear().stdin(Stdio::null());
        let plain = plain.output().expect("there is a shell");
        assert_eq!(stdout(&output).as_bytes(), plain.stdout, "{look}");
    }
}

#[tokio::test]
async fn who_asks_for_a_terminal_is_told_at_once_that_there_is_none() {
    let failure = Yard::new().run("cat /dev/tty").await.expect_err("there is none");
    assert_eq!(failure.class, Class::Failed);
    let said = failure.output.value["stderr"].as_str().expect("text");
    assert!(said.contains("/dev/tty"), "{said}");
}

/// Writes so many bytes on one stream, and checks what is shown and what is attached of them.
async fn check_kept(stream: &str, bytes: usize, shown: usize, attached: Option<usize>) {
    let redirect = if stream == "stderr" { ">&2" } else { "" };
    let command = format!("head -c {bytes} /dev/zero | tr '\\0' a {redirect}");
    let output = Yard::new().run(&command).await.expect("it ends well");
    let text = output.value[stream].as_str().expect("text");
    assert_eq!(text.matches('a').count() - text.matches("are").count(), shown, "{bytes}");
    let left_out = format!("[… {} bytes are left out here …]", bytes - shown);
    assert_eq!(text.contains(&left_out), shown < bytes, "{bytes}");
    match (attached, output.attachments.as_slice()) {
        (None, []) => {}
        (Some(length), [Attachment { name, content: Content::Bytes(all), media: Media::Text }]) => {
            assert_eq!((name.as_str(), all.len()), (stream, length), "{bytes}");
        }
        (_, other) => panic!("{bytes} bytes have {} attachments", other.len()),
    }
}

#[tokio::test]
async fn output_is_cut_at_each_of_its_bounds() {
    let shown = 8 * KIB;
    let kept = KIB * KIB;
    for stream in ["stdout", "stderr"] {
        check_kept(stream, shown - 1, shown - 1, None).await;
        check_kept(stream, shown, shown, None).await;
        check_kept(stream, shown + 1, shown, Some(shown + 1)).await;
        check_kept(stream, kept, shown, Some(kept)).await;
        let mark = "\n[… 1 more bytes were dropped …]\n".len();
        check_kept(stream, kept + 1, shown, Some(kept + mark)).await;
    }
}

#[tokio::test]
async fn a_gibibyte_of_output_blocks_nobody_and_takes_no_memory() {
    let before = peak_kib();
    let yard = Yard::new();
    let output = yard.run("head -c 1G /dev/zero; echo done >&2").await.expect("it ends well");
    assert_eq!(output.value["stderr"], "done\n");
    let [Attachment { content: Content::Bytes(bytes), .. }] = output.attachments.as_slice() else {
        panic!("it is too long to be shown");
    };
    let mark = format!("[… {} more bytes were dropped …]\n", KIB * KIB * KIB - KIB * KIB);
    assert!(bytes.ends_with(mark.as_bytes()));
    let grown = peak_kib() - before;
    assert!(grown < 64 * KIB, "{grown} KiB");
}

/// The most memory this process has had so far.
fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("every Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

fn check_refused(failure: &Failure, parts: &[&str]) {
    assert_eq!(failure.class, Class::Refused, "{}", failure.story);
    for part in parts {
        assert!(failure.story.contains(part), "no {part:?} in {}", failure.story);
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_and_says_why() {
    let args = json!({ "command": "true", "cwd": "/nowhere" });
    let failure = Yard::new().perform(args, PATIENCE, never()).await.expect_err("no such folder");
    check_refused(&failure, &["/nowhere", "No such file"]);

    let yard = Yard::with(|options| options.shell = PathBuf::from("/nowhere/sh"));
    check_refused(&yard.run("true").await.expect_err("no such shell"), &["/nowhere/sh"]);

    let yard = Yard::with(|options| options.guard.program = PathBuf::from("/nowhere/lares"));
    check_refused(&yard.run("true").await.expect_err("no such guard"), &["/nowhere/lares"]);

    let yard = Yard::with(|options| options.hands = PathBuf::from("/nowhere/hands"));
    check_refused(&yard.run("true").await.expect_err("no such file"), &["/nowhere/hands"]);

    let yard = Yard::with(|options| options.guard.words = vec!["nonsense".to_owned()]);
    check_refused(&yard.run("true").await.expect_err("no guard"), &["the guard could not begin"]);
}

#[tokio::test]
async fn arguments_at_fault_are_refused_before_anything_is_started() {
    let args = json!({ "comand": "true", "cwd": "here" });
    let failure = Yard::new().perform(args, Duration::ZERO, never()).await.expect_err("at fault");
    check_refused(&failure, &["command is missing", "did you mean `command`?", "args.cwd"]);
}
