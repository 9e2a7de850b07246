//! The arguments of a step, with all that stands elsewhere.

use serde_json::{Value, json};

use crate::brief::digest;
use crate::plan::args::{put, put_input};
use crate::plan::ids::pass_of;
use crate::plan::state::{Artifact, Course, Fate, Work};
use crate::plan::wire::{Fill, Filled, Source, Task, Use};

/// What a step would be called with now; nothing where its task says all of it.
pub(super) fn fill(work: &Work, task: &Task) -> Result<Option<Filled>, String> {
    let Some(course) = work.course.as_ref().filter(|_| !task.uses.is_empty()) else {
        return Ok(None);
    };
    let mut filled = Filled { args: task.args.clone(), digest: String::new(), blobs: Vec::new() };
    for Use { at, of } in &task.uses {
        match of {
            Source::Input(name) => {
                if let Some(given) = course.inputs.get(name) {
                    put_input(&mut filled.args, at, &given.value);
                }
            }
            Source::Output(name) => {
                let artifact = course.outputs.get(name).ok_or_else(|| {
                    format!("it uses `{name}`, which no step of this run has put out")
                })?;
                match artifact {
                    Artifact::Said(value) => put(&mut filled.args, at, value.clone()),
                    Artifact::Kept(blob) => put_blob(&mut filled, at, blob),
                }
            }
            Source::Lost(name) => {
                return Err(format!("nobody knows what `{name}` was when it was put out"));
            }
            Source::Kept(blob) => put_blob(&mut filled, at, blob),
            Source::Story => put(&mut filled.args, at, story(work, course)),
        }
    }
    filled.digest = digest(&task.tool, &filled.args);
    Ok(Some(filled))
}

fn put_blob(filled: &mut Filled, at: &[String], blob: &str) {
    put(&mut filled.args, at, json!({ "blob": blob }));
    filled.blobs.push(Fill { at: at.to_vec(), blob: blob.to_owned() });
}

/// What each stage has come to so far.
fn story(work: &Work, course: &Course) -> Value {
    let stages = course.last.iter().enumerate().filter_map(|(at, past)| {
        let task = work.round(at).first()?;
        let past = (*past)?;
        let state = match past.fate {
            Fate::Done => "done",
            Fate::Failed => "failed",
            Fate::Skipped => "skipped",
            Fate::Stopped => "stopped",
        };
        let id = pass_of(&task.id, course.passes[at]);
        Some(json!({
            "id": id, "title": task.called(), "state": state, "attempts": past.attempts,
        }))
    });
    stages.collect()
}
