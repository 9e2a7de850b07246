//! The guard: the process that stands between the node and a tool, and outlives neither's end for
//! long.
//!
//! The node starts one for each subprocess it wants, as a hidden verb of its own program. Its
//! standard input is a socket to the node, its two outputs are those of the tool. It takes the lock
//! of the hands file, says so, and only then is told what to start; so whoever has that file alone
//! knows that no tool of an earlier node lives or ever will.
//!
//! It is the subreaper of all that the tool starts: what loses its parent, also on purpose and into
//! a session of its own, becomes the guard's child and cannot leave. When the tool has ended, when
//! the node asks, or when the socket ends because the node is gone, everything below the guard is
//! killed and reaped until nobody is left; then it lets go of the lock and ends.
//!
//! What it cannot hold: a process of the same user may kill the guard outright. The tool's first
//! process dies with its guard then (`PR_SET_PDEATHSIG`; a guard has one thread), and the node ends
//! those who are still in the guard's session; who has left it as well goes free. The same holds
//! for what another user runs (`sudo`), which the guard may not signal: it waits for their end, and
//! keeps the lock meanwhile. And it puts nobody into a sandbox; it only sees to their end.

pub(crate) mod protocol;
mod start;
mod ward;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How the program is called so that it becomes a guard: its verb hands all words behind these to
/// [`run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verb {
    pub program: PathBuf,
    pub words: Vec<String>,
}

impl Verb {
    /// This very program, whatever has become of its file since it was started.
    pub fn of_this_program(words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { program: PathBuf::from(THIS_PROGRAM), words }
    }
}

const THIS_PROGRAM: &str = "/proc/self/exe";

/// The first word behind the verb: which of the two a new process is.
pub(crate) const WATCH: &str = "watch";
const START: &str = "start";

/// What the hidden verb of the program does: everything of it, with one thread, to its end.
///
/// Not for people; one who tries is told so and gets code 2.
pub fn run(words: &[OsString]) -> ExitCode {
    let role = words.first().and_then(|role| role.to_str());
    let ended = match (role, words.get(1..).unwrap_or_default()) {
        (Some(WATCH), [hands]) => watch::run(Path::new(hands)),
        (Some(START), [guard, input, shell, command]) => {
            start::run(guard, Path::new(input), Path::new(shell), command)
        }
        _ => Err(Error::ByHand),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::from(2)
        }
    }
}

/// Why a guard ended before it had an order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("a guard is started by a node, which talks to it on its standard input")]
    ByHand,
    #[error("cannot lock {}", path.display())]
    Hands {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot become a guard")]
    System(#[source] std::io::Error),
}

impl From<nix::Error> for Error {
    fn from(error: nix::Error) -> Self {
        Error::System(error.into())
    }
}

/// One line with all causes. The node reads it, as the tool's error output; nobody else can.
fn say(error: &dyn std::error::Error) {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text: Vec<String> = causes.map(ToString::to_string).collect();
    writeln!(std::io::stderr(), "lares: {}", text.join(": ")).ok();
}
