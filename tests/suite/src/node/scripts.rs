//! Scripts that tests write, and how they learn what the commands in them do.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Ended, Lares};
use super::{Node, run, text};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Node {
    /// Runs a verb on this node.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        run(&self.with_data(arguments))
    }

    /// The same, without waiting for its end.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Lares {
        Lares::start(&self.with_data(arguments))
    }

    /// The same, with this file on its standard input.
    pub(super) fn begin_with_input(&self, arguments: &[&str], input: &Path) -> Lares {
        Lares::start_reading(input, &self.with_data(arguments))
    }

    fn with_data<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--data", self.data()]].concat()
    }

    /// Runs a verb that succeeds, and returns what it printed.
    pub(crate) fn said(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// The same, as one line of JSON.
    pub(crate) fn told(&self, arguments: &[&str]) -> Value {
        let said = self.said(&[arguments, &["--json"]].concat());
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        serde_json::from_str(&said).expect("it is JSON")
    }

    /// Opens a run of these steps, and returns its address.
    pub(super) fn open(&self, steps: Value) -> String {
        let script = self.script("script.json", steps);
        self.said(&["run", text(&script)]).trim_end().to_owned()
    }

    /// One round of these steps, in a file of this name.
    pub(super) fn script(&self, name: &str, steps: Value) -> PathBuf {
        let path = self.folder.path().join(name);
        let script = json!({"version": 1, "rounds": [{"steps": steps}]});
        std::fs::write(&path, script.to_string()).expect("the folder is ours");
        path
    }

    /// Ends the node as a power cut would, and leaves its folder.
    pub(crate) fn kill(mut self) -> TempDir {
        self.process.signal("KILL");
        assert_eq!(self.process.end().code, None);
        self.folder
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> Ended {
        self.process.end()
    }

    /// Ends the node in order, and leaves its folder.
    pub(crate) fn stop(mut self) -> TempDir {
        self.process.signal("TERM");
        let ended = self.process.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        self.folder
    }
}

/// One use of the shell.
pub(super) fn shell(id: &str, command: &str) -> Value {
    json!({"id": id, "tool": "shell", "args": {"command": command}})
}

/// The step with these keys as well.
pub(super) fn with(mut step: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object") };
    step.as_object_mut().expect("a step is an object").extend(more);
    step
}

/// Asks again until there is an answer.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
    }
}

/// A pipe with a name, into which commands write lines.
pub(crate) struct Pipe {
    pub(crate) path: PathBuf,
    lines: Receiver<String>,
}

impl Pipe {
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().expect("it is part of every system");
        assert!(made.success());
        // Open for writing as well, so that no command waits and reading has no end.
        let file = OpenOptions::new().read(true).write(true).open(&path).expect("it is ours");
        let (line, lines) = sync_channel(100);
        thread::spawn(move || {
            let read = BufReader::new(file).lines().map_while(Result::ok);
            read.map_while(|text| line.send(text).ok()).count()
        });
        Self { path, lines }
    }

    /// The next line that a command has written.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a command writes a line in time")
    }
}
