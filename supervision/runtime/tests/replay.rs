//! `replay` as a program: what it prints, when, and with which code it ends.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

const TREE: &str = r#"{"tree":{"id":"root","strategy":"one_for_one","intensity":1,"period_s":5,"children":[{"id":"a","restart":"permanent","shutdown":"infinity","type":"worker","stubborn":true}]}}"#;

/// The program while it runs.
struct Replay {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Replay {
    fn start() -> Self {
        let mut process = Command::new(program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo builds examples together with tests");
        let stdin = process.stdin.take();
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        Replay { process, stdin, stdout }
    }

    fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it still listens");
        writeln!(stdin, "{line}").expect("it listens");
    }

    fn hear(&mut self, expected: &str) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints text");
        assert_eq!(line.trim_end(), expected);
    }

    /// Says that no more follows, and waits for its end.
    fn end(mut self) -> (ExitStatus, String, String) {
        drop(self.stdin.take());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).expect("it prints text");
        let output = self.process.wait_with_output().expect("it ends");
        (output.status, rest, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Beside the folder this test was built in.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let built = test.ancestors().nth(2).expect("tests are built two folders down");
    built.join("examples/replay")
}

#[test]
fn each_line_is_answered_before_the_next_is_read_and_nobody_waits_for_who_is_stubborn() {
    let mut replay = Replay::start();
    replay.tell(TREE);
    replay.hear(r#"{"started":"root","n":1}"#);
    replay.hear(r#"{"started":"root/a","n":1}"#);
    replay.tell("");
    replay.tell(r#"{"exit":"root/a","reason":"kill"}"#);
    replay.hear(r#"{"stopped":"root/a","reason":"killed"}"#);
    replay.hear(r#"{"started":"root/a","n":2}"#);
    replay.hear(r#"{"result":"ok","of":3}"#);
    replay.tell(r#"{"exit":"root","reason":"kill"}"#);
    replay.hear(r#"{"result":"error","of":4}"#);
    let (status, rest, _) = replay.end();
    assert_eq!(rest, "{\"final\":{\"root\":\"running\",\"root/a\":\"running\"}}\n");
    assert!(status.success(), "{status}");
}

#[test]
fn a_line_that_cannot_be_read_ends_it_with_its_number_and_what_was_printed_stands() {
    for (line, what) in [
        (r#"{"exti":"root/a"}"#, "line 2: no event: write one of exit, "),
        (r#"{"exit":"root/a","raeson":"kill"}"#, "line 2: unknown field `raeson`"),
        (r#"{"start":"root","child":{"id":"b","type":"supervisor"}}"#, "line 2: b: a supervisor"),
    ] {
        let mut replay = Replay::start();
        replay.tell(TREE);
        replay.tell(line);
        let (status, trace, error) = replay.end();
        assert_eq!(trace.lines().count(), 2, "{trace}");
        assert_eq!(status.code(), Some(2), "{error}");
        assert!(error.contains(what), "{error}");
    }
    let (status, trace, error) = Replay::start().end();
    assert_eq!((status.code(), trace.as_str()), (Some(2), ""));
    assert!(error.contains("begins with its tree"), "{error}");
}
