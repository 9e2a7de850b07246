//! Waiting with a deadline that costs nothing when there is nothing to wait for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use domain::time::Clock;
use futures::FutureExt;
use tokio::task::coop::unconstrained;

/// The output of work that is ready as soon as it is looked at; nothing if it is not.
///
/// A task that has done much in one go gets its next channel only at its next turn. That says
/// nothing about this work, so it is exempt.
pub(crate) fn at_once<F: Future>(work: F) -> Option<F::Output> {
    unconstrained(work).now_or_never()
}

/// Awaits `work` for at most `deadline`; the timer is made only if the second look is in vain.
///
/// The second look comes when the thread is about to sleep. An answer from an actor on the same
/// thread has arrived by then, so the common question never touches the timer.
pub(crate) async fn within<F: Future>(
    work: F,
    deadline: Duration,
    clock: &dyn Clock,
) -> Option<F::Output> {
    look(work, Looks::Twice, deadline, clock).await
}

/// The same for what comes from another thread: it has not arrived by a second look, which would
/// wake a neighbour of this thread for nothing.
pub(crate) async fn within_from_afar<F: Future>(
    work: F,
    deadline: Duration,
    clock: &dyn Clock,
) -> Option<F::Output> {
    look(work, Looks::Once, deadline, clock).await
}

/// Before there is a timer.
#[derive(PartialEq, Eq)]
enum Looks {
    Once,
    Twice,
}

async fn look<F: Future>(
    work: F,
    mut looks: Looks,
    deadline: Duration,
    clock: &dyn Clock,
) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if looks == Looks::Twice {
            looks = Looks::Once;
            // Looks again when the thread has nothing else to do, before it sleeps.
            return pin!(tokio::task::yield_now()).poll(cx).map(|()| None);
        }
        let timer = timer.get_or_insert_with(|| clock.sleep(deadline));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}
