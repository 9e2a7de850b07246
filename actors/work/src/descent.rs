//! A run that begins from another one: the same once more, or something else from a step on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use domain::id::Address;
use domain::run::{Descending, Descent as How, Effects, Error, Lineage, Request};
use domain::tool::{Output, Tools};
use runtime::durable::Past;
use serde_json::Value;

use crate::brief::{Limits, read_again};
use crate::plan::{
    Brief, CANCELED, Closed, Descent, Ending, Event, GATE, State, Task, is_rollback, stage_of,
    undo_of,
};

/// How much of what another run has brought is taken along, all its values together.
const RECORDED_BYTES_MAX: usize = 4 << 20;

/// What the new run is to do, and what it takes as it is.
pub fn descend(
    tools: &dyn Tools,
    limits: &Limits,
    run: Address,
    history: &[Past<Event>],
    descending: &Descending,
) -> Result<Brief, Error> {
    let Descending { how, from, inputs, effects } = descending;
    let Some(Event::Opened(opened)) = history.first().map(|past| &past.event) else {
        return Err(Error::Refused(format!("{run} has not begun yet: ask again in a moment")));
    };
    if *how == How::Fork && from.is_none() {
        let why = "a fork needs the step from which on it goes its own way";
        return Err(Error::Refused(why.to_owned()));
    }
    if *how == How::Replay && !inputs.is_empty() {
        let why = "a replay is given what the first run was given: fork it instead";
        return Err(Error::Refused(why.to_owned()));
    }
    let is_all = from.is_none() && *effects == Effects::UseRecorded;
    let kept = match from {
        Some(step) => before(run, history, step)?,
        None if is_all => history,
        None => &[],
    };
    let recorded = match is_all {
        true => endings(kept).collect(),
        false => {
            check_still(run, &State::of(history))?;
            check_not_taken_back(history, kept)?;
            taken_along(&opened.brief, history, kept, from.as_deref())
        }
    };
    let bytes: usize = recorded.values().filter_map(Ending::output).map(size).sum();
    if RECORDED_BYTES_MAX < bytes {
        let why = format!(
            "its steps have brought {bytes} bytes, and {RECORDED_BYTES_MAX} is the most that is \
             taken along: begin it anew"
        );
        return Err(Error::Refused(why));
    }
    let then = State::of(if kept.is_empty() { &history[..1] } else { kept });
    let then = then.work.as_ref().and_then(|work| work.course.as_deref());
    let known = then.map_or(BTreeMap::new(), |then| then.given());
    let mut brief = match inputs.is_empty() {
        true => opened.brief.clone(),
        false => given(tools, limits, &opened.brief, &known, inputs)?,
    };
    if let Some(course) = brief.course.as_mut().filter(|_| inputs.is_empty()) {
        course.inputs = known;
    }
    let signals = then.map_or(Vec::new(), |then| then.signals.iter().cloned().collect());
    let resumed = then.map_or(0, |then| then.resumed);
    let only = is_all.then(|| end(run, history)).transpose()?;
    let at = kept.last().map_or(0, |past| past.seq.0);
    let lineage = Lineage { run, how: *how, at, from: from.clone(), effects: *effects };
    brief.descent = Some(Box::new(Descent { lineage, recorded, resumed, signals, only }));
    Ok(brief)
}

/// What the other run has come to.
fn end(run: Address, history: &[Past<Event>]) -> Result<Closed, Error> {
    let closed = history.iter().rev().find_map(|past| {
        if let Event::Closed(closed) = &past.event { Some(closed.clone()) } else { None }
    });
    closed.ok_or_else(|| {
        let why =
            "has not ended, and what it comes to cannot be repeated: wait for its end, or fork it";
        Error::Refused(format!("{run} {why}"))
    })
}

/// The steps of a script that are in the same round as this one, and wait for it in no way: its
/// fork is none of theirs, whichever came first.
fn beside<'a>(brief: &'a Brief, step: &str) -> BTreeSet<&'a str> {
    let is_its = |round: &&Vec<Task>| round.iter().any(|task| task.id == step);
    let Some(round) = brief.rounds.iter().find(is_its) else { return BTreeSet::new() };
    let mut waiting = BTreeSet::from([step]);
    // One that waits for another is found at the latest when all before it were.
    for _ in round {
        let waits = |task: &&Task| task.after.iter().any(|id| waiting.contains(id.as_str()));
        let more: Vec<&str> = round.iter().filter(waits).map(|task| task.id.as_str()).collect();
        waiting.extend(more);
    }
    round.iter().map(|task| task.id.as_str()).filter(|id| !waiting.contains(id)).collect()
}

/// Whoever would do something again must know that it is not being done, and whoever builds on
/// what was done that it is not being taken back.
fn check_still(run: Address, state: &State) -> Result<(), Error> {
    let Some(work) = &state.work else { return Ok(()) };
    let is_ending = work.undoing.is_some() || work.cancelling.is_some();
    if is_ending && work.outcome.is_none() {
        let why = format!("{run} is being ended, and what it did taken back: wait for its end");
        return Err(Error::Refused(why));
    }
    let open = work.steps.iter().find(|step| 0 < step.attempt && step.fate().is_none());
    match open.map(|step| &step.task.id) {
        None => Ok(()),
        Some(step) => Err(Error::Refused(format!(
            "step {step} of {run} is under way, or in doubt: wait for its end, or cancel the run"
        ))),
    }
}

/// Whoever builds on what was done must find it there.
fn check_not_taken_back(history: &[Past<Event>], kept: &[Past<Event>]) -> Result<(), Error> {
    let all: BTreeSet<&str> = begun_in_order(history).collect();
    let mut taken = begun_in_order(kept).peekable();
    let is_any_taken = taken.peek().is_some();
    let is_rolled_back = all.iter().any(|step| is_rollback(step));
    if is_any_taken && is_rolled_back {
        let why = "its run was rolled back when it ended: begin anew";
        return Err(Error::Refused(why.to_owned()));
    }
    if let Some(step) = taken.find(|step| all.contains(undo_of(step).as_str())) {
        return Err(Error::Refused(format!(
            "what {step} did was taken back when its run ended: begin from {step}, or anew"
        )));
    }
    Ok(())
}

/// What a run takes along that goes its own way from a step on, or from the beginning.
fn taken_along(
    brief: &Brief,
    history: &[Past<Event>],
    kept: &[Past<Event>],
    from: Option<&str>,
) -> BTreeMap<String, Ending> {
    let is_done = |ending: &Ending| matches!(ending, Ending::Done(_));
    let outcomes = endings(kept).filter(|(_, ending)| is_an_outcome(ending));
    let mut taken: BTreeMap<String, Ending> = outcomes.collect();
    if let (Some(step), None) = (from, &brief.course) {
        let beside = beside(brief, step);
        let done = endings(history).filter(|(_, ending)| is_done(ending));
        taken.extend(done.filter(|(id, _)| beside.contains(id.as_str())));
    }
    // What was allowed was done, and what comes after it is done once more now: that is allowed
    // anew. What was denied stays so.
    let gates = brief.rounds.iter().flatten().filter(|task| task.tool == GATE);
    let gates: BTreeSet<&str> = gates.map(|task| task.id.as_str()).collect();
    taken.retain(|step, ending| !gates.contains(stage_of(step)) || !is_done(ending));
    taken
}

fn size(output: &Output) -> usize {
    output.value.to_string().len()
}

/// All that was recorded before this step was begun, or sought to be.
fn before<'a>(
    run: Address,
    history: &'a [Past<Event>],
    step: &str,
) -> Result<&'a [Past<Event>], Error> {
    let is_it = |past: &Past<Event>| concerns(&past.event).is_some_and(|(id, _)| id == step);
    let first = history.iter().position(is_it);
    first.map(|first| &history[..first]).ok_or_else(|| {
        let ran: Vec<&str> = begun_in_order(history).collect();
        let instead = match ran.is_empty() {
            true => "none did".to_owned(),
            false => format!("{} did", ran.join(", ")),
        };
        Error::Missing(format!("step {step} never ran in {run}: {instead}"))
    })
}

fn begun_in_order(history: &[Past<Event>]) -> impl Iterator<Item = &str> {
    history.iter().filter_map(|past| match concerns(&past.event) {
        Some((step, true)) => Some(step),
        Some((_, false)) | None => None,
    })
}

/// The step that this is a first sign of, and whether it was begun by then.
fn concerns(event: &Event) -> Option<(&str, bool)> {
    if let Event::Begun(begun) = event {
        Some((&begun.step, begun.attempt == 1))
    } else if let Event::Reused(reused) = event {
        Some((&reused.step, true))
    } else if let Event::Sought(sought) = event {
        Some((&sought.step, false))
    } else {
        None
    }
}

/// What each step has come to.
fn endings(history: &[Past<Event>]) -> impl Iterator<Item = (String, Ending)> {
    let endings = history.iter().filter_map(|past| ended(&past.event));
    endings.map(|(step, ending)| (step.to_owned(), ending.into_owned()))
}

fn ended(event: &Event) -> Option<(&str, Cow<'_, Ending>)> {
    if let Event::Ended(ended) = event {
        Some((&ended.step, Cow::Borrowed(&ended.ending)))
    } else if let Event::Reused(reused) = event {
        Some((&reused.step, Cow::Borrowed(&reused.ending)))
    } else if let Event::Settled(settled) = event {
        // What a person or a check has settled has no other end.
        let done = || Cow::Owned(Ending::Done(Output::default()));
        settled.happened.then(|| (settled.step.as_str(), done()))
    } else {
        None
    }
}

/// What a cancel has ended has come to nothing that another run could build on.
fn is_an_outcome(ending: &Ending) -> bool {
    match ending {
        Ending::Done(_) | Ending::Failed(_) => true,
        Ending::Skipped(why) => why != CANCELED,
        Ending::Stopped(_) => false,
    }
}

/// The same plan, given something else; whatever is not given anew stays as it was.
fn given(
    tools: &dyn Tools,
    limits: &Limits,
    brief: &Brief,
    known: &BTreeMap<String, Value>,
    inputs: &BTreeMap<String, String>,
) -> Result<Brief, Error> {
    let Some(course) = &brief.course else {
        return Err(Error::Refused("a script takes no inputs: begin another run".to_owned()));
    };
    let request = Request {
        plan: course.text.body.clone(),
        file: course.text.file.clone(),
        inputs: inputs.clone(),
        workspace: course.workspace.clone(),
    };
    read_again(&request, known, tools, limits)
}
