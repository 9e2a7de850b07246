//! A run as a person reads it.

use domain::approval::Approval;
use domain::run::{Attempt, Doubt, Run, Step};
use domain::time::Timestamp;
use domain::tool::{Attachment, Content};
use serde_json::Value;

use crate::text::{age, clean, shorten};

mod head;
#[cfg(test)]
pub(crate) mod sample;

/// What is known of the file that a run was begun from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    /// There was none, it is not on this machine, or it cannot be read.
    Unknown,
    Same,
    Changed,
}

/// How much of what a step brought is shown; all of it is in the JSON.
const OUTPUT_CHARS_MAX: usize = 2_000;

/// All of it, in the order of its steps.
pub(crate) fn tell(run: &Run, file: File) -> String {
    let mut text = head::tell(run, file);
    run.steps.iter().for_each(|step| tell_step(run, step, &mut text));
    if !run.left.is_empty() {
        text += "\nNOT TAKEN BACK\n";
    }
    for left in &run.left {
        text += &format!("  {}  {}\n", clean(&left.step), clean(&left.why));
    }
    text
}

fn tell_step(run: &Run, step: &Step, text: &mut String) {
    let title = if step.title == step.id { "" } else { &step.title };
    let line = format!("{}  {}  {}  {}", step.id, step.tool, step.state.word(), title);
    *text += &format!("\n{}\n", clean(line.trim_end()));
    for approval in &step.approvals {
        *text += &tell_approval(run, approval);
    }
    for attempt in &step.attempts {
        *text += &tell_attempt(run, attempt);
    }
    for doubt in &step.doubts {
        *text += &tell_doubt(run, step, doubt);
    }
    let told = step.attempts.last().and_then(|last| last.story.as_ref());
    if let Some(story) = step.story.as_ref().filter(|story| told != Some(story)) {
        *text += &format!("  {}\n", clean(story));
    }
    if let Some(output) = &step.output {
        *text += &tell_output(output);
    }
    for attachment in &step.attachments {
        *text += &tell_attachment(step, attachment);
    }
}

/// What was more than the output takes.
fn tell_attachment(step: &Step, attachment: &Attachment) -> String {
    let name = clean(&attachment.name);
    match &attachment.content {
        Content::Kept { bytes, .. } => {
            format!("  {bytes} bytes of {name} are kept: lares run output {} {name}\n", step.key)
        }
        Content::Lost { why, bytes } => {
            format!("  {bytes} bytes of {name} are lost: {}\n", clean(why))
        }
        Content::Bytes(_) => String::new(),
    }
}

/// What a command wrote, line by line; anything else as it is.
fn tell_output(output: &Value) -> String {
    let streams = ["stdout", "stderr"].map(|name| (name, output[name].as_str()));
    let [(_, Some(_)), (_, Some(_))] = streams else {
        let shown = shorten(&clean(&output.to_string()), OUTPUT_CHARS_MAX);
        return format!("  brought {shown}\n");
    };
    let mut told = String::new();
    for (name, written) in streams {
        let written: String = written.unwrap_or_default().chars().take(OUTPUT_CHARS_MAX).collect();
        for (at, line) in written.lines().enumerate() {
            let name = if at == 0 { name } else { "" };
            told += &format!("  {name:<8}{}\n", clean(line));
        }
    }
    told
}

fn tell_attempt(run: &Run, attempt: &Attempt) -> String {
    let Attempt { number, begun_at, ended_at, outcome, story } = attempt;
    let begun = span(run.opened_at, *begun_at);
    let ended = match (ended_at, outcome) {
        (Some(ended_at), Some(outcome)) => format!("{outcome} in {}", span(*begun_at, *ended_at)),
        _ => "under way".to_owned(),
    };
    let story = story.as_ref().map_or(String::new(), |story| format!(": {}", clean(story)));
    format!("  attempt {number}  +{begun}  {ended}{story}\n")
}

fn tell_doubt(run: &Run, step: &Step, doubt: &Doubt) -> String {
    let since = span(run.opened_at, doubt.since);
    let verdict = match &doubt.verdict {
        Some(verdict) => clean(verdict),
        None if step.state == domain::run::StepState::Asked => format!(
            "say what became of it: lares doubt settle {} --happened (or --did-not)",
            step.key
        ),
        None => "not settled yet".to_owned(),
    };
    format!("  in doubt   +{since}  {}\n             {verdict}\n", clean(&doubt.evidence))
}

fn tell_approval(run: &Run, approval: &Approval) -> String {
    let Approval { id, about, since, until, answer, .. } = approval;
    let sought = span(run.opened_at, *since);
    let answer = match answer {
        Some(answer) => {
            let note = answer.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            format!("{}{}", answer.verdict.word(), clean(&note))
        }
        None => {
            let within = span(*since, *until);
            format!("waits {within} for an answer: lares approve {id} (or lares deny {id})")
        }
    };
    format!("  approval   +{sought}  {answer}\n             {}\n", clean(about))
}

pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    age(u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
