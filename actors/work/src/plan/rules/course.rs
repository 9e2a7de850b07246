//! Where a plan goes when all that it had begun has ended.

use std::time::Duration;

use domain::conversation::Reply;
use domain::id::Address;
use domain::run::{self, Left};
use runtime::durable::Moment;

use super::record::record_left;
use crate::plan::ids::pass_of;
use crate::plan::state::{Course, Fate, Work};
use crate::plan::wire::{Closed, Event, Outcome, Paused, Planned, Resumed, To, Undoing};
use crate::plan::{Decision, is_rollback};
use crate::session::{self, PlanEnded};

/// What a plan has come to.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    /// Whether its rollback is done first.
    pub(super) rolls_back: bool,
}

/// What follows where nothing is under way.
enum Next {
    Still,
    Round {
        at: usize,
        pass: u32,
    },
    Pause(String),
    /// As it was in the run that this one repeats.
    Resume,
    End(End),
}

/// All steps of all rounds so far have ended.
pub(super) fn go_on(work: &Work, moment: &Moment, decision: &mut Decision<'_>) {
    if let Some(Undoing { outcome, reason, .. }) = &work.undoing {
        let left = left(work);
        return close(work.by, *outcome, reason.clone(), left, moment, decision);
    }
    match next(work, moment) {
        Next::Still => {}
        Next::Round { at, pass } => {
            let round = u32::try_from(at + 1).unwrap_or(u32::MAX);
            decision.record(Event::Planned(Planned { round, pass }));
        }
        Next::Pause(reason) => {
            let until = moment.now.plus(Duration::from_millis(work.caps.silence_max_ms));
            decision.record(Event::Paused(Paused { reason, until }));
        }
        Next::Resume => decision.record(Event::Resumed(Resumed { note: None })),
        Next::End(end) => finish(work, end, moment, decision),
    }
}

/// What was done is taken back first, unless all went well.
fn finish(work: &Work, end: End, moment: &Moment, decision: &mut Decision<'_>) {
    let End { outcome, reason, rolls_back } = end;
    let course = work.course.as_ref().filter(|_| outcome != Outcome::Completed);
    if course.is_some_and(|course| course.has_to_undo(rolls_back)) {
        return decision.record(Event::Undoing(Undoing { outcome, reason, rolls_back }));
    }
    let left = left(work);
    close(work.by, outcome, reason, left, moment, decision);
}

/// What stays of what it has done, or of what the run has done that it only repeats.
fn left(work: &Work) -> &[Left] {
    match (work.only(), &work.course) {
        (Some(only), _) => &only.left,
        (None, Some(course)) => &course.left,
        (None, None) => &[],
    }
}

fn next(work: &Work, moment: &Moment) -> Next {
    if let Some(cancelling) = &work.cancelling {
        let rolls_back = work.course.as_ref().is_some_and(|course| course.is_begun());
        let reason = Some(cancelling.reason.clone());
        return Next::End(End { outcome: Outcome::Canceled, reason, rolls_back });
    }
    let next = match &work.course {
        None => next_in_order(work),
        Some(course) => match course.at {
            None => Next::Round { at: 0, pass: 1 },
            Some(at) => match work.paused {
                Some(_) if work.has_resumed() => Next::Resume,
                Some(until) if moment.now < until => Next::Still,
                Some(_) => failed("nobody has said in time that it goes on".to_owned()),
                None => next_on_course(work, course, at),
            },
        },
    };
    match work.only() {
        None => next,
        Some(only) => repeated(work, only, next),
    }
}

/// The same, of a run that only repeats another one: where that did not go on, it has come to what
/// that has come to.
fn repeated(work: &Work, only: &Closed, next: Next) -> Next {
    let was_taken_up = |at: usize, pass: u32| {
        let mut ids = work.round(at).iter().map(|task| pass_of(&task.id, pass));
        ids.any(|id| work.recorded(&id).is_some())
    };
    match next {
        Next::Round { at, pass } if was_taken_up(at, pass) => next,
        Next::Resume => next,
        Next::Pause(_) if work.has_resumed() => next,
        Next::Still => next,
        Next::Round { .. } | Next::Pause(_) | Next::End(_) => {
            let Closed { outcome, reason, .. } = only.clone();
            let recorded = work.descent.iter().flat_map(|from| from.recorded.keys());
            let rolls_back = recorded.into_iter().any(|step| is_rollback(step));
            Next::End(End { outcome, reason, rolls_back })
        }
    }
}

fn next_in_order(work: &Work) -> Next {
    if work.has_failed() {
        failed(names_of_failed(work))
    } else if !work.has_another_round() {
        completed()
    } else if work.idle_rounds >= work.caps.idle_rounds_max {
        failed(format!("{} rounds in a row did nothing that is new", work.idle_rounds))
    } else {
        Next::Round { at: work.planned as usize, pass: 1 }
    }
}

/// The routes that were written down, and nothing else: no answer of a step names one.
fn next_on_course(work: &Work, course: &Course, at: usize) -> Next {
    let Some(way) = course.ways.get(at) else { return completed() };
    let has_failed = work.has_failed();
    let to = if has_failed { way.on_failure } else { way.on_success };
    match to {
        To::Round(to) => {
            let to = to as usize;
            let detours = course.detours[at];
            if has_failed && way.detours_max <= detours {
                let why = names_of_failed(work);
                let times = if detours == 1 { "once" } else { "as often as it may" };
                return failed(format!("{why}, and its failure was gone around {times} before"));
            }
            take_up(work, course, to)
        }
        To::Done => completed(),
        To::Fail if has_failed => failed(names_of_failed(work)),
        To::Fail => failed("it was led to its failure by a step that went well".to_owned()),
        To::Rollback => {
            let reason = Some(names_of_failed(work));
            Next::End(End { outcome: Outcome::Failed, reason, rolls_back: true })
        }
        To::Paused if course.is_resumed => {
            way.leads(at, has_failed).map_or_else(completed, |to| take_up(work, course, to))
        }
        To::Paused if has_failed => Next::Pause(names_of_failed(work)),
        To::Paused => Next::Pause("its plan says so".to_owned()),
    }
}

fn take_up(work: &Work, course: &Course, to: usize) -> Next {
    let Some(passes) = course.passes.get(to) else { return completed() };
    if course.passes_max <= work.planned {
        let max = course.passes_max;
        return failed(format!(
            "it has taken up {max} steps, and `runs.passes_max` allows no more"
        ));
    }
    Next::Round { at: to, pass: passes + 1 }
}

fn completed() -> Next {
    Next::End(End { outcome: Outcome::Completed, reason: None, rolls_back: false })
}

fn failed(reason: String) -> Next {
    Next::End(End { outcome: Outcome::Failed, reason: Some(reason), rolls_back: false })
}

fn names_of_failed(work: &Work) -> String {
    let failed = work.steps.iter().filter(|step| step.fate() == Some(Fate::Failed));
    let names: Vec<&str> = failed.map(|step| step.task.id.as_str()).collect();
    let steps = if names.len() == 1 { "step" } else { "steps" };
    format!("{steps} {} failed", names.join(", "))
}

/// Whoever opened it hears of it in the same append.
pub(super) fn close(
    by: Option<Address>,
    outcome: Outcome,
    reason: Option<String>,
    left: &[Left],
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let left = if outcome == Outcome::Completed { &[] } else { left };
    left.iter().for_each(|left| record_left(left, decision));
    if let Some(by) = by {
        let reply = reply(outcome, reason.as_deref(), left, moment);
        decision.post(by, &session::Post::Ended(PlanEnded { plan: moment.me, reply }));
    }
    decision.record(Event::Closed(Closed { outcome, reason, left: left.to_vec() }));
    decision.close();
}

fn reply(outcome: Outcome, reason: Option<&str>, left: &[Left], moment: &Moment) -> Reply {
    let state = match outcome {
        Outcome::Completed => run::State::Completed,
        Outcome::Failed => run::State::Failed,
        Outcome::Canceled => run::State::Canceled,
    };
    let why = reason.map_or(String::new(), |reason| format!(": {reason}"));
    let names: Vec<&str> = left.iter().map(|left| left.step.as_str()).collect();
    let left = match names.is_empty() {
        true => String::new(),
        false => format!("; NOT taken back: {}", names.join(", ")),
    };
    Reply { state, text: format!("{} {}{why}{left}", moment.me, state.word()) }
}
