//! The tool `summarize_run`: what became of the steps of a run, for people. It touches nothing: the
//! steps are handed in by whoever knows them.

use std::collections::BTreeMap;

use domain::tool::{Contract, Effect, Failure, Media, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{attachment, cell, read};

const NAME: &str = "summarize_run";

/// No run has more.
const STEPS_MAX: usize = 1_000;
/// How much of a story is told.
const STORY_CHARS_MAX: usize = 500;

#[derive(Debug, Deserialize)]
struct Arguments {
    name: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    id: String,
    title: String,
    state: String,
    attempts: u32,
    story: Option<String>,
}

pub(crate) fn contract() -> Contract {
    let about = "Tells people what became of the steps of a run.";
    let step = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "the id of the step" },
            "title": { "type": "string", "description": "what the step is for" },
            "state": { "type": "string", "minLength": 1, "description": "what became of it, in one word" },
            "attempts": {
                "type": "integer",
                "minimum": 0,
                "maximum": u32::MAX,
                "description": "how often it was tried, as a whole number",
            },
            "story": { "type": "string", "description": "what was told of its end" },
        },
        "required": ["id", "title", "state", "attempts"],
        "additionalProperties": false,
    });
    let arguments = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "description": "the name of the run" },
            "steps": {
                "type": "array",
                "maxItems": STEPS_MAX,
                "items": step,
                "description": "what became of each step, in their order, at most 1000",
            },
        },
        "required": ["name", "steps"],
        "additionalProperties": false,
    });
    Contract { name: NAME, about, arguments, effect: Effect::None, lane: "files", is_far: false }
}

pub(crate) fn faults(_: &Value) -> Vec<String> {
    Vec::new()
}

pub(crate) fn perform(args: Value) -> Result<Output, Failure> {
    let run: Arguments = read(args)?;
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for step in &run.steps {
        *states.entry(&step.state).or_default() += 1;
    }
    let attempts: u64 = run.steps.iter().map(|step| u64::from(step.attempts)).sum();
    let value = json!({ "steps": run.steps.len(), "states": states, "attempts": attempts });
    let text = summary(&run, &states);
    let attachments = vec![attachment("summary", Media::Markdown, text.into_bytes())];
    Ok(Output { value, attachments })
}

fn summary(run: &Arguments, states: &BTreeMap<&str, u64>) -> String {
    let counted: Vec<String> =
        states.iter().map(|(state, count)| format!("{count} {}", cell(state))).collect();
    let counted = if counted.is_empty() { "none".to_owned() } else { counted.join(", ") };
    let mut text = format!("# {}\n\nSteps: {counted}.\n", cell(&run.name));
    if run.steps.is_empty() {
        return text;
    }
    text += "\n| step | what for | state | attempts |\n|---|---|---|---|\n";
    for step in &run.steps {
        let (id, title, state) = (cell(&step.id), cell(&step.title), cell(&step.state));
        text += &format!("| {id} | {title} | {state} | {} |\n", step.attempts);
    }
    let mut told =
        run.steps.iter().filter_map(|step| Some((step, step.story.as_deref()?))).peekable();
    if told.peek().is_some() {
        text += "\n## What was told\n\n";
    }
    for (step, story) in told {
        let shown: String = story.chars().take(STORY_CHARS_MAX).collect();
        let rest = if shown.len() < story.len() { "…" } else { "" };
        text += &format!("- {}: {}{rest}\n", cell(&step.id), cell(&shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::tool::Content;

    use super::*;

    fn check(args: Value, value: Value, text: &str) {
        let output = perform(args).expect("it only reads");
        assert_eq!(output.value, value);
        let [summary] = output.attachments.as_slice() else { panic!("one attachment") };
        assert_eq!((summary.name.as_str(), summary.media), ("summary", Media::Markdown));
        assert_eq!(summary.content, Content::Bytes(text.as_bytes().to_vec()));
    }

    #[test]
    fn a_summary_counts_states_and_tells_every_step_and_story() {
        let steps = json!([
            { "id": "s1", "title": "Run | tests", "state": "failed", "attempts": 2,
              "story": "code 1:\nno such thing" },
            { "id": "s2", "title": "Patch", "state": "done", "attempts": 1 },
            { "id": "s3", "title": "Report", "state": "done", "attempts": 1 },
        ]);
        let value = json!({ "steps": 3, "states": { "done": 2, "failed": 1 }, "attempts": 4 });
        let text = "# bugfix\n\nSteps: 2 done, 1 failed.\n\n\
                    | step | what for | state | attempts |\n|---|---|---|---|\n\
                    | s1 | Run \\| tests | failed | 2 |\n| s2 | Patch | done | 1 |\n\
                    | s3 | Report | done | 1 |\n\n\
                    ## What was told\n\n- s1: code 1: no such thing\n";
        check(json!({ "name": "bugfix", "steps": steps }), value, text);
    }

    #[test]
    fn a_run_without_steps_has_a_summary() {
        let value = json!({ "steps": 0, "states": {}, "attempts": 0 });
        check(json!({ "name": "a", "steps": [] }), value, "# a\n\nSteps: none.\n");
    }

    #[test]
    fn a_long_story_is_cut() {
        let story = "é".repeat(STORY_CHARS_MAX + 1);
        let step =
            json!({ "id": "a", "title": "", "state": "done", "attempts": 1, "story": story });
        let output = perform(json!({ "name": "a", "steps": [step] })).expect("it only reads");
        let Content::Bytes(text) = &output.attachments[0].content else { panic!("bytes") };
        let text = String::from_utf8_lossy(text);
        assert_eq!(text.matches('é').count(), STORY_CHARS_MAX);
        assert!(text.ends_with("…\n"), "{text}");
    }
}
