//! However a call ends, everything it has started is over.

use std::future::{Future, poll_fn};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domain::BoxFuture;
use domain::tool::{Class, Failure};
use futures::future::join_all;
use serde_json::json;
use skills::hands::{self, hands_down};

use crate::yard::{PATIENCE, PROGRAM, Yard, never, stdout, until};

/// What a call may take beyond its deadline.
const BEYOND: Duration = Duration::from_secs(1);

/// Long enough for anything here to begin.
const WITHIN: Duration = Duration::from_secs(3);

/// Lets a command come to its deadline.
async fn check_late(command: &str) -> Failure {
    let yard = Yard::new();
    let begun = Instant::now();
    let ended = yard.perform(json!({ "command": command }), WITHIN, never()).await;
    let took = begun.elapsed();
    let failure = ended.expect_err("it does not end by itself");
    assert_eq!(failure.class, Class::Unknown, "{}", failure.story);
    assert!(WITHIN <= took && took < WITHIN + BEYOND, "{took:?}: {command}");
    assert_eq!(yard.alive(), [0; 0], "{command}");
    failure
}

#[tokio::test]
async fn at_the_deadline_a_command_ends_whatever_it_thinks_of_that() {
    let failure = check_late("echo begun; exec sleep 1000").await;
    assert_eq!(stdout(&failure.output), "begun\n");
    assert!(failure.story.contains("deadline"), "{}", failure.story);
    check_late("trap '' TERM; while :; do :; done").await;
    check_late("trap '' TERM HUP INT; yes").await;
    check_late("for n in 1 2 3 4 5 6 7 8 9; do setsid yes & done; exec yes >&2").await;
}

#[tokio::test]
async fn who_waits_for_a_flood_of_processes_is_answered_in_time_and_the_flood_ends() {
    let yard = Yard::new();
    let flood = "n=0; while [ $n -lt 1500 ]; do setsid sleep 1000 & n=$((n + 1)); done; wait";
    let args = json!({ "command": flood });
    let begun = Instant::now();
    let failure = yard.perform(args, WITHIN, never()).await.expect_err("it goes on for ever");
    let took = begun.elapsed();
    assert_eq!(failure.class, Class::Unknown, "{}", failure.story);
    assert!(took < WITHIN + BEYOND, "{took:?}");
    hands_down(&yard.hands(), PATIENCE).await.expect("the guard ends them all");
    assert_eq!(yard.alive(), [0; 0]);
}

#[tokio::test]
async fn a_command_that_may_take_no_time_is_not_begun() {
    let yard = Yard::new();
    let mark = yard.folder().join("mark");
    let args = json!({ "command": format!("echo begun > {}", mark.display()) });
    let failure = yard.perform(args, Duration::ZERO, never()).await.expect_err("too late");
    assert_eq!(failure.class, Class::Busy { after_ms: None }, "{}", failure.story);
    assert!(!mark.exists());
}

#[tokio::test]
async fn whoever_a_command_leaves_behind_ends_with_it() {
    let rows = [
        "sleep 1000 &",
        "setsid sleep 1000 &",
        "nohup setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 &' > /dev/null 2>&1 &",
        "trap '' TERM; setsid sh -c 'while :; do :; done' &",
        "setsid sh -c 'kill -STOP $$' &",
    ];
    for row in rows {
        let yard = Yard::new();
        let output = yard.run(&format!("{row} echo done")).await.expect("it ends well");
        assert_eq!(stdout(&output), "done\n", "{row}");
        assert_eq!(yard.alive(), [0; 0], "{row}");
    }
}

#[tokio::test]
async fn who_is_born_again_faster_than_anybody_looks_ends_too() {
    let yard = Yard::new();
    let script = yard.folder().join("hydra");
    std::fs::write(&script, "#!/bin/sh\nsetsid \"$0\" &\n").expect("it is ours");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let script = script.display();
    let heads = format!("for head in 1 2 3 4 5 6 7 8; do {script} & done; exit 0");
    yard.run(&heads).await.expect("it ends well");
    assert_eq!(yard.alive(), [0; 0]);

    let crowd = "f() { [ $1 = 0 ] || { f $(($1 - 1)) & f $(($1 - 1)) & }; sleep 1000; }; f 9 &";
    yard.run(crowd).await.expect("it ends well");
    assert_eq!(yard.alive(), [0; 0]);
}

/// Resolves once this file is there.
pub(crate) fn once(path: &Path) -> BoxFuture<'static, ()> {
    let path = path.to_owned();
    Box::pin(async move { until("a command begins", || path.exists()).await })
}

/// A command that makes its mark and goes on for ever, stopped once it has.
async fn check_stopped(command: &str) -> (Failure, Duration) {
    let yard = Yard::new();
    let mark = yard.folder().join("mark");
    let command = command.replace("MARK", &format!("touch {}", mark.display()));
    let stop = once(&mark);
    let begun = Instant::now();
    let ended = yard.perform(json!({ "command": command }), PATIENCE, stop).await;
    let failure = ended.expect_err("it does not end by itself");
    assert_eq!(failure.class, Class::Stopped, "{}", failure.story);
    assert_eq!(yard.alive(), [0; 0], "{command}");
    (failure, begun.elapsed())
}

#[tokio::test]
async fn a_stopped_command_may_say_farewell() {
    let polite = "trap 'echo farewell; exit 0' TERM; MARK; while :; do sleep 0.01; done";
    let (failure, _) = check_stopped(polite).await;
    assert_eq!(stdout(&failure.output), "farewell\n");
}

#[tokio::test]
async fn a_stopped_command_that_does_not_listen_is_killed_after_two_seconds() {
    let (_, took) = check_stopped("trap '' TERM; MARK; while :; do :; done").await;
    assert!(Duration::from_secs(2) <= took, "{took:?}");
}

#[tokio::test]
async fn who_is_stopped_before_it_begins_never_does() {
    let yard = Yard::new();
    let mark = yard.folder().join("mark");
    let args = json!({ "command": format!("touch {}", mark.display()) });
    let stop = Box::pin(std::future::ready(()));
    let failure = yard.perform(args, PATIENCE, stop).await.expect_err("it is stopped");
    assert_eq!(failure.class, Class::Stopped, "{}", failure.story);
    assert!(!mark.exists());
}

#[tokio::test]
async fn when_nobody_waits_for_a_command_any_more_it_ends() {
    let yard = Yard::new();
    let command = "trap '' TERM; setsid sleep 1000 & while :; do :; done";
    {
        let mut call = pin!(yard.run(command));
        let mut begins = pin!(until("it begins", || 2 <= yard.alive().len()));
        poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending());
            begins.as_mut().poll(cx)
        })
        .await;
    }
    hands_down(&yard.hands(), PATIENCE).await.expect("nobody is left");
    assert_eq!(yard.alive(), [0; 0]);
}

/// Another process that is at a command, as a node would be.
struct Node(std::process::Child);

impl Node {
    fn start(yard: &Yard, command: &str) -> Self {
        let mut node = Command::new(PROGRAM);
        node.arg("node").arg(yard.hands()).arg(command).stdin(Stdio::null());
        Self(node.spawn().expect("the program is built beside this test"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.0.kill().expect("it runs, or waits for this");
        self.0.wait().expect("it has ended");
    }
}

#[tokio::test]
async fn a_killed_node_takes_all_its_commands_along() {
    let yard = Yard::new();
    let mark = yard.folder().join("mark");
    // Known by its folder: the key is the node's own.
    let command = format!(
        "export LARES_KEY={}; trap '' TERM; setsid sleep 1000 & touch {}; while :; do sleep 0.01; done",
        yard.key(),
        mark.display()
    );
    let node = Node::start(&yard, &command);
    until("it begins", || mark.exists() && !yard.alive().is_empty()).await;

    let short = Duration::from_millis(100);
    let error = hands_down(&yard.hands(), short).await.expect_err("a guard lives");
    let hands::Error::Up { pids, .. } = &error else { panic!("{error}") };
    let [pid] = pids.as_slice() else { panic!("{pids:?}") };
    assert!(error.to_string().contains(&format!("pid {pid},")), "{error}");
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("it lives");
    assert_eq!(name, "lares-guard\n");

    drop(node);
    hands_down(&yard.hands(), Duration::from_secs(5)).await.expect("the guard ends everything");
    assert_eq!(yard.alive(), [0; 0]);
}

#[tokio::test]
async fn hands_that_never_were_up_are_down() {
    let yard = Yard::new();
    hands_down(&yard.hands(), Duration::ZERO).await.expect("nobody ever began");
    yard.run("true").await.expect("it ends well");
    hands_down(&yard.hands(), Duration::ZERO).await.expect("it is over when it says so");
}

#[tokio::test]
async fn a_command_cannot_do_away_with_its_guard_and_live_on() {
    for rest in ["exec sleep 1000", "sleep 1000 & sleep 1000", "trap '' TERM; while :; do :; done"]
    {
        let yard = Yard::new();
        let failure = yard.run(&format!("kill -KILL $PPID; {rest}")).await.expect_err("no guard");
        assert_eq!(failure.class, Class::Unknown, "{}", failure.story);
        assert!(failure.story.contains("guard"), "{}", failure.story);
        until("all of it ends", || yard.alive().is_empty()).await;
    }
}

#[tokio::test]
async fn a_command_that_stops_its_guard_gains_nothing() {
    check_late("kill -STOP $PPID; setsid sleep 1000").await;
}

#[tokio::test]
async fn a_guard_ends_everything_when_it_is_told_to() {
    let yard = Yard::new();
    let failure = yard.run("kill -TERM $PPID; exec sleep 1000").await.expect_err("it is ended");
    assert_eq!(failure.class, Class::Unknown, "{}", failure.story);
    assert_eq!(yard.alive(), [0; 0]);
}

#[tokio::test]
async fn many_commands_at_once_do_not_mix() {
    let yard = Yard::new();
    let commands: Vec<String> = (0..16).map(|n| format!("echo {n}; sleep 0.1; echo {n}")).collect();
    let outputs = join_all(commands.iter().map(|command| yard.run(command))).await;
    for (number, output) in outputs.into_iter().enumerate() {
        let output = output.expect("it ends well");
        assert_eq!(stdout(&output), format!("{number}\n{number}\n"));
    }
}
