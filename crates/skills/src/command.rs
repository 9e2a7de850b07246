//! One command under a guard: what it is given, and what is known of it when it is over.

use std::path::PathBuf;
use std::time::Duration;

use domain::BoxFuture;
use domain::tool::{Class, Failure, Output};
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::Options;
use crate::errand::{Asked, Errand, Told, Unstarted};
use crate::guard::protocol::{End, Order};
use crate::keep::Kept;

/// Every command finds the key of its effect under this name.
pub(crate) const KEY: &str = "LARES_KEY";

/// No call takes longer, whatever its caller would wait.
const WITHIN_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What runs, and where.
pub(crate) struct Command {
    /// For `sh -c`.
    pub(crate) line: String,
    pub(crate) folder: PathBuf,
    /// Variables beside those that everybody has, or instead of them.
    pub(crate) granted: Vec<(String, String)>,
    pub(crate) input: Option<String>,
    /// Of each of its two outputs.
    pub(crate) kept_bytes_max: usize,
}

/// How long a call may go on, whatever it consists of.
pub(crate) struct Term {
    pub(crate) deadline: Instant,
    /// Not asked again once it has resolved: nothing of the call goes on then.
    pub(crate) stop: BoxFuture<'static, ()>,
}

/// A command that had begun and is over, or was given up.
pub(crate) struct Ended {
    /// Well, with code 0; or what is known instead.
    pub(crate) fate: Result<(), (Class, String)>,
    /// Absent where it did not end by itself.
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: Kept,
    pub(crate) stderr: Kept,
}

impl Term {
    pub(crate) fn new(within: Duration, stop: BoxFuture<'static, ()>) -> Self {
        Self { deadline: Instant::now() + within.min(WITHIN_MAX), stop }
    }
}

/// Runs a command; a failure is one that never began. Resolves once the guard has ended, and with
/// it everything that the command has started; a second after the deadline at the latest.
pub(crate) async fn run(
    options: &Options,
    command: Command,
    key: &str,
    term: &mut Term,
) -> Result<Ended, Failure> {
    let kept_bytes_max = command.kept_bytes_max;
    let order = order(options, command, key);
    match Errand::start(options) {
        Ok(errand) => judge(errand.see_to(&order, kept_bytes_max, term).await),
        Err(Unstarted { error, may_pass }) => {
            let program = options.guard.program.display();
            let story = format!("the guard {program} could not be started: {error}");
            Err(if may_pass { busy(story) } else { refused(story) })
        }
    }
}

fn order(options: &Options, command: Command, key: &str) -> Order {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut environment: Vec<(String, String)> =
        options.environment.variables().map(owned).collect();
    // Later ones count, so what is granted may also replace what everybody has.
    environment.extend(command.granted);
    environment.push((KEY.to_owned(), key.to_owned()));
    Order {
        verb: options.guard.words.clone(),
        shell: options.shell.clone(),
        command: command.line,
        folder: command.folder,
        environment,
        input: command.input,
    }
}

/// What is known of a command, after all that was told.
fn judge(told: Told) -> Result<Ended, Failure> {
    if let Some(story) = told.refused {
        return Err(refused(story));
    }
    if !told.begun {
        return Err(unbegun(told));
    }
    let fate = fate(&told);
    let exit = match told.end {
        Some(End::Exit(code)) => Some(code),
        Some(End::Signal(_)) | None => None,
    };
    Ok(Ended { fate, exit, stdout: told.stdout, stderr: told.stderr })
}

/// What became of a command that has begun.
fn fate(told: &Told) -> Result<(), (Class, String)> {
    if let Some(guard) = told.guarded {
        let story = format!(
            "the command was told to end and has not yet: its guard, pid {guard}, goes on ending \
             it; look at the processes below that one, which may belong to another user"
        );
        return Err((Class::Going, story));
    }
    if !told.left.is_empty() {
        let pids: Vec<String> = told.left.iter().map(ToString::to_string).collect();
        let story = format!("{UNGUARDED}; {} could not be ended", pids.join(", "));
        return Err((Class::Going, story));
    }
    let (class, story) = match (told.asked, told.end) {
        (None, Some(End::Exit(0))) => return Ok(()),
        (None, Some(End::Exit(code))) => {
            let story = format!("the command ended with code {code}: its error output may say why");
            return Err((Class::Failed, story));
        }
        (None, Some(End::Signal(signal))) => {
            let signal = spoken(signal);
            let story = format!(
                "the command was ended by {signal}, which this node has not sent: look how far it \
                 came"
            );
            return Err((Class::Unknown, story));
        }
        (None, None) => (Class::Unknown, UNGUARDED),
        (Some(Asked::Stopped), _) => (Class::Stopped, STOPPED),
        (Some(Asked::Late), _) => (Class::Unknown, LATE),
    };
    Err((class, story.to_owned()))
}

const UNGUARDED: &str = "the guard of the command died, and whoever of it could be found was \
                         ended: look how far it came, and for processes that it left";
const STOPPED: &str = "the command was stopped because somebody asked for it: what it had done by \
                       then stays done";
const LATE: &str = "the command had not ended at its deadline, and was ended with all it had \
                    started: look how far it came, or give it more time";

/// The guard is over and had never begun.
fn unbegun(told: Told) -> Failure {
    match told.asked {
        Some(Asked::Stopped) => {
            let story = "the command was stopped before it had begun";
            failure(Class::Stopped, story.to_owned())
        }
        Some(Asked::Late) => {
            busy("the deadline came before the command had begun: try again later".to_owned())
        }
        None if told.guard_gave_up => {
            let said = told.stderr.shown();
            refused(format!("the guard could not begin: {}", said.trim_end()))
        }
        None => busy("the guard was killed before the command had begun".to_owned()),
    }
}

fn spoken(signal: i32) -> String {
    match Signal::try_from(signal) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => "a real-time signal".to_owned(),
    }
}

pub(crate) fn refused(story: String) -> Failure {
    failure(Class::Refused, story)
}

pub(crate) fn busy(story: String) -> Failure {
    failure(Class::Busy { after_ms: None }, story)
}

fn failure(class: Class, story: String) -> Failure {
    Failure { class, story, output: Output::default() }
}
