//! The moment between guard and tool: a process that ties its life to the guard's and becomes the
//! shell.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getppid;

use super::Error;

/// Becomes the shell. Returns only where that failed, having said why on standard input, whose
/// other end is the guard's.
pub(super) fn run(guard: &OsStr, input: &Path, shell: &Path, command: &OsStr) -> Result<(), Error> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(Error::System)?;
    // Closed by becoming the shell, which tells the guard that it worked.
    let mut report = File::from(stdin);
    let Err(failed) = become_shell(guard, input, shell, command);
    write!(report, "cannot start {}: {failed}", shell.display()).map_err(Error::System)
}

fn become_shell(
    guard: &OsStr,
    input: &Path,
    shell: &Path,
    command: &OsStr,
) -> io::Result<Infallible> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if guard != getppid().to_string().as_str() {
        return Err(io::Error::other("its guard died before it could take it along"));
    }
    // The guard blocks signals, and who is started inherits that.
    SigSet::empty().thread_set_mask()?;
    let input = File::open(input)?;
    Err(Command::new(shell).arg0("sh").arg("-c").arg(command).stdin(input).exec())
}
