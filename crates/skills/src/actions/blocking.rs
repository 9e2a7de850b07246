//! Work on files, which no timer can interrupt: it looks by itself whether it may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::tool::{Class, Failure, Output};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep_until, timeout};

use crate::command::{Term, busy};

/// How long after the end of its term work is waited for; an answer is due a second after it.
const OVER_MAX: Duration = Duration::from_millis(800);

/// Tells work that nobody wants it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Halt(Arc<AtomicBool>);

impl Halt {
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks when it is dropped, however that comes about.
struct Asks(Halt);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// Does work within a term. It is over when this resolves, unless the failure says otherwise: a file
/// system that does not answer holds whoever asks it.
pub(super) async fn run<T: Send + 'static>(
    term: &mut Term,
    work: impl FnOnce(&Halt) -> T + Send + 'static,
) -> Result<T, Failure> {
    let halt = Halt::default();
    let asks = Asks(halt.clone());
    let mut working = spawn_blocking(move || work(&halt));
    let (class, story) = tokio::select! {
        biased;
        ended = &mut working => return done(ended),
        () = &mut term.stop => (Class::Stopped, STOPPED),
        () = sleep_until(term.deadline) => (Class::Unknown, LATE),
    };
    drop(asks);
    Err(over(working, class, story).await)
}

const STOPPED: &str = "the work on files was stopped because somebody asked for it";
const LATE: &str = "the work on files had not ended at its deadline: name fewer files, or give it \
                    more time";
const GOING: &str = "the work on files was told to end and has not yet: the disk may be away; look \
                     whether it answers";

async fn over<T>(working: JoinHandle<T>, class: Class, story: &str) -> Failure {
    // Whatever waits for a thread never begins then; what has one looks at its halt.
    working.abort();
    let (class, story) = match timeout(OVER_MAX, working).await {
        Ok(_ended) => (class, story),
        Err(_late) => (Class::Going, GOING),
    };
    Failure { class, story: story.to_owned(), output: Output::default() }
}

fn done<T>(ended: Result<T, tokio::task::JoinError>) -> Result<T, Failure> {
    ended.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => busy("the node ended before the work on files had begun".to_owned()),
    })
}
