//! What came back from a step, and what follows from it.

use std::time::Duration;

use domain::tool::{Class, Failure, OnDoubt, Output, Retry};
use runtime::durable::{Ended as Came, Moment};

use super::doubt::{doubt, end_check, quiet_at, then};
use super::record::{name_blobs, record_end};
use crate::plan::state::{Phase, State, Step, Work};
use crate::plan::wire::{Ending, Event, Rested, Then};
use crate::plan::{Decision, Key, Mode};

/// Before the second attempt; doubled before each further one.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);

pub(crate) fn end(
    state: &State,
    key: Key,
    came: Came<Result<Output, Failure>>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Some(work) = &state.work else { return };
    let Some(step) = work.step(&key.step) else { return };
    match (key.mode, &step.phase) {
        (Mode::Act, Phase::Running { .. }) if step.attempt == key.attempt => {
            end_attempt(work, step, came, moment, decision);
        }
        (Mode::Check(look), Phase::Checking { look: current, evidence, .. })
            if look == *current =>
        {
            end_check(work, step, (look, evidence), came, moment, decision);
        }
        // Of an attempt that is past.
        _ => {}
    }
}

pub(super) fn end_attempt(
    work: &Work,
    step: &Step,
    came: Came<Result<Output, Failure>>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    match came {
        Came::Said(Ok(output)) => record_end(step, Ending::Done(output), decision),
        Came::Said(Err(failure)) => match failure.class {
            Class::Stopped if work.is_canceled() => {
                record_end(step, Ending::Stopped(failure), decision);
            }
            // Twice at once is worse than not at all, whatever it is.
            Class::Going if step.task.effect.is_repeatable() => {
                record_end(step, Ending::Failed(failure), decision);
            }
            // A check would say what is so far.
            Class::Going => {
                let then = match step.task.on_doubt {
                    OnDoubt::Ask | OnDoubt::Repeat => Then::Ask,
                    OnDoubt::Fail => Then::Fail,
                };
                doubt(step, failure.story, moment.now, true, then, decision);
            }
            // Again under its key, but not at once: whoever cannot say may need a moment.
            Class::Unknown if step.task.effect.is_repeatable() => {
                fail(work, step, failure, moment, decision);
            }
            // It said no, and may have done something before: that is asked before it is repeated.
            Class::Failed if !step.task.effect.is_repeatable() && has_another(work, step) => {
                let until = quiet_at(step, true, moment);
                doubt(step, failure.story, until, true, then(step), decision);
            }
            Class::Stopped | Class::Unknown => {
                let until = quiet_at(step, true, moment);
                doubt(step, failure.story, until, true, then(step), decision);
            }
            Class::Refused | Class::Busy { .. } | Class::Failed => {
                fail(work, step, failure, moment, decision);
            }
        },
        Came::Lost(why) => {
            doubt(step, why, quiet_at(step, true, moment), true, then(step), decision);
        }
    }
}

/// It is known not to be under way any more: again, if there is another attempt.
pub(super) fn fail(
    work: &Work,
    step: &Step,
    failure: Failure,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let rest = match failure.class.retry() {
        Retry::Never if failure.class == Class::Unknown => Some(rest_after(step.attempt)),
        Retry::Never => None,
        Retry::Soon => Some(rest_after(step.attempt)),
        Retry::After(pause) => Some(pause.max(rest_after(step.attempt))),
    };
    match rest.filter(|_| has_another(work, step)) {
        Some(rest) => {
            let (id, attempt) = (step.task.id.clone(), step.attempt);
            let until = moment.now.plus(rest);
            name_blobs(&failure.output, decision);
            decision.record(Event::Rested(Rested { step: id, attempt, failure, until }));
        }
        None => record_end(step, Ending::Failed(failure), decision),
    }
}

pub(super) fn has_another(work: &Work, step: &Step) -> bool {
    step.attempt < step.task.attempts && !work.is_canceled()
}

pub(super) fn rest_after(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    REST_MAX.min(REST_FIRST.saturating_mul(1 << doublings))
}
