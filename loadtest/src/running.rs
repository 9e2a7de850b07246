//! A process that is listened to while it runs, and ended whenever that is asked for.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Lines that wait to be heard; the process waits beyond that.
const LINES_MAX: usize = 1_024;

/// Ended at the latest when this is dropped.
pub(crate) struct Running {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Running {
    /// What it says on standard error goes into the log.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(File::create(log)?).spawn()?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("a process has no standard output")?;
        let (said, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Running { process, input, lines, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("a process has no standard input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// The first line that is meant, within this time.
    pub(crate) fn hear(
        &self,
        is_meant: impl Fn(&str) -> bool,
        within: Duration,
    ) -> anyhow::Result<String> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if is_meant(&line) => return Ok(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("it said nothing for {within:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended without an answer:\n{}", last_lines(&self.log)?)
                }
            }
        }
    }

    /// As by `kill -9`; returns when it is gone.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn last_lines(log: &Path) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(5)..].join("\n"))
}
