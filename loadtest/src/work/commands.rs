//! Commands that end by themselves, and soon.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// Runs one; what it says is only of interest when it fails.
pub(super) fn run(command: &mut Command, within: Duration) -> anyhow::Result<()> {
    let said = tempfile::NamedTempFile::new()?;
    let command = command.stdin(Stdio::null()).stdout(said.reopen()?).stderr(said.reopen()?);
    let mut process = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let until = Instant::now() + within;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if until < Instant::now() {
            process.kill()?;
            process.wait()?;
            bail!("{command:?} did not end within {within:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure!(status.success(), "{command:?}: {}", std::fs::read_to_string(said.path())?);
    Ok(())
}

pub(super) fn is_root() -> anyhow::Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}
