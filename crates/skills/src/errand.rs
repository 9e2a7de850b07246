//! One command under its guard, as the node sees the two.

use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use domain::BoxFuture;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::command::Term;
use crate::guard::WATCH;
use crate::guard::protocol::{End, Order, Report, TERMINATE};
use crate::keep::Kept;
use crate::{Options, processes};

/// How long a command that is stopped may take to end by itself, before its deadline.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The same at its deadline.
const LATE_GRACE: Duration = Duration::from_millis(300);
/// How long after the deadline nothing more is waited for; an answer is due a second after it.
const LATE_MAX: Duration = Duration::from_millis(800);
/// How long everything may take to end that was stopped and then killed.
const KILL_MAX: Duration = Duration::from_secs(5);
/// How long output may still come once the guard is over: only somebody who escaped holds it open.
const DRAIN_MAX: Duration = Duration::from_millis(50);
/// How often those are looked for whose guard was killed, and for how long.
const SWEEP_PERIOD: Duration = Duration::from_millis(5);
const SWEEPS_MAX: u32 = 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A guard that was started. Dropping it closes the socket, and the guard ends everything.
pub(crate) struct Errand {
    guard: Child,
    pid: Pid,
    reports: Lines<BufReader<OwnedReadHalf>>,
    node: OwnedWriteHalf,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

/// Why there is no guard.
pub(crate) struct Unstarted {
    pub(crate) error: io::Error,
    /// Whether it may be otherwise in a while.
    pub(crate) may_pass: bool,
}

/// Who asked for an early end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Stopped,
    Late,
}

/// All that was heard of a command.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) begun: bool,
    pub(crate) refused: Option<String>,
    pub(crate) asked: Option<Asked>,
    pub(crate) end: Option<End>,
    /// Whether the guard ended by itself with a complaint.
    pub(crate) guard_gave_up: bool,
    /// The guard, if it was still at work when nothing more was waited for.
    pub(crate) guarded: Option<Pid>,
    /// Who has outlived a killed guard, as far as they could be found.
    pub(crate) left: Vec<Pid>,
    pub(crate) stdout: Kept,
    pub(crate) stderr: Kept,
}

impl Errand {
    pub(crate) fn start(options: &Options) -> Result<Self, Unstarted> {
        Self::try_start(options).map_err(|error| {
            let permanent = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
            let may_pass = !permanent.contains(&error.kind());
            Unstarted { error, may_pass }
        })
    }

    fn try_start(options: &Options) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reports, node) = UnixStream::from_std(ours)?.into_split();
        let mut command = Command::new(&options.guard.program);
        command.args(&options.guard.words).arg(WATCH).arg(&options.hands);
        // Nothing of the node's environment can be read there either.
        command.env_clear().current_dir("/").stdin(Stdio::from(OwnedFd::from(theirs)));
        let mut guard = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pid = guard.id().expect("it was not waited for");
        let stdout = guard.stdout.take().expect("it is piped");
        let stderr = guard.stderr.take().expect("it is piped");
        let pid = Pid::from_raw(pid.cast_signed());
        Ok(Self { guard, pid, reports: BufReader::new(reports).lines(), node, stdout, stderr })
    }

    /// Gives the order and stays until it is over. Of each stream at most so many bytes are kept.
    pub(crate) async fn see_to(
        self,
        order: &Order,
        kept_bytes_max: usize,
        term: &mut Term,
    ) -> Told {
        let (mut stdout, mut stderr) = (Kept::new(kept_bytes_max), Kept::new(kept_bytes_max));
        let Self { guard, pid, reports, node, stdout: out, stderr: err } = self;
        let talk = Talk {
            guard,
            pid,
            reports,
            node,
            outbox: Vec::new(),
            told: Told::default(),
            ordered: false,
            deadline: term.deadline,
            kill_at: None,
            over_at: None,
        };
        let told = {
            let mut streams = pin!(async {
                tokio::join!(collect(out, &mut stdout), collect(err, &mut stderr));
            });
            let mut talk = pin!(talk.hold(order, &mut term.stop));
            let told = tokio::select! {
                told = &mut talk => Err(told),
                () = &mut streams => Ok(()),
            };
            match told {
                Ok(()) => talk.await,
                Err(told) => {
                    timeout(DRAIN_MAX, streams).await.ok();
                    told
                }
            }
        };
        Told { stdout, stderr, ..told }
    }
}

async fn collect(mut stream: impl AsyncRead + Unpin, kept: &mut Kept) {
    let mut buffer = vec![0; READ_BYTES];
    // A stream that cannot be read has nothing more to say.
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        kept.take(&buffer[..bytes]);
    }
}

/// The conversation with one guard.
struct Talk {
    guard: Child,
    pid: Pid,
    reports: Lines<BufReader<OwnedReadHalf>>,
    node: OwnedWriteHalf,
    /// What the guard has not taken yet.
    outbox: Vec<u8>,
    told: Told,
    /// Whether anything of the order may have been sent.
    ordered: bool,
    deadline: Instant,
    /// When the end is no longer a matter of the command's manners.
    kill_at: Option<Instant>,
    /// When nothing more is waited for.
    over_at: Option<Instant>,
}

impl Talk {
    async fn hold(mut self, order: &Order, stop: &mut BoxFuture<'static, ()>) -> Told {
        loop {
            tokio::select! {
                biased;
                report = self.reports.next_line() => match report {
                    Ok(Some(line)) => self.hear(&line, order),
                    Ok(None) | Err(_) => break,
                },
                () = &mut *stop, if self.told.asked.is_none() => self.ask(Asked::Stopped),
                () = sleep_until(self.deadline), if self.told.asked.is_none() => {
                    self.ask(Asked::Late);
                }
                () = at(self.kill_at) => self.kill().await,
                () = at(self.over_at) => return self.give_up(),
                ready = self.node.writable(), if !self.outbox.is_empty() => {
                    if ready.is_err() || !self.send() {
                        self.outbox.clear();
                    }
                }
            }
        }
        self.close().await
    }

    fn hear(&mut self, line: &str, order: &Order) {
        match serde_json::from_str(line) {
            Ok(Report::Ready) if self.told.asked.is_some() => {}
            // Timers are late, and what may not begin any more must not.
            Ok(Report::Ready) if self.deadline <= Instant::now() => self.ask(Asked::Late),
            Ok(Report::Ready) => {
                self.outbox = order.to_bytes();
                self.ordered = true;
            }
            Ok(Report::Begun) => self.told.begun = true,
            Ok(Report::Refused(story)) => self.told.refused = Some(story),
            Ok(Report::Ended(end)) => self.told.end = Some(end),
            Err(error) => tracing::warn!(line, %error, "a guard said what nobody understands"),
        }
    }

    /// Sends what fits; `false` if the guard takes nothing any more.
    fn send(&mut self) -> bool {
        match self.node.try_write(&self.outbox) {
            Ok(bytes) => {
                self.outbox.drain(..bytes);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    fn ask(&mut self, asked: Asked) {
        let now = Instant::now();
        self.told.asked = Some(asked);
        let kill_at = match asked {
            Asked::Stopped => self.deadline.min(now + STOP_GRACE),
            Asked::Late => now + LATE_GRACE,
        };
        if self.ordered {
            self.outbox.push(TERMINATE);
            self.kill_at = Some(kill_at);
        } else {
            // Nothing will begin that could end politely.
            self.kill_at = Some(now);
        }
        let over_at = (kill_at + KILL_MAX).min(self.deadline.max(now) + LATE_MAX);
        self.over_at = Some(over_at);
    }

    async fn kill(&mut self) {
        self.kill_at = None;
        self.outbox.clear();
        // The end of this side is what a guard cannot mistake.
        self.node.shutdown().await.ok();
        // The tool may have stopped it.
        kill(self.pid, Signal::SIGCONT).ok();
    }

    /// The guard lives on and goes on ending the command; dropping the socket has it know that
    /// nobody waits.
    fn give_up(mut self) -> Told {
        self.told.guarded = Some(self.pid);
        self.told
    }

    /// The guard has nothing more to say: waits for its end, which is near.
    async fn close(mut self) -> Told {
        let over_at = self.over_at.unwrap_or(Instant::now() + LATE_MAX);
        let status = match tokio::time::timeout_at(over_at, self.guard.wait()).await {
            Ok(status) => status.ok(),
            Err(_late) => return self.give_up(),
        };
        self.told.guard_gave_up =
            status.is_some_and(|status| status.code().is_some_and(|code| code != 0));
        if self.told.begun && self.told.end.is_none() && self.told.refused.is_none() {
            self.sweep().await;
        }
        self.told
    }

    /// Ends those of a killed guard's session who are still in it.
    async fn sweep(&mut self) {
        for _ in 0..SWEEPS_MAX {
            let members = processes::members(self.pid);
            let left = members.iter().filter(|process| !process.ended);
            self.told.left = left.map(|process| process.pid).collect();
            if self.told.left.is_empty() {
                return;
            }
            for process in members {
                kill(process.pid, Signal::SIGKILL).ok();
            }
            sleep(SWEEP_PERIOD).await;
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
