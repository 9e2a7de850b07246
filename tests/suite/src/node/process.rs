//! The binary, built once, and one process of it: its lines, its signals, its end. Every wait has
//! a bound, and no process outlives its test.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// More lines than any test makes a node write.
const LINES_MAX: usize = 10_000;

/// One process of the program. Its environment is empty, so that nothing of the machine's reaches
/// a test.
pub(crate) struct Lares {
    pid: u32,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What `log_line` has read on its way.
    logged: String,
    exit: Receiver<ExitStatus>,
    ended: bool,
}

/// How a process ended, with what it wrote since it was last listened to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lares {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(&[], arguments)
    }

    pub(crate) fn start_with(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.env_clear().envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
        Self::spawn(command)
    }

    pub(crate) fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.env_clear().current_dir(folder).args(arguments).stdin(Stdio::null());
        Self::spawn(command)
    }

    /// After a shell has done this.
    pub(crate) fn start_after(words: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("/bin/sh");
        command.env_clear().arg("-c").arg(format!("{words}; exec \"$0\" \"$@\"")).arg(binary());
        command.args(arguments).stdin(Stdio::null());
        Self::spawn(command)
    }

    /// What it reads on its standard input is this file.
    pub(crate) fn start_reading(input: &Path, arguments: &[&str]) -> Self {
        let input = std::fs::File::open(input).expect("it is there");
        let mut command = Command::new(binary());
        command.env_clear().args(arguments).stdin(input);
        Self::spawn(command)
    }

    /// Whatever it logs cannot be written.
    pub(crate) fn start_unheard(arguments: &[&str]) -> Self {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
        let mut command = Command::new(binary());
        command.env_clear().args(arguments).stdin(Stdio::null()).stderr(full);
        Self::spawn_piped(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        Self::spawn_piped(command)
    }

    fn spawn_piped(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let stderr = match child.stderr.take() {
            Some(stderr) => lines(stderr),
            None => lines(std::io::empty()),
        };
        let pid = child.id();
        Self { pid, stdout, stderr, logged: String::new(), exit: exit(child), ended: false }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The next line it prints.
    pub(crate) fn line(&mut self) -> String {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(why) => panic!("no line ({why}); on stderr: {}", self.end().stderr),
        }
    }

    /// Waits until it logs a line with this in it.
    pub(crate) fn log_line(&mut self, part: &str) {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).expect("it logs the line in time");
            self.logged.push_str(&line);
            self.logged.push('\n');
            if line.contains(part) {
                return;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        // Part of every shell, unlike the program of that name.
        let script = format!("kill -{name} {}", self.pid);
        let status = Command::new("/bin/sh").args(["-c", &script]).status();
        assert!(status.expect("there is a shell").success(), "{script}");
    }

    /// From now on it can open nothing beyond so many files.
    pub(crate) fn allow_files(&self, count: u32) {
        let (pid, soft) = (format!("--pid={}", self.pid), format!("--nofile={count}:"));
        let status = Command::new("prlimit").args([pid, soft]).status();
        assert!(status.expect("util-linux is part of every Debian").success());
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Ended {
        let status = self.exit.recv_timeout(PATIENCE).expect("it ends in time");
        self.ended = true;
        let rest = |lines: &Receiver<String>| {
            let lines = std::iter::from_fn(|| lines.recv_timeout(PATIENCE).ok());
            lines.map(|line| line + "\n").collect::<String>()
        };
        let stderr = std::mem::take(&mut self.logged) + &rest(&self.stderr);
        Ended { code: status.code(), stdout: rest(&self.stdout), stderr }
    }
}

impl Drop for Lares {
    fn drop(&mut self) {
        if self.ended || self.exit.try_recv().is_ok() {
            return;
        }
        // It may end by itself just now, so a kill that finds nobody is as good.
        let script = format!("kill -KILL {}", self.pid);
        let killer = Command::new("/bin/sh").args(["-c", &script]).stderr(Stdio::null()).status();
        if killer.is_ok() {
            self.exit.recv_timeout(PATIENCE).ok();
        }
    }
}

/// Its lines as they come; the channel ends with the stream.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = sync_channel(LINES_MAX);
    thread::spawn(move || {
        for text in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.send(text).is_err() {
                return;
            }
        }
    });
    lines
}

fn exit(mut child: Child) -> Receiver<ExitStatus> {
    let (status, exit) = sync_channel(1);
    thread::spawn(move || {
        let ended = child.wait().expect("a child can be waited for");
        status.send(ended).ok();
    });
    exit
}

/// The binary of this checkout, built once for all tests.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", "lares", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "lares does not build");
    // Cargo says where it put the binary, whatever target folder it was given.
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_lares = message["target"]["name"] == "lares";
        message["executable"].as_str().filter(|_| is_lares).map(PathBuf::from)
    });
    executables.next_back().expect("lares is a binary")
}
