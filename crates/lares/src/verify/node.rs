//! A node that is judged: a process of this same program, on a folder that nobody else uses.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, bail};
use cli::Client;

use super::wait::until;

/// Any free port of loopback.
const ANY: &str = "127.0.0.1:0";
/// How much of a log is told with a failure.
const LOG_LINES_TOLD: usize = 3;

/// A node that runs. It is killed with this value, if it was not ended before.
pub(super) struct Node {
    process: Process,
    client: Client,
}

impl Node {
    /// Starts one, and returns when it can be asked.
    pub(super) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut process = Process::start(folder)?;
        let client = process.listens().await?;
        Ok(Node { process, client })
    }

    /// Ends it in the middle of whatever it does, as a power cut would.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()
    }

    /// The next one on its folder, once this one has ended.
    pub(super) async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = Process::start(&self.process.folder)?;
        self.client = self.process.listens().await?;
        Ok(())
    }

    /// Asks it to end in order, and not how it goes.
    pub(super) fn tell_to_stop(&self) -> anyhow::Result<()> {
        // The child was not waited for, so its number is nobody else's.
        let script = format!("kill -TERM {}", self.process.child.id());
        let told = Command::new("/bin/sh").args(["-c", &script]).status();
        match told.context("cannot start /bin/sh")?.success() {
            true => Ok(()),
            false => bail!("the node cannot be told to stop: {}", self.process.log()),
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) -> anyhow::Result<ExitStatus> {
        self.process.ended().await
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

/// What becomes of one more node on a folder that has one.
pub(super) async fn second(folder: &Path) -> anyhow::Result<ExitStatus> {
    Process::start(folder)?.ended().await
}

/// One process, which does not outlive its value.
struct Process {
    folder: PathBuf,
    child: Child,
    has_ended: bool,
}

impl Process {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let log = OpenOptions::new().create(true).append(true).open(log_file(folder));
        let log: File = log.with_context(|| format!("cannot write {}", folder.display()))?;
        let mut command = Command::new(program);
        command.arg("up").arg("--data").arg(folder).args(["--listen", ANY]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // What a terminal says to whoever waits is not for the node.
        command.process_group(0);
        let child = command.spawn().context("cannot start a node")?;
        Ok(Process { folder: folder.to_owned(), child, has_ended: false })
    }

    /// Returns once it has said where.
    async fn listens(&mut self) -> anyhow::Result<Client> {
        until("the node listens", async || {
            if let Some(status) = self.look()? {
                bail!("the node has ended with {status}: {}", self.log());
            }
            // It is written as a whole; one of a node before this one names another process.
            let Ok(text) = std::fs::read(self.folder.join(cli::Node::FILE)) else {
                return Ok(None);
            };
            let node: cli::Node = serde_json::from_slice(&text)?;
            let is_this = node.pid == self.child.id();
            Ok(if is_this { Some(Client::to(node)?) } else { None })
        })
        .await
    }

    async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        until("the node ends", async || self.look()).await
    }

    fn look(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let status = self.child.try_wait().context("cannot wait for the node")?;
        self.has_ended |= status.is_some();
        Ok(status)
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.look()? {
            bail!("the node had ended with {status} before it was killed: {}", self.log());
        }
        self.child.kill().context("cannot kill the node")?;
        self.child.wait().context("cannot wait for the node")?;
        self.has_ended = true;
        Ok(())
    }

    /// What it has said last.
    fn log(&self) -> String {
        let text = std::fs::read_to_string(log_file(&self.folder)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_TOLD)..].join(" | ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended {
            // It may end by itself just now.
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Beside the folder: what is in it is the node's alone.
fn log_file(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}
