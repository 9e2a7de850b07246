//! The tool `apply_patch`: a unified diff, applied to a workspace as a whole or not at all.
//!
//! A second use of a patch would fail, or worse, fit again. So it is asked first whether the patch
//! is in the workspace already, which it is if it can be taken back; then nothing is done. That is
//! why its effect is idempotent, and a node that was killed in the middle may ask again. Killed
//! while git writes, a patch of several files can be there in part: it fits neither way then, and
//! the failure names the file.

use std::sync::Arc;

use domain::BoxFuture;
use domain::tool::{Call, Class, Contract, Effect, Failure, Media, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::git::{self, Git};
use super::numbers::{self, Changed};
use super::site::Site;
use super::workspace::{self, Workspace};
use super::{attachment, patch, read};
use crate::Options;
use crate::command::{Term, refused};

const NAME: &str = "apply_patch";

const PATCH_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Arguments {
    workspace: Workspace,
    patch: String,
}

pub(crate) fn contract() -> Contract {
    let about = "Applies a patch to a workspace as a whole, unless it is there already.";
    let arguments = json!({
        "type": "object",
        "properties": {
            "workspace": workspace::schema(),
            "patch": {
                "type": "string",
                "minLength": 1,
                "description": "a unified diff as `git diff` writes it, with the prefixes a/ and \
                                b/, of at most 1 MiB",
            },
        },
        "required": ["workspace", "patch"],
        "additionalProperties": false,
    });
    let effect = Effect::Idempotent;
    Contract { name: NAME, about, arguments, effect, lane: "shell", is_far: false }
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = workspace::faults(args);
    let bytes = args["patch"].as_str().map_or(0, str::len);
    if PATCH_BYTES_MAX < bytes {
        let place = format!("args.patch has {bytes} bytes, and {PATCH_BYTES_MAX} is the most");
        faults.push(format!("{place}: split it by files"));
    }
    faults
}

pub(crate) async fn perform(
    options: Arc<Options>,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let term = Term::new(call.within, stop);
    let Arguments { workspace, mut patch } = read(call.args)?;
    judge(patch::names(&patch))?;
    if !patch.ends_with('\n') {
        // Git takes a last line without its end for a patch that was cut off.
        patch.push('\n');
    }
    let mut site = Site::enter(options, &workspace, call.key, term).await?;
    let files = site.files(&patch).await?;
    judge(files.iter().map(|file| file.path.clone()).collect())?;
    let already = site.has(&patch).await?;
    if !already {
        site.apply(&patch).await?;
    }
    let mut value = numbers::value(&files);
    value["already"] = json!(already);
    let patch = attachment("patch", Media::Patch, patch.into_bytes());
    Ok(Output { value, attachments: vec![patch] })
}

fn judge(names: Vec<String>) -> Result<(), Failure> {
    if names.is_empty() {
        let story = "the patch names no file: write it as `git diff` does, with `--- a/FILE` and \
                     `+++ b/FILE` before its hunks";
        return Err(refused(story.to_owned()));
    }
    match names.iter().find_map(|name| Some((name, patch::fault(name)?))) {
        Some((name, fault)) => Err(refused(format!("the patch names `{name}`: {fault}"))),
        None => Ok(()),
    }
}

/// How a patch fits a workspace in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Not,
    /// All of it, some of it at other lines than it says.
    Moved,
    Exact,
}

/// What can be done with a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing: it is in the workspace.
    There,
    Missing,
    /// It is not there, and there is no room for it.
    Unfit,
    /// Nobody can tell whether it is there.
    Unclear,
}

/// Judges by how a patch can be taken back and how it can be applied. Lines that come again
/// elsewhere let it fit both ways; the way that fits just where the patch says counts then.
fn verdict(back: Fit, on: Fit) -> Verdict {
    match (back, on) {
        (Fit::Exact, Fit::Not | Fit::Moved | Fit::Exact) | (Fit::Moved, Fit::Not) => Verdict::There,
        (Fit::Not, Fit::Moved | Fit::Exact) | (Fit::Moved, Fit::Exact) => Verdict::Missing,
        (Fit::Not, Fit::Not) => Verdict::Unfit,
        (Fit::Moved, Fit::Moved) => Verdict::Unclear,
    }
}

impl Site {
    /// What git reads in the patch.
    async fn files(&mut self, patch: &str) -> Result<Vec<Changed>, Failure> {
        let ended = self.git_well(on(patch, "--numstat -z"), "the patch cannot be read").await?;
        Ok(numbers::read(&ended.stdout.into_bytes()))
    }

    /// Whether the patch is in the workspace already; a failure if it is not and cannot be.
    async fn has(&mut self, patch: &str) -> Result<bool, Failure> {
        let (back, _) = self.fit(patch, "--reverse").await?;
        if back == Fit::Exact {
            return Ok(true);
        }
        let (on, said) = self.fit(patch, "").await?;
        match verdict(back, on) {
            Verdict::There => Ok(true),
            Verdict::Missing => Ok(false),
            Verdict::Unfit => Err(failed(format!(
                "the patch does not apply, and nothing was changed: {said}; make it anew from what \
                 is there"
            ))),
            Verdict::Unclear => Err(failed(UNCLEAR.to_owned())),
        }
    }

    /// Tries a patch, and changes nothing.
    async fn fit(&mut self, patch: &str, words: &str) -> Result<(Fit, String), Failure> {
        let ended = self.git(on(patch, &format!("--check --verbose {words}"))).await?;
        let said = String::from_utf8_lossy(ended.stderr.beginning());
        let fit = match ended.exit {
            // Git calls it done to leave out what it takes for none of its business.
            Some(0) if said.contains(SKIPPED) => return Err(git::failed(UNTRIED, &ended)),
            Some(0) if said.contains(MOVED) => Fit::Moved,
            Some(0) => Fit::Exact,
            Some(1) => Fit::Not,
            Some(_) | None => return Err(git::failed(UNTRIED, &ended)),
        };
        Ok((fit, git::words(&ended)))
    }

    /// It was tried before, so what goes wrong now went wrong while git wrote.
    async fn apply(&mut self, patch: &str) -> Result<(), Failure> {
        let patch = on(patch, "").unhurried();
        self.git_well(patch, "the patch was not applied, or not all of it").await.map(|_| ())
    }
}

/// Words of git.
const MOVED: &str = "(offset ";
const SKIPPED: &str = "Skipped patch ";

const UNTRIED: &str = "the patch could not be tried";
const UNCLEAR: &str = "the patch fits as if it were in the workspace and as if it were not, both \
                       at other lines than it says: make it anew, with more lines around what it \
                       changes";

fn on(patch: &str, words: &str) -> Git {
    let words = format!("apply --whitespace=nowarn {words}");
    Git::new(words).input(patch.to_owned()).alone()
}

fn failed(story: String) -> Failure {
    Failure { class: Class::Failed, story, output: Output::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_there_if_it_can_be_taken_back_better_than_applied() {
        use Fit::{Exact, Moved, Not};
        use Verdict::{Missing, There, Unclear, Unfit};
        let rows = [
            (Exact, Not, There),
            (Exact, Exact, There),
            (Moved, Not, There),
            (Not, Moved, Missing),
            (Not, Exact, Missing),
            (Moved, Exact, Missing),
            (Not, Not, Unfit),
            (Moved, Moved, Unclear),
        ];
        for (back, on, expected) in rows {
            assert_eq!(verdict(back, on), expected, "{back:?} {on:?}");
        }
    }
}
