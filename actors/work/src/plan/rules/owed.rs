//! What must be going on.

use std::sync::Arc;
use std::time::Duration;

use domain::id::Address;
use domain::time::Timestamp;
use domain::tool::{Call, Effect};
use runtime::durable::Moment;
use serde_json::json;

use super::doubt::lane_of;
use super::stage::{Stage, lanes, stage};
use crate::plan::state::{Phase, State, Step};
use crate::plan::{Key, Mode, Owed};
use crate::step;

pub(crate) fn owed(state: &State, moment: &Moment, owed: &mut Owed<'_>) {
    let Some(work) = &state.work else { return };
    work.paused.into_iter().for_each(|until| owed.wake(until));
    for step in work.steps.iter() {
        let key = |attempt, mode| Key { step: step.task.id.clone(), attempt, mode };
        match &step.phase {
            Phase::Running { until } if step.task.is_handless() => owed.wake(*until),
            Phase::Seeking { until } => owed.wake(*until),
            Phase::Running { until } => {
                match work.cancelling.as_ref().filter(|_| work.is_canceled()) {
                    Some(cancelling) => {
                        owed.stopping(key(step.attempt, Mode::Act), cancelling.until);
                    }
                    None => {
                        owed.child(key(step.attempt, Mode::Act), || act(step, *until, moment));
                    }
                }
            }
            Phase::Checking { look, .. } => {
                owed.child(key(step.attempt, Mode::Check(*look)), || check(step, moment));
            }
            Phase::Waiting { not_before: Some(at) }
            | Phase::Absent { not_before: Some(at), .. }
                if moment.now < *at =>
            {
                owed.wake(*at);
            }
            Phase::InDoubt { until, .. } if moment.now < *until => owed.wake(*until),
            Phase::Asked { until, .. } => owed.wake(*until),
            Phase::Waiting { .. } | Phase::InDoubt { .. } | Phase::Absent { .. } => {
                // Ready, and not begun: a lane was full.
                match stage(work, step, moment) {
                    Stage::Ready { attempt, .. } => {
                        owed.permit(key(attempt, Mode::Act), work.priority, lanes(&step.task));
                    }
                    Stage::Look { look, check } => {
                        let key = key(step.attempt, Mode::Check(look));
                        owed.permit(key, work.priority, [lane_of(check)]);
                    }
                    Stage::Still
                    | Stage::Over(_)
                    | Stage::Reuse(_)
                    | Stage::Seek(..)
                    | Stage::Unseal(_)
                    | Stage::Ask(_) => {}
                }
            }
            Phase::Ended(_) => {}
        }
    }
}

pub(super) fn act(step: &Step, until: Timestamp, moment: &Moment) -> step::Step {
    let task = &step.task;
    let call = Call {
        tool: task.tool.as_str().into(),
        args: step.args().clone(),
        key: effect_key(moment.me, &task.id),
        effect: task.effect,
        within: until.since(moment.now),
    };
    let blobs = step.filled.as_ref().map_or(Vec::new(), |filled| filled.blobs.clone());
    step::Step { call, until, blobs, outputs: task.outputs.clone() }
}

/// The same for every attempt of every life.
pub(crate) fn effect_key(plan: Address, step: &str) -> Arc<str> {
    format!("{plan}/{step}").into()
}

pub(super) fn check(step: &Step, moment: &Moment) -> step::Step {
    let task = &step.task;
    let (tool, (args, blobs)) = match &task.check {
        Some(check) => (check.tool.as_str(), step.check_args(check)),
        // It is asked only where there is one.
        None => ("", (json!({}), Vec::new())),
    };
    let within = Duration::from_millis(task.within_ms);
    let call = Call {
        tool: tool.into(),
        args,
        // Of the effect that it looks for.
        key: effect_key(moment.me, &task.id),
        effect: Effect::None,
        within,
    };
    let until = moment.now.plus(within);
    step::Step { call, until, blobs, outputs: Vec::new() }
}
