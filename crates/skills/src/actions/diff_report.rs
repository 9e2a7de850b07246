//! The tool `generate_diff_report`: what a workspace has that a commit has not.

use std::sync::Arc;

use domain::BoxFuture;
use domain::tool::{Call, Contract, Effect, Failure, Media, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::git::{Git, quoted};
use super::numbers::{self, Changed};
use super::site::Site;
use super::workspace::{self, Workspace};
use super::{FILES_SHOWN_MAX, attachment, cell, git, read};
use crate::Options;
use crate::command::{Term, refused};

const NAME: &str = "generate_diff_report";

const BASE: &str = "HEAD";
/// No diff is kept beyond that.
const DIFF_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A commit, as git writes it.
const COMMIT_BYTES_MAX: usize = 64;

/// Settings of whoever works there would change what is shown, or run something.
const DIFF: &str = "diff --no-color --no-ext-diff --no-textconv --no-renames --relative";

#[derive(Debug, Deserialize)]
struct Arguments {
    workspace: Workspace,
    base: Option<String>,
}

pub(crate) fn contract() -> Contract {
    let about = "Tells what a workspace has changed since a commit: a diff, and a report of it.";
    let arguments = json!({
        "type": "object",
        "properties": {
            "workspace": workspace::schema(),
            "base": {
                "type": "string",
                "pattern": "^[^-\\s\\x00-\\x1f]\\S*$",
                "description": "the commit, branch or tag it is compared with, in one word; HEAD \
                                if nothing else is said",
            },
        },
        "required": ["workspace"],
        "additionalProperties": false,
    });
    Contract { name: NAME, about, arguments, effect: Effect::None, lane: "shell", is_far: false }
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = workspace::faults(args);
    if args["base"].as_str().is_some_and(|base| base.contains('\0')) {
        faults.push("args.base has a NUL in it: leave it out".to_owned());
    }
    faults
}

pub(crate) async fn perform(
    options: Arc<Options>,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let term = Term::new(call.within, stop);
    let Arguments { workspace, base } = read(call.args)?;
    let base = base.as_deref().unwrap_or(BASE);
    let mut site = Site::enter(options, &workspace, call.key, term).await?;
    let commit = site.commit(base).await?;
    let words = format!("{DIFF} --src-prefix=a/ --dst-prefix=b/ -U3 {commit} --");
    let diff = site.git_well(Git::new(words).keep(DIFF_BYTES_MAX), UNMADE).await?.stdout;
    let numbers = format!("{DIFF} --numstat -z {commit} --");
    let numbers = site.git_well(Git::new(numbers).keep(DIFF_BYTES_MAX), UNMADE).await?.stdout;
    let others = Git::new("ls-files --others --exclude-standard -z").keep(DIFF_BYTES_MAX);
    let others = site.git_well(others, UNMADE).await?.stdout;

    let is_whole = diff.is_whole() && numbers.is_whole() && others.is_whole();
    let files = numbers::read(&numbers.into_bytes());
    let untracked = names(&others.into_bytes());
    let mut value = numbers::value(&files);
    value["base"] = json!(commit);
    value["untracked"] = json!(untracked[..untracked.len().min(FILES_SHOWN_MAX)]);
    if FILES_SHOWN_MAX < untracked.len() {
        value["untracked_left_out"] = json!(untracked.len() - FILES_SHOWN_MAX);
    }
    value["whole"] = json!(is_whole);
    let report = report(base, &commit, &files, &untracked, is_whole);
    let attachments = vec![
        attachment("diff", Media::Patch, diff.into_bytes()),
        attachment("report", Media::Markdown, report.into_bytes()),
    ];
    Ok(Output { value, attachments })
}

const UNMADE: &str = "the workspace cannot be compared";

impl Site {
    /// The commit that a word stands for now.
    async fn commit(&mut self, base: &str) -> Result<String, Failure> {
        let word = quoted(&format!("{base}^{{commit}}"));
        let ended = self.git(Git::new(format!("rev-parse --verify --quiet {word}"))).await?;
        match ended.exit {
            Some(0) => Ok(ended.stdout.last(COMMIT_BYTES_MAX + 1)),
            Some(1) => Err(refused(format!(
                "there is no commit `{base}` in the workspace: commit something first, or name \
                 another `base`"
            ))),
            Some(_) | None => Err(git::failed(UNMADE, &ended)),
        }
    }
}

/// Names with a NUL behind each; what was cut off in the middle is none.
fn names(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    names.pop();
    names.into_iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// For people, in Markdown.
fn report(
    base: &str,
    commit: &str,
    files: &[Changed],
    untracked: &[String],
    is_whole: bool,
) -> String {
    let added: u64 = files.iter().map(|file| file.added).sum();
    let removed: u64 = files.iter().map(|file| file.removed).sum();
    let mut text = format!("# Changes since {}\n\n", cell(base));
    text += &format!("Compared with commit {commit}.\n");
    text += &format!("{} files differ: {added} lines added, {removed} removed.\n", files.len());
    if !is_whole {
        text += "There was more than is kept: the diff or the lists are cut off.\n";
    }
    if !files.is_empty() {
        text += "\n| file | added | removed |\n|---|---|---|\n";
    }
    for file in files {
        let (path, added, removed) = (cell(&file.path), file.added, file.removed);
        text += &match file.binary {
            true => format!("| {path} | no text | no text |\n"),
            false => format!("| {path} | {added} | {removed} |\n"),
        };
    }
    if !untracked.is_empty() {
        text +=
            "\n## Not tracked\n\nGit does not know these files, and the diff is without them.\n\n";
        untracked.iter().for_each(|name| text += &format!("- {}\n", cell(name)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_files_numbers_and_what_git_does_not_know() {
        let file =
            |path: &str, binary| Changed { path: path.to_owned(), added: 2, removed: 1, binary };
        let files = [file("a|b.rs", false), file("x.png", true)];
        let text = report("main", "00ff", &files, &["new.rs".to_owned()], true);
        let expected = "# Changes since main\n\nCompared with commit 00ff.\n\
                        2 files differ: 4 lines added, 2 removed.\n\n\
                        | file | added | removed |\n|---|---|---|\n\
                        | a\\|b.rs | 2 | 1 |\n| x.png | no text | no text |\n\n\
                        ## Not tracked\n\nGit does not know these files, and the diff is without \
                        them.\n\n- new.rs\n";
        assert_eq!(text, expected);
        let text = report("main", "00ff", &[], &[], false);
        assert!(text.ends_with("are cut off.\n"), "{text}");
    }
}
