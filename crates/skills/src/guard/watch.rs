//! The guard itself: from its lock to the end of everything below it.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::unistd::{Pid, getpid, setsid};

use super::protocol::{Order, Report, TERMINATE};
use super::ward::{Signals, Ward};
use super::{Error, START, THIS_PROGRAM};
use crate::hands;

/// How long a guard waits before it tries the lock again, in milliseconds.
const LOCK_PERIOD_MS: u8 = 10;

pub(super) fn run(path: &Path) -> Result<(), Error> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map_err(Error::System)?;
    let mut node = UnixStream::from(stdin);
    node.peer_addr().map_err(|_not_a_socket| Error::ByHand)?;
    // Signals to the node's group and terminal are the node's. A leader cannot, and is no guard.
    setsid().map_err(|_leader| Error::ByHand)?;
    prctl::set_name(c"lares-guard")?;
    prctl::set_child_subreaper(true)?;
    let signals = Signals::take()?;

    let Some(_hands) = hold(path, &node)? else { return Ok(()) };
    // From here on every failure to talk means that the node is gone, which its end will tell.
    Report::Ready.write(&mut node).ok();
    let Some(order) = Order::read(&mut node).map_err(Error::System)? else { return Ok(()) };
    Report::Begun.write(&mut node).ok();
    let report = match start(&order) {
        Ok(tool) => watch(Ward::new(tool, signals), &mut node),
        Err(refused) => Report::Refused(refused),
    };
    report.write(&mut node).ok();
    Ok(())
}

/// Shares the lock of the hands file; nothing if the node goes away before.
fn hold(path: &Path, node: &UnixStream) -> Result<Option<File>, Error> {
    let failed = |source| Error::Hands { path: path.to_owned(), source };
    let file = hands::open(path).map_err(failed)?;
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            // A node that is about to begin looks whether it is the first.
            Err(TryLockError::WouldBlock) => {}
        }
        let mut fds = [PollFd::new(node.as_fd(), PollFlags::POLLIN)];
        // It says nothing before it hears that the lock is held, so this is its end.
        match poll(&mut fds, LOCK_PERIOD_MS) {
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Starts the tool, or says why that cannot be.
fn start(order: &Order) -> Result<Pid, String> {
    let failed = |what: &str, error: std::io::Error| format!("cannot {what}: {error}");
    let input = match &order.input {
        Some(text) => Some(filled(text).map_err(|error| failed("hold the input", error))?),
        None => None,
    };
    let guard = getpid().to_string();
    let input = match &input {
        // Opened anew, so it is read from its beginning.
        Some(file) => format!("/proc/{guard}/fd/{}", file.as_raw_fd()),
        None => "/dev/null".to_owned(),
    };
    let (mut said, say) = std::io::pipe().map_err(|error| failed("open a pipe", error))?;
    let mut command = Command::new(THIS_PROGRAM);
    command.args(&order.verb).args([START, &guard, &input]).arg(&order.shell).arg(&order.command);
    command.env_clear().envs(order.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&order.folder).process_group(0).stdin(Stdio::from(say));
    let spawned = command.spawn();
    // The command holds this side of the pipe as well.
    drop(command);
    let place = format!("start a process in {}", order.folder.display());
    let child = spawned.map_err(|error| failed(&place, error))?;
    let mut refused = String::new();
    said.read_to_string(&mut refused).map_err(|error| failed("hear of the start", error))?;
    if !refused.is_empty() {
        return Err(refused);
    }
    Ok(Pid::from_raw(child.id().cast_signed()))
}

/// A file in memory with this text, which no subprocess inherits.
fn filled(text: &str) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(c"input", MFdFlags::MFD_CLOEXEC)?);
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(file)
}

/// Waits for the tool's end or for somebody who asks for it, and ends whatever is left.
fn watch(mut ward: Ward, node: &mut UnixStream) -> Report {
    while !ward.tool_has_ended() {
        let signals = ward.signals();
        let mut fds = [
            PollFd::new(node.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(_) => break,
        }
        let spoken = fds[0].revents().is_some_and(|events| !events.is_empty());
        if signals.asked_to_end() {
            break;
        }
        if spoken {
            let mut byte = [0];
            match node.read(&mut byte) {
                Ok(1) if byte == [TERMINATE] => ward.terminate(),
                Ok(_) | Err(_) => break,
            }
        }
    }
    Report::Ended(ward.end())
}
