//! What is to become of each step now.

use std::time::Duration;

use domain::policy::Act;
use domain::tool::{Class, Failure, Output};
use runtime::durable::{Admission, Lane, Moment};

use super::course::go_on;
use super::doubt::{ask, ask_check};
use super::record::{record_begun, record_end};
use crate::plan::state::{Fate, Phase, State, Step, Work};
use crate::plan::wire::{Begun, Check, Ending, Event, Then};
use crate::plan::{Decision, Key, Mode, WAIT};

pub(crate) fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return };
    if work.outcome.is_some() {
        return;
    }
    if work.has_nothing_left() {
        return go_on(work, moment, decision);
    }
    for step in work.steps.iter() {
        match stage(work, step, moment) {
            Stage::Still => {}
            Stage::Over(ending) => record_end(step, ending, decision),
            Stage::Look { look, check } => ask_check(work, step, (look, check), moment, decision),
            Stage::Ask(evidence) => ask(work, step, evidence, moment, decision),
            Stage::Ready { attempt } => begin(step, attempt, moment, decision),
        }
    }
}

/// What is to become of a step now.
pub(super) enum Stage<'a> {
    Still,
    Over(Ending),
    /// As soon as its check is admitted.
    Look {
        look: u32,
        check: &'a Check,
    },
    Ask(String),
    /// As soon as it is admitted.
    Ready {
        attempt: u32,
    },
}

pub(super) fn stage<'a>(work: &Work, step: &'a Step, moment: &Moment) -> Stage<'a> {
    let is_cancelled = work.cancelling.is_some();
    let now = moment.now;
    let again = |is_spent: bool| step.attempt + u32::from(is_spent);
    let has_another = |is_spent: bool| again(is_spent) <= step.task.attempts;
    match &step.phase {
        Phase::Waiting { .. } if is_cancelled && step.attempt > 0 => {
            Stage::Over(Ending::Stopped(stopped("it was not tried again: the run was canceled")))
        }
        Phase::Waiting { .. } if work.has_failed() && step.attempt > 0 => {
            let story = "it was not tried again: another step failed";
            Stage::Over(Ending::Failed(failure(Class::Failed, story)))
        }
        Phase::Waiting { .. } if is_cancelled => {
            Stage::Over(Ending::Skipped("the run was canceled".to_owned()))
        }
        Phase::Waiting { .. } if work.has_failed() => {
            Stage::Over(Ending::Skipped("another step failed".to_owned()))
        }
        Phase::Waiting { not_before } => {
            let is_time = not_before.is_none_or(|moment| moment <= now);
            match is_time && work.may_begin(step) {
                true => Stage::Ready { attempt: step.attempt + 1 },
                false => Stage::Still,
            }
        }
        Phase::Running { until } if step.task.tool == WAIT => match *until <= now {
            true => Stage::Over(Ending::Done(Output::default())),
            false if is_cancelled => Stage::Over(Ending::Stopped(stopped("it was not waited for"))),
            false => Stage::Still,
        },
        // Who cancels waits for what runs, and for no answer about what has run.
        Phase::InDoubt { evidence, .. } | Phase::Checking { evidence, .. } if is_cancelled => {
            Stage::Over(Ending::Stopped(in_doubt(evidence)))
        }
        Phase::Running { .. } | Phase::Checking { .. } => Stage::Still,
        Phase::InDoubt { until, .. } if now < *until => Stage::Still,
        Phase::InDoubt { evidence, then: Then::Check, looks, .. } => match &step.task.check {
            Some(check) => Stage::Look { look: looks + 1, check },
            // It is decided where there is one, and a task does not change.
            None => Stage::Ask(evidence.clone()),
        },
        Phase::InDoubt { evidence, then: Then::Fail, .. } => {
            Stage::Over(Ending::Failed(in_doubt(evidence)))
        }
        Phase::InDoubt { evidence, then: Then::Ask, .. } => Stage::Ask(evidence.clone()),
        Phase::InDoubt { evidence, then: Then::Repeat, is_spent, .. } => {
            match has_another(*is_spent) {
                true => Stage::Ready { attempt: again(*is_spent) },
                false => Stage::Over(Ending::Failed(in_doubt(evidence))),
            }
        }
        Phase::Absent { evidence, .. } if is_cancelled => {
            Stage::Over(Ending::Stopped(stopped(evidence)))
        }
        Phase::Absent { not_before: Some(at), .. } if now < *at => Stage::Still,
        Phase::Absent { evidence, is_spent, .. } => match has_another(*is_spent) {
            true => Stage::Ready { attempt: again(*is_spent) },
            false => Stage::Over(Ending::Failed(failed(evidence))),
        },
        Phase::Asked { .. } if is_cancelled => {
            Stage::Over(Ending::Stopped(in_doubt("nobody had said what became of it")))
        }
        Phase::Asked { until, .. } if *until <= now => {
            Stage::Over(Ending::Failed(in_doubt("nobody has said what became of it")))
        }
        Phase::Asked { .. } | Phase::Ended(_) => Stage::Still,
    }
}

pub(super) fn failure(class: Class, story: &str) -> Failure {
    Failure { class, story: story.to_owned(), output: Output::default() }
}

pub(super) fn in_doubt(evidence: &str) -> Failure {
    failure(Class::Unknown, &format!("it may have happened or not: {evidence}"))
}

pub(super) fn stopped(story: &str) -> Failure {
    failure(Class::Stopped, story)
}

pub(super) fn failed(evidence: &str) -> Failure {
    failure(Class::Failed, &format!("it has not happened: {evidence}"))
}

impl Work {
    /// Whether those before it are done, and nobody who is in doubt holds what it locks.
    fn may_begin(&self, step: &Step) -> bool {
        let is_done =
            |id: &String| self.step(id).is_some_and(|before| before.fate() == Some(Fate::Done));
        let is_held = |lock: &String| {
            let others = self.steps.iter().filter(|other| other.task.id != step.task.id);
            others.filter(|other| other.is_open()).any(|other| other.task.locks.contains(lock))
        };
        step.task.after.iter().all(is_done) && !step.task.locks.iter().any(is_held)
    }
}

pub(super) fn begin(step: &Step, attempt: u32, moment: &Moment, decision: &mut Decision<'_>) {
    let task = &step.task;
    let until = moment.now.plus(Duration::from_millis(task.within_ms));
    let begun = Event::Begun(Begun { step: task.id.clone(), attempt, until });
    if task.tool == WAIT {
        return decision.record(begun);
    }
    let key = Key { step: task.id.clone(), attempt, mode: Mode::Act };
    let act = Act { entity: moment.me, tool: &task.tool, digest: &task.digest };
    match decision.admit(&key, &act, lanes(step)) {
        Admission::Admitted => {
            record_begun(step, attempt, begun, decision);
        }
        Admission::Wait => {}
        Admission::Denied(why) => {
            let denied = failure(Class::Refused, &format!("policy does not allow it: {why}"));
            record_end(step, Ending::Failed(denied), decision);
        }
    }
}

pub(super) fn lanes(step: &Step) -> impl Iterator<Item = Lane> {
    let locks = step.task.locks.iter().map(|name| Lane::Lock(name.as_str().into()));
    locks.chain([Lane::Named(step.task.lane.as_str().into())])
}
