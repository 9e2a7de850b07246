//! What others send to a plan.

use std::time::Duration;

use domain::id::Address;
use runtime::durable::Moment;

use super::course::close;
use super::record::{name_blobs, record_canceled, record_settled};
use crate::plan::Decision;
use crate::plan::state::{Phase, State};
use crate::plan::wire::{
    Answer, Brief, By, Cancel, Cancelling, Ending, Event, Opened, Outcome, Settle, Settled,
};

/// How long a step may take to end when it is asked to.
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn open(
    state: &State,
    by: Option<Address>,
    brief: Brief,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    if state.work.is_some() {
        return refuse(decision, "it is open already: look at it");
    }
    let Brief { depth, caps, .. } = &brief;
    if *depth > caps.depth_max {
        let why = format!("it would stand {depth} plans deep, and {} are allowed", caps.depth_max);
        decision.record(Event::Opened(Opened { by, brief }));
        return close(by, Outcome::Failed, Some(why), &[], moment, decision);
    }
    decision.answer(Answer::Taken.bytes());
    let taken_along = brief.descent.iter().flat_map(|descent| descent.recorded.values());
    taken_along.filter_map(Ending::output).for_each(|output| name_blobs(output, decision));
    decision.record(Event::Opened(Opened { by, brief }));
}

pub(crate) fn cancel(state: &State, cancel: Cancel, moment: &Moment, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    if work.cancelling.is_none() && work.undoing.is_some() {
        let why = "it has failed, and what it has done is being taken back: wait for its end";
        return refuse(decision, why);
    }
    decision.answer(Answer::Taken.bytes());
    if work.cancelling.is_none() {
        record_canceled(&cancel.reason, decision);
        let until = moment.now.plus(STOP_WITHIN);
        decision.record(Event::Cancelling(Cancelling { reason: cancel.reason, until }));
    }
}

/// A person says what became of a step.
pub(crate) fn settle_doubt(
    state: &State,
    settle: Settle,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Settle { step: id, happened } = settle;
    let Some(step) = state.step(&id) else {
        return refuse(
            decision,
            &format!("it has no step {id} that anybody asks about: look at the run"),
        );
    };
    match &step.phase {
        Phase::Asked { .. } => {
            decision.answer(Answer::Taken.bytes());
            let evidence = "a person has said so".to_owned();
            let settled = Settled { step: id, happened, by: By::Person, evidence, until: None };
            record_settled(step, settled, decision);
        }
        Phase::InDoubt { until, .. } => {
            let left = until.since(moment.now).as_secs() + 1;
            let why = format!("somebody may still be at step {id}: settle it in {left} s");
            refuse(decision, &why);
        }
        Phase::Checking { .. } => {
            refuse(decision, &format!("the check of step {id} is being asked: wait for it"));
        }
        Phase::Waiting { .. }
        | Phase::Seeking { .. }
        | Phase::Running { .. }
        | Phase::Absent { .. }
        | Phase::Ended(_) => {
            refuse(decision, &format!("nobody asks about step {id}: look at the run"));
        }
    }
}

pub(super) fn refuse(decision: &mut Decision<'_>, why: &str) {
    decision.answer(Answer::Refused(why.to_owned()).bytes());
}
