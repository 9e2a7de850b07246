//! What people say to a plan that waits for them: an answer, a signal, something else to go by.

use std::collections::BTreeSet;

use domain::approval::Verdict;
use domain::mutants::{self, Mutant};
use domain::policy::Act;
use runtime::durable::{Admission, Moment};

use super::posts::refuse;
use super::record::{record_answered, record_resumed};
use super::stage::lanes;
use crate::brief::check_bytes;
use crate::plan::ids::pass_of;
use crate::plan::state::{Course, Phase, State, Work};
use crate::plan::wire::{
    Answer, Event, Give, Given, Resume, Resumed, Said, Signal, Signaled, Task, Use,
};
use crate::plan::{Decision, Key, Mode};

/// Signals that wait for who waits for them.
const SIGNALS_MAX: usize = 64;
/// How often one input of a run may be given: each time is an event of its history.
const GIVEN_MAX: u64 = 1_000;

/// A person says whether a step may be done. The first answer counts, and is what every later one
/// is told.
pub(crate) fn answer(state: &State, said: Said, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    let Said { number, granted, note, digest } = said;
    let mut answered = work.answered.iter().filter(|_| !mutants::is(Mutant::AnswerTwice));
    if let Some((_, verdict)) = answered.find(|(answered, _)| *answered == number) {
        return decision.answer(Answer::Verdict { verdict: *verdict, is_first: false }.bytes());
    }
    let mut seeking = work.steps.iter().filter(|step| {
        matches!(step.phase, Phase::Seeking { .. }) || mutants::is(Mutant::AnswerTwice)
    });
    let asked = seeking.find_map(|step| {
        let seal = step.seal.as_ref().filter(|seal| seal.number == number)?;
        Some((step, seal))
    });
    if let Some((step, seal)) = asked {
        if digest.is_some_and(|digest| digest != seal.digest) {
            let why = "what it is about is something else than you have seen: look again";
            return refuse(decision, why);
        }
        let verdict = if granted { Verdict::Granted } else { Verdict::Denied };
        decision.answer(Answer::Verdict { verdict, is_first: true }.bytes());
        return record_answered(step, number, verdict, note, decision);
    }
    refuse(decision, &format!("this run has sought no approval {number}"));
}

/// Whoever waits for it, or will, hears it; it is kept until then.
pub(crate) fn hear(state: &State, signal: Signal, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    let Signal { name, data } = signal;
    let awaited = awaited(work);
    if !awaited.contains(name.as_str()) {
        let names: Vec<&str> = awaited.into_iter().collect();
        let instead = match names.is_empty() {
            true => "it waits for no signal, and will not from where it stands".to_owned(),
            false => format!("it waits for {}, or may yet", names.join(", ")),
        };
        let why = format!("nobody in this run waits for `{name}`: {instead}");
        return decision.answer(Answer::Unawaited(why).bytes());
    }
    let waiting = work.course.as_ref().map_or(0, |course| course.signals.len());
    // Whoever waits for it takes it at once.
    let is_taken = work.steps.iter().any(|step| {
        matches!(step.phase, Phase::Running { .. }) && step.task.signal() == Some(&name)
    });
    if SIGNALS_MAX <= waiting && !is_taken {
        let why = format!("{SIGNALS_MAX} signals wait already: send it when some were taken");
        return refuse(decision, &why);
    }
    decision.answer(Answer::Taken.bytes());
    decision.record(Event::Signaled(Signaled { name, data }));
}

/// What the plan waits for, or may come to wait for from where it stands.
fn awaited(work: &Work) -> BTreeSet<&str> {
    let Some(course) = &work.course else { return BTreeSet::new() };
    let open = work.steps.iter().filter(|step| step.fate().is_none()).map(|step| &step.task);
    let is_over = work.is_canceled() || work.undoing.is_some();
    let ahead = if is_over { BTreeSet::new() } else { course.ahead() };
    let ahead = ahead.into_iter().flat_map(|at| work.round(at));
    let rollback = course.rollback.iter().filter(|_| work.undoing.is_none());
    open.chain(ahead).chain(rollback).filter_map(Task::signal).collect()
}

/// The run is given something else than before; what has begun already keeps what it had.
pub(crate) fn give(state: &State, give: Give, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    let Some(course) = &work.course else {
        return refuse(decision, "a script takes no inputs: begin another run");
    };
    let Give { name, value, version } = give;
    let known = course.inputs.get(&name);
    if known.is_none() && !used(work, course).contains(name.as_str()) {
        let names: Vec<&str> = used(work, course).into_iter().collect();
        let instead = match names.is_empty() {
            true => "it is given nothing at all".to_owned(),
            false => format!("it has {}", names.join(", ")),
        };
        let why = format!("it has no input `{name}`: {instead}");
        return refuse(decision, &why);
    }
    let current = known.map_or(0, |given| given.version);
    if version.is_some_and(|version| version != current) {
        let why = format!("`{name}` was given anew meanwhile: it is version {current}, look again");
        return refuse(decision, &why);
    }
    if GIVEN_MAX <= current {
        let why = format!("`{name}` was given {GIVEN_MAX} times, which is the most in one run");
        return refuse(decision, &why);
    }
    let others = course.inputs.iter().filter(|(other, _)| **other != name);
    let all = others.map(|(_, given)| &given.value).chain([&value]);
    if let Err(why) = check_bytes(all, course.inputs_bytes_max) {
        return refuse(decision, &why);
    }
    decision.answer(Answer::Version(current + 1).bytes());
    decision.record(Event::Given(Given { name, value, version: current + 1 }));
}

/// All that it was given, and what is used of it where nothing was given.
fn used<'a>(work: &'a Work, course: &'a Course) -> BTreeSet<&'a str> {
    let ahead = (0..course.ways.len()).flat_map(|at| work.round(at)).chain(&course.rollback);
    let tasks = work.steps.iter().map(|step| &step.task).chain(ahead);
    let tasks = tasks.flat_map(|task| std::iter::once(task).chain(task.undo.as_deref()));
    let used = tasks.flat_map(|task| &task.uses).filter_map(Use::input);
    used.chain(course.inputs.keys().map(String::as_str)).collect()
}

/// A plan that has paused goes on, if it would be allowed to begin what comes next.
pub(crate) fn resume(state: &State, resume: Resume, moment: &Moment, decision: &mut Decision<'_>) {
    let Some(work) = &state.work else { return refuse(decision, "it was never opened") };
    let (Some(_), Some(course)) = (work.paused, &work.course) else {
        return refuse(decision, "it is not paused: look at the run");
    };
    let Resume { note, at } = resume;
    if at.is_some_and(|at| at != work.planned) {
        let why = format!("it has taken up {} steps meanwhile: look again", work.planned);
        return refuse(decision, &why);
    }
    let to = course.at.and_then(|at| course.ways.get(at)?.leads(at, work.has_failed()));
    let to = to.unwrap_or(0);
    let pass = course.passes.get(to).map_or(1, |passes| passes + 1);
    let denied = work.round(to).iter().find_map(|task| denied(task, pass, moment, decision));
    if let Some(why) = denied {
        return refuse(decision, &format!("policy does not allow what comes next: {why}"));
    }
    decision.answer(Answer::Taken.bytes());
    record_resumed(Resumed { note }, decision);
}

/// Why policy would not allow it now.
fn denied(task: &Task, pass: u32, moment: &Moment, decision: &mut Decision<'_>) -> Option<String> {
    if task.is_handless() {
        return None;
    }
    let key = Key { step: pass_of(&task.id, pass), attempt: 1, mode: Mode::Act };
    let act = Act { entity: moment.me, tool: &task.tool, digest: &task.digest };
    match decision.admit(&key, &act, lanes(task)) {
        Admission::Denied(why) => Some(why),
        Admission::Admitted | Admission::Wait => None,
    }
}
