//! What follows from what: a plan's decisions, with neither time nor chance but what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::conversation::Reply;
use domain::id::Address;
use domain::journal::Before;
use domain::mutants::{self, Mutant};
use domain::policy::Act;
use domain::run::{self, Awaits};
use domain::time::Timestamp;
use domain::tool::{Call, Class, Failure, OnDoubt, Output, Retry};
use runtime::durable::{Admission, Ended as Came, Lane, Moment};
use serde::Serialize;
use serde_json::json;

use super::state::{Fate, Phase, State, Step, Work};
use super::wire::{
    Answer, Asked, Begun, Brief, By, Cancel, Cancelling, Check, Checking, Closed, Doubted, Ended,
    Ending, Event, Opened, Outcome, Planned, Rested, Settle, Settled, Task, Then, Unclear,
};
use super::{Decision, Key, Mode, Owed, WAIT};
use crate::session::{self, PlanEnded};
use crate::step;

/// How much later than its deadline somebody may still be at a step.
const MARGIN: Duration = Duration::from_secs(5);
/// How long a step may take to end when it is asked to.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Before the second attempt; doubled before each further one.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// How much of what a check has complained of is evidence.
const CHECK_STORY_CHARS_MAX: usize = 300;
/// How often a check that cannot tell is asked before a person is.
const LOOKS_MAX: u32 = 3;

// --- what others send ---

pub(super) fn open(
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
        return close(by, Outcome::Failed, Some(why), moment, decision);
    }
    decision.answer(Answer::Taken.bytes());
    decision.record(Event::Opened(Opened { by, brief }));
}

pub(super) fn cancel(state: &State, cancel: Cancel, moment: &Moment, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    decision.answer(Answer::Taken.bytes());
    if work.cancelling.is_none() {
        let line = Canceled { what: "canceled", reason: &cancel.reason };
        decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
        let until = moment.now.plus(STOP_WITHIN);
        decision.record(Event::Cancelling(Cancelling { reason: cancel.reason, until }));
    }
}

/// A person says what became of a step.
pub(super) fn settle_doubt(
    state: &State,
    settle: Settle,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Settle { step: id, happened } = settle;
    let Some(step) = state.work.as_ref().and_then(|work| work.step(&id)) else {
        return refuse(decision, &format!("it has no step {id}: look at the run"));
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
        Phase::Waiting { .. } | Phase::Running { .. } | Phase::Absent { .. } | Phase::Ended(_) => {
            refuse(decision, &format!("nobody asks about step {id}: look at the run"));
        }
    }
}

fn refuse(decision: &mut Decision<'_>, why: &str) {
    decision.answer(Answer::Refused(why.to_owned()).bytes());
}

// --- what comes back ---

pub(super) fn end(
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

fn end_attempt(
    work: &Work,
    step: &Step,
    came: Came<Result<Output, Failure>>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    match came {
        Came::Said(Ok(output)) => record_end(step, Ending::Done(output), decision),
        Came::Said(Err(failure)) => match failure.class {
            Class::Stopped if work.cancelling.is_some() => {
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
fn fail(work: &Work, step: &Step, failure: Failure, moment: &Moment, decision: &mut Decision<'_>) {
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
            failure
                .output
                .kept()
                .filter_map(|blob| blob.parse().ok())
                .for_each(|blob| decision.name(blob));
            decision.record(Event::Rested(Rested { step: id, attempt, failure, until }));
        }
        None => record_end(step, Ending::Failed(failure), decision),
    }
}

fn has_another(work: &Work, step: &Step) -> bool {
    step.attempt < step.task.attempts && work.cancelling.is_none()
}

fn rest_after(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    REST_MAX.min(REST_FIRST.saturating_mul(1 << doublings))
}

/// What the answer of a check says of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Happened,
    Absent,
    Unclear,
}

/// Success means that it has happened. Absence must be said in so many words, because it makes the
/// effect happen again: exit code 1 without a complaint, or an answer that there is nothing of that
/// name.
pub(super) fn finding(answer: &Result<Output, Failure>) -> Finding {
    match answer {
        Ok(_) => Finding::Happened,
        Err(Failure { class: Class::Failed | Class::Refused, output, .. }) => {
            let exit = output.value["exit"].as_i64();
            let status = output.value["status"].as_i64();
            // Whoever exits with 1 and complains has failed to look.
            let complains = output.value["stderr"].as_str().is_some_and(|said| !said.is_empty());
            match (exit, status) {
                (Some(1), _) if !complains => Finding::Absent,
                (_, Some(404 | 410)) => Finding::Absent,
                _ => Finding::Unclear,
            }
        }
        Err(_) => Finding::Unclear,
    }
}

fn end_check(
    work: &Work,
    step: &Step,
    (look, evidence): (u32, &str),
    came: Came<Result<Output, Failure>>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let (finding, seen) = match &came {
        Came::Said(answer) => (finding(answer), check_story(answer)),
        Came::Lost(why) => (Finding::Unclear, why.clone()),
    };
    let settle = |happened: bool, evidence: String, decision: &mut Decision<'_>| {
        // Whatever said no has some time until it is asked for it once more.
        let is_again = !happened && step.is_spent();
        let until = is_again.then(|| moment.now.plus(rest_after(step.attempt)));
        let id = step.task.id.clone();
        let settled = Settled { step: id, happened, by: By::Check, evidence, until };
        record_settled(step, settled, decision);
    };
    match finding {
        Finding::Happened => settle(true, seen, decision),
        Finding::Absent => settle(false, seen, decision),
        Finding::Unclear if look < LOOKS_MAX => {
            let until = moment.now.plus(rest_after(look));
            let step = step.task.id.clone();
            decision.record(Event::Unclear(Unclear { step, look, seen, until }));
        }
        Finding::Unclear => {
            let evidence = format!("{evidence}; its check cannot tell: {seen}");
            match step.task.on_doubt {
                OnDoubt::Ask => ask(work, step, evidence, moment, decision),
                OnDoubt::Repeat => settle(false, evidence, decision),
                OnDoubt::Fail => {
                    record_end(step, Ending::Failed(in_doubt(&evidence)), decision);
                }
            }
        }
    }
}

fn check_story(answer: &Result<Output, Failure>) -> String {
    match answer {
        Ok(output) => format!("its check says that it has happened: {}", output.value),
        Err(failure) => {
            let said = failure.output.value["stderr"].as_str().map_or("", str::trim);
            let left_out = said.chars().count().saturating_sub(CHECK_STORY_CHARS_MAX);
            // What went wrong comes last.
            let said: String = said.chars().skip(left_out).collect();
            match said.is_empty() {
                true => format!("its check says: {}", failure.story),
                false => format!("its check says: {}: {said}", failure.story),
            }
        }
    }
}

// --- doubt ---

/// Whoever was at work when the life before this one ended: nobody knows what became of it.
pub(super) fn be_reborn(
    state: &State,
    before: Before,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Some(work) = &state.work else { return };
    let evidence = match before {
        Before::Clean | Before::Crashed => "it was under way when its node or its plan crashed",
        Before::TakenOver => "it was under way when another node took over",
    };
    for step in work.steps.iter().filter(|step| step.task.tool != WAIT) {
        match step.phase {
            Phase::Running { .. } => {
                let until = quiet_at(step, before != Before::TakenOver, moment);
                doubt(step, evidence.to_owned(), until, false, then(step), decision);
            }
            Phase::Checking { look, .. } => {
                let (step, seen) = (step.task.id.clone(), evidence.to_owned());
                let unclear = Unclear { step, look: look - 1, seen, until: moment.now };
                decision.record(Event::Unclear(unclear));
            }
            Phase::Waiting { .. }
            | Phase::InDoubt { .. }
            | Phase::Asked { .. }
            | Phase::Absent { .. }
            | Phase::Ended(_) => {}
        }
    }
}

/// From when on nobody can be at a step any more. What may be repeated anyway need not wait.
fn quiet_at(step: &Step, hands_are_dead: bool, moment: &Moment) -> Timestamp {
    let Phase::Running { until } = step.phase else { return moment.now };
    let is_quiet = hands_are_dead && !step.task.is_far;
    match is_quiet || step.task.effect.is_repeatable() {
        true => moment.now,
        false => until.plus(MARGIN),
    }
}

/// How a doubt about a step is settled where nobody is at it any more.
fn then(step: &Step) -> Then {
    match step.task.on_doubt {
        _ if step.task.effect.is_repeatable() => Then::Repeat,
        _ if mutants::is(Mutant::RepeatUnsafe) => Then::Repeat,
        _ if step.task.check.is_some() => Then::Check,
        OnDoubt::Ask => Then::Ask,
        OnDoubt::Repeat => Then::Repeat,
        OnDoubt::Fail => Then::Fail,
    }
}

fn doubt(
    step: &Step,
    evidence: String,
    until: Timestamp,
    spent: bool,
    then: Then,
    decision: &mut Decision<'_>,
) {
    let (id, attempt) = (step.task.id.clone(), step.attempt);
    decision.record(Event::Doubted(Doubted { step: id, attempt, evidence, until, then, spent }));
}

fn ask(work: &Work, step: &Step, evidence: String, moment: &Moment, decision: &mut Decision<'_>) {
    let until = moment.now.plus(Duration::from_millis(work.caps.silence_max_ms));
    decision.record(Event::Asked(Asked { step: step.task.id.clone(), evidence, until }));
}

// --- what follows by itself ---

pub(super) fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
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

/// All steps of all rounds so far have ended.
fn go_on(work: &Work, moment: &Moment, decision: &mut Decision<'_>) {
    let (outcome, reason) = if let Some(cancelling) = &work.cancelling {
        (Outcome::Canceled, Some(cancelling.reason.clone()))
    } else if work.has_failed() {
        let failed = work.steps.iter().filter(|step| step.fate() == Some(Fate::Failed));
        let names: Vec<&str> = failed.map(|step| step.task.id.as_str()).collect();
        let steps = if names.len() == 1 { "step" } else { "steps" };
        (Outcome::Failed, Some(format!("{steps} {} failed", names.join(", "))))
    } else if work.rounds.is_empty() {
        (Outcome::Completed, None)
    } else if work.idle_rounds >= work.caps.idle_rounds_max {
        let why = format!("{} rounds in a row did nothing that is new", work.idle_rounds);
        (Outcome::Failed, Some(why))
    } else {
        return decision.record(Event::Planned(Planned { round: work.planned + 1 }));
    };
    close(work.by, outcome, reason, moment, decision);
}

/// Whoever opened it hears of it in the same append.
fn close(
    by: Option<Address>,
    outcome: Outcome,
    reason: Option<String>,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    if let Some(by) = by {
        let state = match outcome {
            Outcome::Completed => run::State::Completed,
            Outcome::Failed => run::State::Failed,
            Outcome::Canceled => run::State::Canceled,
        };
        let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let text = format!("{} {}{why}", moment.me, state.word());
        let reply = Reply { state, text };
        decision.post(by, &session::Post::Ended(PlanEnded { plan: moment.me, reply }));
    }
    decision.record(Event::Closed(Closed { outcome, reason }));
    decision.close();
}

/// What is to become of a step now.
enum Stage<'a> {
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

fn stage<'a>(work: &Work, step: &'a Step, moment: &Moment) -> Stage<'a> {
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

fn failure(class: Class, story: &str) -> Failure {
    Failure { class, story: story.to_owned(), output: Output::default() }
}

fn in_doubt(evidence: &str) -> Failure {
    failure(Class::Unknown, &format!("it may have happened or not: {evidence}"))
}

fn stopped(story: &str) -> Failure {
    failure(Class::Stopped, story)
}

fn failed(evidence: &str) -> Failure {
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

fn begin(step: &Step, attempt: u32, moment: &Moment, decision: &mut Decision<'_>) {
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
            audit("begun", step, attempt, None, decision);
            decision.record(begun);
        }
        Admission::Wait => {}
        Admission::Denied(why) => {
            let denied = failure(Class::Refused, &format!("policy does not allow it: {why}"));
            record_end(step, Ending::Failed(denied), decision);
        }
    }
}

/// The one who is asked uses a tool like every other step.
fn ask_check(
    work: &Work,
    step: &Step,
    (look, check): (u32, &Check),
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let id = step.task.id.clone();
    let key = Key { step: id.clone(), attempt: step.attempt, mode: Mode::Check(look) };
    let act = Act { entity: moment.me, tool: &check.tool, digest: &check.digest };
    match decision.admit(&key, &act, [lane_of(check)]) {
        Admission::Admitted => decision.record(Event::Checking(Checking { step: id, look })),
        Admission::Wait => {}
        Admission::Denied(why) => {
            let evidence = format!("policy does not allow its check: {why}");
            ask(work, step, evidence, moment, decision);
        }
    }
}

fn lane_of(check: &Check) -> Lane {
    Lane::Named(check.lane.as_str().into())
}

fn lanes(step: &Step) -> impl Iterator<Item = Lane> {
    let locks = step.task.locks.iter().map(|name| Lane::Lock(name.as_str().into()));
    locks.chain([Lane::Named(step.task.lane.as_str().into())])
}

fn record_end(step: &Step, ending: Ending, decision: &mut Decision<'_>) {
    let word = match &ending {
        Ending::Done(_) => "done",
        Ending::Failed(_) => "failed",
        Ending::Stopped(_) => "stopped",
        Ending::Skipped(_) => "skipped",
    };
    name_blobs(&ending, decision);
    if step.task.tool != WAIT && step.attempt > 0 {
        audit("ended", step, step.attempt, Some(word), decision);
    }
    let (id, attempt) = (step.task.id.clone(), step.attempt);
    decision.record(Event::Ended(Ended { step: id, attempt, ending }));
}

fn record_settled(step: &Step, settled: Settled, decision: &mut Decision<'_>) {
    let word = match (settled.by, settled.happened) {
        (By::Check, true) => "happened, says its check",
        (By::Check, false) => "repeated after its check",
        (By::Person, true) => "happened, says a person",
        (By::Person, false) => "did not happen, says a person",
    };
    audit("settled", step, step.attempt, Some(word), decision);
    decision.record(Event::Settled(settled));
}

fn name_blobs(ending: &Ending, decision: &mut Decision<'_>) {
    let output = match ending {
        Ending::Done(output) => output,
        Ending::Failed(failure) | Ending::Stopped(failure) => &failure.output,
        Ending::Skipped(_) => return,
    };
    output.kept().filter_map(|blob| blob.parse().ok()).for_each(|blob| decision.name(blob));
}

#[derive(Serialize)]
struct Canceled<'a> {
    what: &'a str,
    reason: &'a str,
}

/// One line for whoever asks later what was done, and what came of it.
#[derive(Serialize)]
struct Line<'a> {
    what: &'a str,
    step: &'a str,
    tool: &'a str,
    digest: &'a str,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
}

fn audit(
    what: &str,
    step: &Step,
    attempt: u32,
    outcome: Option<&str>,
    decision: &mut Decision<'_>,
) {
    let Task { id, tool, digest, .. } = &step.task;
    let line = Line { what, step: id, tool, digest, attempt, outcome };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
}

// --- what must be going on ---

pub(super) fn owed(state: &State, moment: &Moment, owed: &mut Owed<'_>) {
    let Some(work) = &state.work else { return };
    for step in work.steps.iter() {
        let key = |attempt, mode| Key { step: step.task.id.clone(), attempt, mode };
        match &step.phase {
            Phase::Running { until } if step.task.tool == WAIT => owed.wake(*until),
            Phase::Running { until } => match &work.cancelling {
                Some(cancelling) => {
                    owed.stopping(key(step.attempt, Mode::Act), cancelling.until);
                }
                None => {
                    owed.child(key(step.attempt, Mode::Act), || act(step, *until, moment));
                }
            },
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
                    Stage::Ready { attempt } => {
                        owed.permit(key(attempt, Mode::Act), lanes(step));
                    }
                    Stage::Look { look, check } => {
                        let key = key(step.attempt, Mode::Check(look));
                        owed.permit(key, [lane_of(check)]);
                    }
                    Stage::Still | Stage::Over(_) | Stage::Ask(_) => {}
                }
            }
            Phase::Ended(_) => {}
        }
    }
}

fn act(step: &Step, until: Timestamp, moment: &Moment) -> step::Step {
    let task = &step.task;
    let call = Call {
        tool: task.tool.as_str().into(),
        args: task.args.clone(),
        key: effect_key(moment.me, &task.id),
        effect: task.effect,
        within: until.since(moment.now),
    };
    step::Step { call, until }
}

/// The same for every attempt of every life.
pub(super) fn effect_key(plan: Address, step: &str) -> Arc<str> {
    format!("{plan}/{step}").into()
}

fn check(step: &Step, moment: &Moment) -> step::Step {
    let task = &step.task;
    let (tool, args) = match &task.check {
        Some(check) => (check.tool.as_str(), check.args.clone()),
        // It is asked only where there is one.
        None => ("", json!({})),
    };
    let within = Duration::from_millis(task.within_ms);
    let call = Call {
        tool: tool.into(),
        args,
        // Of the effect that it looks for.
        key: effect_key(moment.me, &task.id),
        effect: domain::tool::Effect::None,
        within,
    };
    step::Step { call, until: moment.now.plus(within) }
}

/// Whether it is in doubt what became of a step.
pub(super) fn asks(state: &State) -> bool {
    let steps = state.work.iter().flat_map(|work| work.steps.iter());
    steps.into_iter().any(|step| awaits(step).is_some())
}

/// What a step in doubt waits for; nothing of one that is repeated under its key anyway.
pub(super) fn awaits(step: &Step) -> Option<Awaits> {
    match step.phase {
        Phase::InDoubt { then: Then::Repeat, .. } => None,
        Phase::InDoubt { until, .. } => Some(Awaits::Quiet { until }),
        Phase::Checking { .. } => Some(Awaits::Check),
        Phase::Asked { .. } => Some(Awaits::Person),
        Phase::Waiting { .. } | Phase::Running { .. } | Phase::Absent { .. } | Phase::Ended(_) => {
            None
        }
    }
}

/// The steps by what they do now, for whoever lists plans.
pub(super) fn standing(state: &State) -> domain::run::State {
    use domain::run::State as Standing;
    let Some(work) = &state.work else { return Standing::Pending };
    match work.outcome {
        Some(Outcome::Completed) => return Standing::Completed,
        Some(Outcome::Failed) => return Standing::Failed,
        Some(Outcome::Canceled) => return Standing::Canceled,
        None => {}
    }
    let counts = work.steps.iter().fold(BTreeMap::new(), |mut counts, step| {
        let what = match step.phase {
            Phase::Asked { .. } => "asked",
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
    if work.cancelling.is_some() {
        Standing::Canceling
    } else if counts.contains_key("asked") && !counts.contains_key("running") {
        Standing::WaitingForHuman
    } else if counts.contains_key("running") || counts.contains_key("ended") {
        Standing::Running
    } else {
        Standing::Pending
    }
}
