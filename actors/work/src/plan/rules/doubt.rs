//! What nobody knows, and who is asked about it.

use std::time::Duration;

use domain::journal::Before;
use domain::mutants::{self, Mutant};
use domain::policy::Act;
use domain::time::Timestamp;
use domain::tool::{Class, Failure, OnDoubt, Output};
use runtime::durable::{Admission, Ended as Came, Lane, Moment};

use super::outcomes::rest_after;
use super::record::{record_end, record_settled};
use super::stage::in_doubt;
use crate::brief::digest;
use crate::plan::state::{Phase, State, Step, Work};
use crate::plan::wire::{
    Asked, By, Check, Checking, Doubted, Ending, Event, Settled, Then, Unclear,
};
use crate::plan::{Decision, Key, Mode};

/// How much later than its deadline somebody may still be at a step.
const MARGIN: Duration = Duration::from_secs(5);
/// How much of what a check has complained of is evidence.
const CHECK_STORY_CHARS_MAX: usize = 300;
/// How often a check that cannot tell is asked before a person is.
const LOOKS_MAX: u32 = 3;

/// Whoever was at work when the life before this one ended: nobody knows what became of it.
pub(crate) fn be_reborn(
    state: &State,
    before: Before,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let Some(work) = &state.work else { return };
    let evidence = match before {
        Before::Clean => "it was under way when its node stopped, and was cut off",
        Before::Crashed => "it was under way when its node or its plan was cut off",
        Before::TakenOver => "it was under way when another node took over",
    };
    for step in work.steps.iter().filter(|step| !step.task.is_handless()) {
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
            | Phase::Seeking { .. }
            | Phase::InDoubt { .. }
            | Phase::Asked { .. }
            | Phase::Absent { .. }
            | Phase::Ended(_) => {}
        }
    }
}

/// From when on nobody can be at a step any more. What may be repeated anyway need not wait.
pub(super) fn quiet_at(step: &Step, hands_are_dead: bool, moment: &Moment) -> Timestamp {
    let Phase::Running { until } = step.phase else { return moment.now };
    let is_quiet = hands_are_dead && !step.task.is_far;
    match is_quiet || step.task.effect.is_repeatable() {
        true => moment.now,
        false => until.plus(MARGIN),
    }
}

/// How a doubt about a step is settled where nobody is at it any more.
pub(super) fn then(step: &Step) -> Then {
    match step.task.on_doubt {
        _ if step.task.effect.is_repeatable() => Then::Repeat,
        _ if mutants::is(Mutant::RepeatUnsafe) => Then::Repeat,
        _ if step.task.check.is_some() => Then::Check,
        OnDoubt::Ask => Then::Ask,
        OnDoubt::Repeat => Then::Repeat,
        OnDoubt::Fail => Then::Fail,
    }
}

pub(super) fn doubt(
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

pub(super) fn ask(
    work: &Work,
    step: &Step,
    evidence: String,
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let until = moment.now.plus(Duration::from_millis(work.caps.silence_max_ms));
    decision.record(Event::Asked(Asked { step: step.task.id.clone(), evidence, until }));
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

pub(super) fn end_check(
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

pub(super) fn check_story(answer: &Result<Output, Failure>) -> String {
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

/// The one who is asked uses a tool like every other step.
pub(super) fn ask_check(
    work: &Work,
    step: &Step,
    (look, check): (u32, &Check),
    moment: &Moment,
    decision: &mut Decision<'_>,
) {
    let id = step.task.id.clone();
    let key = Key { step: id.clone(), attempt: step.attempt, mode: Mode::Check(look) };
    let digest = digest(&check.tool, &step.check_args(check).0);
    let act = Act { entity: moment.me, tool: &check.tool, digest: &digest };
    match decision.admit(&key, &act, [lane_of(check)]) {
        Admission::Admitted => decision.record(Event::Checking(Checking { step: id, look })),
        Admission::Wait => {}
        Admission::Denied(why) => {
            let evidence = format!("policy does not allow its check: {why}");
            ask(work, step, evidence, moment, decision);
        }
    }
}

pub(super) fn lane_of(check: &Check) -> Lane {
    Lane::Named(check.lane.as_str().into())
}
