//! The processes in which things are measured: this program again, and the BEAM.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::figures::Figures;
use crate::running::{Running, last_lines};

/// No part takes nearly as long.
const PART_MAX: Duration = Duration::from_secs(300);

/// The folder all parts log into; gone with the value.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    beam: Option<Beam>,
}

/// The BEAM that was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("cannot find `escript`: install the package erlang-base, or leave out --peer beam")]
pub(crate) struct NoBeam;

impl Bench {
    pub(crate) fn open(with_beam: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the logs")?;
        let beam = with_beam.then(|| Beam::start(folder.path())).transpose()?;
        Ok(Bench { folder, beam })
    }

    /// Measures one part in a process of its own, its log in a real file.
    pub(crate) fn part(&self, request: &str) -> anyhow::Result<Figures> {
        self.part_within(request, PART_MAX)
    }

    /// The same for one that takes longer.
    pub(crate) fn part_within(&self, request: &str, within: Duration) -> anyhow::Result<Figures> {
        let log = self.folder.path().join("log");
        let mut command = command(request)?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.stderr(File::create(&log)?).spawn()?;
        let status = wait(&mut process, within)?;
        let mut answer = String::new();
        if let Some(mut output) = process.stdout.take() {
            output.read_to_string(&mut answer)?;
        }
        if !status.is_some_and(|status| status.success()) {
            let ended = status.map_or("did not end".to_owned(), |s| format!("ended with {s}"));
            anyhow::bail!("`{request}` {ended}:\n{}", last_lines(&log)?);
        }
        serde_json::from_str(&answer)
            .with_context(|| format!("`{request}` did not print its figures"))
    }

    /// Starts a part that is listened to while it runs.
    pub(crate) fn start(&self, request: &str) -> anyhow::Result<Running> {
        Running::start(&mut command(request)?, &self.folder.path().join("log"))
            .with_context(|| format!("cannot start `{request}`"))
    }

    /// Asks the BEAM, if it was started.
    pub(crate) fn beam(&mut self, request: &str) -> anyhow::Result<Option<Figures>> {
        self.beam.as_mut().map(|beam| beam.ask(request)).transpose()
    }
}

/// This program once more, with one part to measure.
fn command(request: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("part").args(request.split(' '));
    Ok(command)
}

/// Waits for a part; one that takes far too long is ended, and nothing is returned.
fn wait(process: &mut Child, within: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let until = Instant::now() + within;
    while Instant::now() < until {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    process.kill()?;
    process.wait()?;
    Ok(None)
}

/// One node of the BEAM, kept warm between the rounds.
struct Beam {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Beam {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let script = folder.join("bench.escript");
        std::fs::write(&script, include_str!("../otp/bench.escript"))?;
        let mut command = Command::new("escript");
        let command = command.arg(&script).arg("serve");
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(NoBeam.into()),
            started => started.context("cannot start escript")?,
        };
        let requests = process.stdin.take();
        let answers = process.stdout.take().context("escript has no standard output")?;
        Ok(Beam { process, requests, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, request: &str) -> anyhow::Result<Figures> {
        let requests = self.requests.as_mut().context("escript has no standard input")?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        serde_json::from_str(&answer)
            .with_context(|| format!("the BEAM answered `{request}` with `{}`", answer.trim()))
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.requests.take());
        let _ = self.process.wait();
    }
}
