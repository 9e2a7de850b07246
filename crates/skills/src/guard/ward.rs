//! All that a guard has to see to its end: the tool, and everybody it has started.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::Error;
use super::protocol::End;
use crate::processes;

/// How long to wait for those who were killed before looking again, in milliseconds: twice as long
/// each time, up to a bound, since who cannot be killed may take for ever.
const LOOK_PERIOD_MS: u16 = 10;
const LOOK_PERIOD_MS_MAX: u16 = 1_000;

/// Stands for every real-time signal; the library that reads how a child ended knows none.
const REAL_TIME_SIGNAL: i32 = 34;

/// The signals a guard listens to. All others that can be are blocked: a guard ends with its tool.
pub(super) struct Signals(SignalFd);

impl Signals {
    pub(super) fn take() -> Result<Self, Error> {
        SigSet::all().thread_block()?;
        let mut heard = SigSet::empty();
        // A child has ended; a person wants the tool to end.
        heard.add(Signal::SIGCHLD);
        heard.add(Signal::SIGTERM);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&heard, flags)?))
    }

    /// Takes what has arrived; `true` if somebody asks for the end.
    pub(super) fn asked_to_end(&self) -> bool {
        let arrived = std::iter::from_fn(|| self.0.read_signal().ok().flatten());
        let asking = arrived.filter(|signal| signal.ssi_signo == Signal::SIGTERM as u32);
        0 < asking.count()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(super) struct Ward {
    tool: Pid,
    ended: Option<End>,
    signals: Signals,
}

impl Ward {
    pub(super) fn new(tool: Pid, signals: Signals) -> Self {
        Self { tool, ended: None, signals }
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Reaps whoever has ended, and says whether the tool is among them.
    pub(super) fn tool_has_ended(&mut self) -> bool {
        let somebody_is_left = self.reap();
        self.ended.is_some() || !somebody_is_left
    }

    /// Asks everybody to end.
    pub(super) fn terminate(&self) {
        for pid in processes::descendants(getpid()) {
            // Who has gone since, or belongs to somebody else, cannot be asked.
            kill(pid, Signal::SIGTERM).ok();
        }
    }

    /// Ends everybody, and says how the tool ended. Returns once nobody is left.
    pub(super) fn end(mut self) -> End {
        let mut period_ms = LOOK_PERIOD_MS;
        let mut killed = HashSet::new();
        // Without a child there is no descendant: who loses its parent becomes a child.
        while self.reap() {
            if kill_below(getpid(), &mut killed) {
                // Somebody was born since the last look; who is may give birth as well.
                continue;
            }
            let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, period_ms).ok();
            self.signals.asked_to_end();
            period_ms = LOOK_PERIOD_MS_MAX.min(period_ms * 2);
            // Pids come back, and who could not be killed may be another one by now.
            killed.clear();
        }
        self.ended.unwrap_or(End::Signal(Signal::SIGKILL as i32))
    }

    /// Takes note of all who have ended; `true` while there are children.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return true,
                Ok(WaitStatus::Exited(pid, code)) => self.note(pid, End::Exit(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.note(pid, End::Signal(signal as i32));
                }
                // Nobody asked for stops and traces.
                Ok(_) => {}
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EINVAL) => self.note_unreadable(),
                Err(_no_children) => return false,
            }
        }
    }

    fn note(&mut self, pid: Pid, end: End) {
        // Only the first counts: an orphan may get the tool's pid when it is free again.
        if pid == self.tool {
            self.ended.get_or_insert(end);
        }
    }

    /// Somebody was reaped of whom nothing can be read; it was the tool if that is gone.
    fn note_unreadable(&mut self) {
        if kill(self.tool, None) == Err(nix::Error::ESRCH) {
            self.note(self.tool, End::Signal(REAL_TIME_SIGNAL));
        }
    }
}

/// Kills whoever lives below this process and was not killed yet, parents before their children so
/// that nobody sees a child die and starts another; says whether there was anybody.
///
/// Below those who were killed nobody is looked for: their children come to the guard when they
/// die. So a look costs little, and is faster than any process can multiply.
fn kill_below(parent: Pid, killed: &mut HashSet<Pid>) -> bool {
    let mut anybody = false;
    let mut parents = vec![parent];
    while let Some(parent) = parents.pop() {
        let mut children = processes::children(parent);
        children.retain(|pid| killed.insert(*pid));
        for pid in &children {
            kill(*pid, Signal::SIGKILL).ok();
        }
        anybody |= !children.is_empty();
        parents.extend(children);
    }
    anybody
}
