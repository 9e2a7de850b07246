//! Where a plan stands, for whoever lists plans.

use std::collections::BTreeMap;

use domain::run::{Awaits, State as Standing};

use crate::plan::state::{Phase, State, Step, Work};
use crate::plan::wire::{Outcome, Then};

/// Whether it is in doubt what became of a step, or a person is to allow one.
pub(crate) fn asks(state: &State) -> bool {
    let mut steps = state.work.iter().flat_map(|work| work.steps.iter());
    steps.any(|step| awaits(step).is_some() || matches!(step.phase, Phase::Seeking { .. }))
}

/// What a step in doubt waits for; nothing of one that is repeated under its key anyway.
pub(crate) fn awaits(step: &Step) -> Option<Awaits> {
    match step.phase {
        Phase::InDoubt { then: Then::Repeat, .. } => None,
        Phase::InDoubt { until, .. } => Some(Awaits::Quiet { until }),
        Phase::Checking { .. } => Some(Awaits::Check),
        Phase::Asked { .. } => Some(Awaits::Person),
        Phase::Waiting { .. }
        | Phase::Seeking { .. }
        | Phase::Running { .. }
        | Phase::Absent { .. }
        | Phase::Ended(_) => None,
    }
}

/// Whether anything was done before what is ready now.
fn has_begun(work: &Work) -> bool {
    1 < work.planned || work.steps.iter().any(|step| 0 < step.attempt)
}

/// The steps by what they do now, for whoever lists plans.
pub(crate) fn standing(state: &State) -> Standing {
    let Some(work) = &state.work else { return Standing::Pending };
    match work.outcome {
        Some(Outcome::Completed) => return Standing::Completed,
        Some(Outcome::Failed) => return Standing::Failed,
        Some(Outcome::Canceled) => return Standing::Canceled,
        None => {}
    }
    let counts = work.steps.iter().fold(BTreeMap::new(), |mut counts, step| {
        let what = match step.phase {
            Phase::Asked { .. } | Phase::Seeking { .. } => "asked",
            Phase::Waiting { .. } => "waiting",
            Phase::Running { .. }
            | Phase::InDoubt { .. }
            | Phase::Checking { .. }
            | Phase::Absent { .. } => "running",
            Phase::Ended(_) => "ended",
        };
        *counts.entry(what).or_insert(0_u32) += 1;
        counts
    });
    if work.is_canceled() {
        Standing::Canceling
    } else if counts.contains_key("asked") && !counts.contains_key("running") {
        Standing::WaitingForHuman
    } else if work.undoing.is_some() {
        Standing::Undoing
    } else if work.paused.is_some() {
        Standing::Paused
    } else if counts.contains_key("running") || counts.contains_key("ended") || has_begun(work) {
        Standing::Running
    } else {
        Standing::Pending
    }
}
