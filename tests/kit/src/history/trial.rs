//! One history put to the test: against the conditions, or beside OTP.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::{StreamExt, TryStreamExt, stream};

use super::conditions::check;
use super::replay::{Ground, replay, replay_simulated};
use super::{Difference, History, Line, difference, erlang, generate, print, shrink};

/// Replays that run beside each other in real time: most of them wait.
const TOGETHER_MAX: usize = 256;

/// A seed whose history did what it must not, and the smallest history that does so.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub history: History,
    pub trace: Vec<Line>,
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        write!(f, "{}", print(&self.history))?;
        self.trace.iter().try_for_each(|line| writeln!(f, "{}", line.print()))
    }
}

/// Replays the history of a seed in simulated time and holds its trace to the conditions.
pub fn trial(seed: u64) -> Result<(), Box<Failure>> {
    let history = generate(seed);
    let Err((condition, ..)) = judge(&history) else { return Ok(()) };
    // Only what is wrong in the same way says something about this seed.
    let shows = |smaller: &History| judge(smaller).is_err_and(|(other, ..)| other == condition);
    let history = shrink(&history, shows);
    let (_, what, trace) = judge(&history).expect_err("this is what it was shrunk for");
    Err(Box::new(Failure { seed, history, trace, what }))
}

type Wrong = (&'static str, String, Vec<Line>);

fn judge(history: &History) -> Result<(), Wrong> {
    let played = catch_unwind(AssertUnwindSafe(|| replay_simulated(history)));
    match played {
        Err(_) => Err(("a replay does not panic", "it panicked".to_owned(), Vec::new())),
        Ok(Err(unplayed)) => Err(("a replay ends", unplayed.to_string(), Vec::new())),
        Ok(Ok(trace)) => match check(history, &trace) {
            Ok(()) => Ok(()),
            Err(violation) => Err((violation.condition, violation.to_string(), trace)),
        },
    }
}

/// Why histories could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum Uncompared {
    #[error(transparent)]
    Otp(#[from] erlang::Error),
    #[error("cannot make threads to replay on")]
    Threads(#[source] std::io::Error),
    #[error(transparent)]
    Node(#[from] runtime::Error),
}

/// Replays these histories on OTP and on the real actors in real time, at the same time, and
/// returns those that went differently.
pub fn against_otp(histories: &[History]) -> Result<Vec<Difference>, Uncompared> {
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| erlang::traces(histories));
        let ours = real_traces(histories);
        (ours, theirs.join().expect("reading what a script prints does not panic"))
    });
    let (ours, theirs) = (ours?, theirs?);
    let traces = ours.iter().zip(&theirs);
    let compared = histories.iter().zip(traces);
    Ok(compared.filter_map(|(history, (ours, theirs))| difference(history, ours, theirs)).collect())
}

fn real_traces(histories: &[History]) -> Result<Vec<Vec<Line>>, Uncompared> {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(Uncompared::Threads)?;
    let replays = stream::iter(histories).map(|history| replay(history, Ground::Here));
    Ok(threads.block_on(replays.buffered(TOGETHER_MAX).try_collect())?)
}
