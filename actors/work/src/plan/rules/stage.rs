//! What is to become of each step now.

use std::time::Duration;

use domain::approval::Verdict;
use domain::policy::Act;
use domain::tool::{Class, Failure, Output};
use runtime::durable::{Admission, Lane, Moment};

use super::course::go_on;
use super::doubt::{ask, ask_check};
use super::fill::fill;
use super::record::{record_answered, record_begun, record_end, record_reused, record_sought};
use crate::plan::state::{Course, Fate, Phase, State, Step, Work};
use crate::plan::wire::{Approval, Begun, Check, Ending, Event, Filled, Sought, Task, Then};
use crate::plan::{CANCELED, Decision, GATE, Key, MISSING, Mode, WAIT};

pub(crate) fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return };
    if work.outcome.is_some() {
        return;
    }
    if work.has_nothing_left() {
        return go_on(work, moment, decision);
    }
    // None of them is folded before all of them are decided.
    let mut sought = work.sought;
    for step in work.steps.iter() {
        match stage(work, step, moment) {
            Stage::Still => {}
            Stage::Over(ending) => record_end(step, ending, decision),
            Stage::Reuse(ending) => record_reused(step, ending, decision),
            Stage::Seek(approval, filled) => {
                sought += 1;
                seek(step, sought, approval, filled, moment, decision);
            }
            Stage::Unseal(verdict) => unseal(step, verdict, decision),
            Stage::Look { look, check } => ask_check(work, step, (look, check), moment, decision),
            Stage::Ask(evidence) => ask(work, step, evidence, moment, decision),
            Stage::Ready { attempt, filled } => begin(step, attempt, filled, moment, decision),
        }
    }
}

/// What is to become of a step now.
pub(super) enum Stage<'a> {
    Still,
    Over(Ending),
    /// Another run has recorded what it came to.
    Reuse(Ending),
    /// A person is asked whether this may be done.
    Seek(Approval, Option<Filled>),
    /// What a person was asked is over, without an answer.
    Unseal(Verdict),
    /// As soon as its check is admitted.
    Look {
        look: u32,
        check: &'a Check,
    },
    Ask(String),
    /// As soon as it is admitted.
    Ready {
        attempt: u32,
        filled: Option<Filled>,
    },
}

pub(super) fn stage<'a>(work: &Work, step: &'a Step, moment: &Moment) -> Stage<'a> {
    let is_cancelled = work.is_canceled();
    // What cannot be taken back keeps nobody from taking back the rest.
    let has_failed = work.has_failed() && work.undoing.is_none();
    let now = moment.now;
    let again = |is_spent: bool| step.attempt + u32::from(is_spent);
    let has_another = |is_spent: bool| again(is_spent) <= step.task.attempts;
    match &step.phase {
        Phase::Waiting { .. } if step.attempt == 0 && !is_cancelled && work.only().is_some() => {
            repeat(work, step)
        }
        Phase::Waiting { .. } if is_cancelled && step.attempt > 0 => {
            Stage::Over(Ending::Stopped(stopped("it was not tried again: the run was canceled")))
        }
        Phase::Waiting { .. } if has_failed && step.attempt > 0 => {
            let story = "it was not tried again: another step failed";
            Stage::Over(Ending::Failed(failure(Class::Failed, story)))
        }
        Phase::Waiting { .. } if is_cancelled => Stage::Over(Ending::Skipped(CANCELED.to_owned())),
        Phase::Waiting { .. } if has_failed => {
            Stage::Over(Ending::Skipped("another step failed".to_owned()))
        }
        Phase::Waiting { not_before } => {
            let is_time = not_before.is_none_or(|moment| moment <= now);
            match is_time && work.may_begin(step) {
                true => ready(work, step),
                false => Stage::Still,
            }
        }
        Phase::Seeking { .. } if is_cancelled || has_failed => Stage::Unseal(Verdict::Void),
        Phase::Seeking { until } if *until <= now => Stage::Unseal(Verdict::Expired),
        Phase::Seeking { .. } => match would_do_else(work, step) {
            true => Stage::Unseal(Verdict::Void),
            false => Stage::Still,
        },
        Phase::Running { until } if step.task.is_handless() => {
            wait(work, step, *until <= now, is_cancelled || has_failed)
        }
        // Who cancels waits for what runs, or may, and for no answer about what has run.
        Phase::InDoubt { until, .. } if is_cancelled && now < *until => Stage::Still,
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
                true => Stage::Ready { attempt: again(*is_spent), filled: kept(step) },
                false => Stage::Over(Ending::Failed(in_doubt(evidence))),
            }
        }
        Phase::Absent { evidence, .. } if is_cancelled => {
            Stage::Over(Ending::Stopped(stopped(evidence)))
        }
        Phase::Absent { evidence, .. } if has_failed => {
            Stage::Over(Ending::Failed(failed(evidence)))
        }
        Phase::Absent { not_before: Some(at), .. } if now < *at => Stage::Still,
        Phase::Absent { evidence, is_spent, .. } => match has_another(*is_spent) {
            true => Stage::Ready { attempt: again(*is_spent), filled: kept(step) },
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

/// What was begun once is done again with what it was begun with: it is the same effect.
fn kept(step: &Step) -> Option<Filled> {
    step.filled.as_deref().cloned()
}

/// What it came to in the run that this one repeats, in whatever order things came there.
fn repeat<'a>(work: &Work, step: &Step) -> Stage<'a> {
    match work.recorded(&step.task.id) {
        Some(ending) => Stage::Reuse(ending.clone()),
        None => {
            let why = "the run that this one repeats did not come as far as this";
            Stage::Over(Ending::Skipped(why.to_owned()))
        }
    }
}

/// Nothing keeps it from being begun now, unless a person or its plan does.
fn ready<'a>(work: &Work, step: &Step) -> Stage<'a> {
    let attempt = step.attempt + 1;
    if 0 < step.attempt {
        return Stage::Ready { attempt, filled: kept(step) };
    }
    if let Some(ending) = work.recorded(&step.task.id) {
        return Stage::Reuse(ending.clone());
    }
    if let Some(Err(why)) = work.course.as_ref().map(|course| work.holds(course)) {
        return Stage::Over(Ending::Skipped(why.to_owned()));
    }
    let filled = match fill(work, &step.task) {
        Ok(filled) => filled,
        Err(why) => return Stage::Over(Ending::Failed(failure(Class::Refused, &why))),
    };
    let Some(approval) = work.asks_first(&step.task) else {
        return Stage::Ready { attempt, filled };
    };
    match &step.seal {
        Some(seal) if seal.verdict == Some(Verdict::Denied) => {
            let note = seal.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            Stage::Over(Ending::Failed(failure(Class::Refused, &format!("it was denied{note}"))))
        }
        Some(seal) if seal.verdict == Some(Verdict::Expired) => {
            let story = "nobody has allowed it in time";
            Stage::Over(Ending::Failed(failure(Class::Refused, story)))
        }
        Some(seal)
            if seal.verdict == Some(Verdict::Granted)
                && seal.digest == digest_of(step, filled.as_ref()) =>
        {
            Stage::Ready { attempt, filled }
        }
        _ => Stage::Seek(approval, filled),
    }
}

fn digest_of<'a>(step: &'a Step, filled: Option<&'a Filled>) -> &'a str {
    filled.map_or(&step.task.digest, |filled| &filled.digest)
}

/// Whether what a person is asked about is not what would be done any more.
fn would_do_else(work: &Work, step: &Step) -> bool {
    let asked = step.seal.as_ref().map_or("", |seal| &seal.digest);
    match fill(work, &step.task) {
        Ok(filled) => digest_of(step, filled.as_ref()) != asked,
        Err(_) => true,
    }
}

/// What is to become of a step that the plan does by itself.
fn wait<'a>(work: &Work, step: &Step, is_over: bool, is_for_nothing: bool) -> Stage<'a> {
    let tool = step.task.tool.as_str();
    let heard = work
        .course
        .as_ref()
        .zip(step.task.signal())
        .and_then(|(course, name)| course.signals.iter().find(|signal| signal.name == name));
    if let Some(signal) = heard {
        let value = signal.data.clone();
        return Stage::Over(Ending::Done(Output { value, attachments: Vec::new() }));
    }
    if tool == GATE || (tool == WAIT && is_over) {
        return Stage::Over(Ending::Done(Output::default()));
    }
    if is_for_nothing {
        return Stage::Over(Ending::Stopped(stopped("it was not waited for")));
    }
    match is_over {
        true => Stage::Over(Ending::Failed(failure(Class::Failed, "no signal came in time"))),
        false => Stage::Still,
    }
}

fn seek(
    step: &Step,
    number: u32,
    approval: Approval,
    filled: Option<Filled>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Approval { about, within_ms } = approval;
    let sought = Sought {
        number,
        step: step.task.id.clone(),
        digest: digest_of(step, filled.as_ref()).to_owned(),
        about: step.task.approval.is_none().then_some(about),
        args: filled.map(|filled| filled.args),
        until: moment.now.plus(Duration::from_millis(within_ms)),
    };
    record_sought(step, sought, decision);
}

fn unseal(step: &Step, verdict: Verdict, decision: &mut Decision<'_>) {
    let number = step.seal.as_ref().map_or(0, |seal| seal.number);
    record_answered(step, number, verdict, None, decision);
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
    /// Whether what is under way is to be done at all; what is taken back always is.
    fn holds(&self, course: &Course) -> Result<(), &'static str> {
        if self.undoing.is_some() { Ok(()) } else { course.holds() }
    }

    /// Whether those before it are done, and nobody who is in doubt holds what it locks.
    fn may_begin(&self, step: &Step) -> bool {
        let is_done =
            |id: &String| self.step(id).is_some_and(|before| before.fate() == Some(Fate::Done));
        let is_held = |lock: &String| {
            let others = self.steps.iter().filter(|other| other.task.id != step.task.id);
            others.filter(|other| other.is_open()).any(|other| other.task.locks.contains(lock))
        };
        let is_over = |id: &String| self.step(id).is_none_or(|before| before.fate().is_some());
        let may_follow = match self.undoing {
            None => step.task.after.iter().all(is_done),
            // What cannot be taken back keeps nobody from taking back the rest.
            Some(_) => step.task.after.iter().all(is_over),
        };
        may_follow && !step.task.locks.iter().any(is_held)
    }
}

fn begin(
    step: &Step,
    attempt: u32,
    filled: Option<Filled>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let task = &step.task;
    if task.tool == MISSING {
        let what = task.args["what"].as_str().unwrap_or("something");
        let story = format!("it needs {what}, and none is configured yet");
        let ending = Ending::Failed(failure(Class::Refused, &story));
        return record_end(step, ending, decision);
    }
    let until = moment.now.plus(Duration::from_millis(task.within_ms));
    let (id, approval) = (task.id.clone(), step.approval());
    let digest = digest_of(step, filled.as_ref()).to_owned();
    let filled = filled.map(Box::new);
    let begun = Event::Begun(Begun { step: id.clone(), attempt, until, filled, approval });
    if task.is_handless() {
        return decision.record(begun);
    }
    let key = Key { step: id, attempt, mode: Mode::Act };
    let act = Act { entity: moment.me, tool: &task.tool, digest: &digest };
    match decision.admit(&key, &act, lanes(task)) {
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

/// All that it needs leave for.
pub(super) fn lanes(task: &Task) -> impl Iterator<Item = Lane> {
    let locks = task.locks.iter().map(|name| Lane::Lock(name.as_str().into()));
    locks.chain([Lane::Named(task.lane.as_str().into())])
}
