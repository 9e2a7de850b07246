//! What is recorded of a step, with its line of the audit.

use domain::tool::Output;
use serde::Serialize;

use crate::plan::state::Step;
use crate::plan::wire::{By, Ended, Ending, Event, Settled, Task};
use crate::plan::{Decision, WAIT};

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
    match &ending {
        Ending::Done(output) => name_blobs(output, decision),
        Ending::Failed(failure) | Ending::Stopped(failure) => {
            name_blobs(&failure.output, decision);
        }
        Ending::Skipped(_) => {}
    }
    if step.task.tool != WAIT && step.attempt > 0 {
        audit("ended", step, step.attempt, Some(word), decision);
    }
    let (id, attempt) = (step.task.id.clone(), step.attempt);
    decision.record(Event::Ended(Ended { step: id, attempt, ending }));
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
    let line = Canceled { what: "canceled", reason };
    decision.audit(serde_json::to_vec(&line).expect("a line is plain data"));
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
