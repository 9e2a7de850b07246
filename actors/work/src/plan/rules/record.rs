//! What is recorded of a step, with its line of the audit.

use domain::approval::Verdict;
use domain::run::Left;
use domain::tool::Output;
use serde::Serialize;

use crate::plan::Decision;
use crate::plan::state::Step;
use crate::plan::wire::{
    Answered, By, Ended, Ending, Event, Resumed, Reused, Settled, Sought, Task,
};

pub(super) fn record_begun(step: &Step, attempt: u32, begun: Event, decision: &mut Decision<'_>) {
    audit("begun", step, attempt, None, decision);
    decision.record(begun);
}

pub(super) fn record_end(step: &Step, ending: Ending, decision: &mut Decision<'_>) {
    let word = match &ending {
        Ending::Done(_) => "done",
        Ending::Failed(_) => "failed",
        Ending::Stopped(_) => "stopped",
        Ending::Skipped(_) => "skipped",
    };
    if let Some(output) = ending.output() {
        name_blobs(output, decision);
    }
    if !step.task.is_handless() && step.attempt > 0 {
        audit("ended", step, step.attempt, Some(word), decision);
    }
    let (id, attempt) = (step.task.id.clone(), step.attempt);
    decision.record(Event::Ended(Ended { step: id, attempt, ending }));
}

/// Nothing is done, so nothing is audited.
pub(super) fn record_reused(step: &Step, ending: Ending, decision: &mut Decision<'_>) {
    if let Some(output) = ending.output() {
        name_blobs(output, decision);
    }
    decision.record(Event::Reused(Reused { step: step.task.id.clone(), ending }));
}

pub(super) fn record_settled(step: &Step, settled: Settled, decision: &mut Decision<'_>) {
    let word = match (settled.by, settled.happened) {
        (By::Check, true) => "happened, says its check",
        (By::Check, false) => "repeated after its check",
        (By::Person, true) => "happened, says a person",
        (By::Person, false) => "did not happen, says a person",
    };
    audit("settled", step, step.attempt, Some(word), decision);
    decision.record(Event::Settled(settled));
}

pub(super) fn name_blobs(output: &Output, decision: &mut Decision<'_>) {
    output.kept().filter_map(|blob| blob.parse().ok()).for_each(|blob| decision.name(blob));
}

pub(super) fn record_canceled(reason: &str, decision: &mut Decision<'_>) {
    let line = OfRun { what: "canceled", reason };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
}

pub(super) fn record_resumed(resumed: Resumed, decision: &mut Decision<'_>) {
    let line = OfRun { what: "resumed", reason: resumed.note.as_deref().unwrap_or_default() };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
    decision.record(Event::Resumed(resumed));
}

pub(super) fn record_sought(step: &Step, sought: Sought, decision: &mut Decision<'_>) {
    audit("approval sought", step, step.attempt + 1, None, decision);
    decision.record(Event::Sought(sought));
}

pub(super) fn record_answered(
    step: &Step,
    number: u32,
    verdict: Verdict,
    note: Option<String>,
    decision: &mut Decision<'_>,
) {
    audit("approval", step, step.attempt + 1, Some(verdict.word()), decision);
    let step = step.task.id.clone();
    decision.record(Event::Answered(Answered { number, step, verdict, note }));
}

/// What stays of something that was to be taken back.
pub(super) fn record_left(left: &Left, decision: &mut Decision<'_>) {
    let Left { step, why } = left;
    let line = Stays { what: "not taken back", step, why };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
}

#[derive(Serialize)]
struct Stays<'a> {
    what: &'a str,
    step: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct OfRun<'a> {
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
    let Task { id, tool, .. } = &step.task;
    let digest = step.digest();
    let line = Line { what, step: id, tool, digest, attempt, outcome };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
}
