//! A run that begins from another one: the same once more, or something else from a step on.

use std::collections::BTreeMap;

use domain::id::Address;
use domain::run::{Descending, Descent as How, Effects, Error, Lineage, Request};
use domain::tool::{Effect, Output, Tools};
use runtime::durable::Past;
use serde_json::Value;

use crate::brief::{Limits, read};
use crate::plan::{Approval, Brief, Descent, Ending, Event, Task};

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
    let kept = match from {
        Some(step) => before(run, history, step)?,
        None if *effects == Effects::UseRecorded => history,
        None => &[],
    };
    let recorded = outcomes(kept);
    let bytes: usize = recorded.values().filter_map(Ending::output).map(size).sum();
    if RECORDED_BYTES_MAX < bytes {
        let why = format!(
            "its steps have brought {bytes} bytes, and {RECORDED_BYTES_MAX} is the most that is \
             taken along: begin it anew"
        );
        return Err(Error::Refused(why));
    }
    let mut brief = match inputs.is_empty() {
        true => opened.brief.clone(),
        false => given(tools, limits, &opened.brief, inputs)?,
    };
    if *effects == Effects::RequireHuman {
        let silence_max_ms = brief.caps.silence_max_ms;
        brief.rounds.iter_mut().flatten().for_each(|task| ask_first(task, silence_max_ms));
    }
    let at = kept.last().map_or(0, |past| past.seq.0);
    let lineage = Lineage { run, how: *how, at, from: from.clone(), effects: *effects };
    brief.descent = Some(Box::new(Descent { lineage, recorded }));
    Ok(brief)
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
        let ran: Vec<&str> = outcomes_in_order(history).collect();
        let instead = match ran.is_empty() {
            true => "none did".to_owned(),
            false => format!("{} did", ran.join(", ")),
        };
        Error::Missing(format!("step {step} never ran in {run}: {instead}"))
    })
}

fn outcomes_in_order(history: &[Past<Event>]) -> impl Iterator<Item = &str> {
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
fn outcomes(history: &[Past<Event>]) -> BTreeMap<String, Ending> {
    history.iter().filter_map(|past| outcome(&past.event)).collect()
}

fn outcome(event: &Event) -> Option<(String, Ending)> {
    if let Event::Ended(ended) = event {
        Some((ended.step.clone(), ended.ending.clone()))
    } else if let Event::Reused(reused) = event {
        Some((reused.step.clone(), reused.ending.clone()))
    } else if let Event::Settled(settled) = event {
        // What a person or a check has settled has no other end.
        settled.happened.then(|| (settled.step.clone(), Ending::Done(Output::default())))
    } else {
        None
    }
}

/// The same plan, given something else.
fn given(
    tools: &dyn Tools,
    limits: &Limits,
    brief: &Brief,
    inputs: &BTreeMap<String, String>,
) -> Result<Brief, Error> {
    let Some(course) = &brief.course else {
        return Err(Error::Refused("a script takes no inputs: begin another run".to_owned()));
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let before = course.inputs.iter().map(|(name, value)| (name.clone(), text(value)));
    let mut all: BTreeMap<String, String> = before.collect();
    all.extend(inputs.clone());
    let request = Request {
        plan: course.text.body.clone(),
        file: course.text.file.clone(),
        inputs: all,
        workspace: course.workspace.clone(),
    };
    read(&request, tools, limits)
}

/// Whatever changes something is asked about first.
fn ask_first(task: &mut Task, silence_max_ms: u64) {
    if task.is_handless() || task.effect == Effect::None || task.approval.is_some() {
        return;
    }
    let title = if task.title.is_empty() { &task.id } else { &task.title };
    let about = format!("do it once more: {title}");
    task.approval = Some(Approval { about, within_ms: silence_max_ms });
}
