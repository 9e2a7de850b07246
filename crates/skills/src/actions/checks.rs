//! The tools `run_tests` and `run_linters`: a project checked by its own means.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use domain::BoxFuture;
use domain::tool::{Call, Class, Contract, Effect, Failure, Media, Output};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use super::project::Check;
use super::project::{self, Known, MAKEFILE};
use super::site::Site;
use super::workspace::{self, Workspace};
use super::{attachment, blocking, read};
use crate::Options;
use crate::command::{Ended, Term, refused};
use crate::keep::KEPT_BYTES_MAX;

const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// How much of a Makefile is looked through for its targets.
const MAKEFILE_BYTES_MAX: u64 = 256 * 1024;
/// How much of the end of the output the story of a failure tells.
const TOLD_BYTES_MAX: usize = 2 * 1024;
/// How much of a command a story tells.
const COMMAND_CHARS_MAX: usize = 80;

#[derive(Debug, Deserialize)]
struct Arguments {
    workspace: Workspace,
    command: Option<String>,
}

pub(crate) fn tests() -> Contract {
    contract(Check::Tests, "Runs the tests of a workspace, as its kind of project does or as told.")
}

pub(crate) fn linters() -> Contract {
    let about = "Runs the linters of a workspace, as its kind of project does or as told.";
    contract(Check::Linters, about)
}

fn contract(check: Check, about: &'static str) -> Contract {
    let arguments = json!({
        "type": "object",
        "properties": {
            "workspace": workspace::schema(),
            "command": {
                "type": "string",
                "minLength": 1,
                "description": "what `sh -c` runs instead of what the kind of project says, of at \
                                most 64 KiB",
            },
        },
        "required": ["workspace"],
        "additionalProperties": false,
    });
    // Both look at what is there; what they build on the way is built again or found.
    let effect = Effect::Idempotent;
    Contract { name: check.tool(), about, arguments, effect, lane: "shell", is_far: false }
}

pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = workspace::faults(args);
    let command = args["command"].as_str().unwrap_or_default();
    if COMMAND_BYTES_MAX < command.len() {
        let bytes = command.len();
        let place = format!("args.command has {bytes} bytes, and {COMMAND_BYTES_MAX} is the most");
        faults.push(format!("{place}: put the script into a file and run that"));
    }
    if command.contains('\0') {
        faults.push("args.command has a NUL in it: leave it out".to_owned());
    }
    faults
}

pub(crate) async fn perform(
    check: Check,
    options: Arc<Options>,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let term = Term::new(call.within, stop);
    let Arguments { workspace, command } = read(call.args)?;
    let mut site = Site::enter(options, &workspace, call.key, term).await?;
    let (command, file) = match command {
        Some(command) => (command, None),
        None => {
            let known = recognize(check, &mut site).await?;
            (known.command.to_owned(), Some(known.file))
        }
    };
    // Both outputs in the order in which they were written: a report reads like a terminal.
    let line = format!("exec 2>&1\n{command}");
    let ended = site.run(line, Vec::new(), None, KEPT_BYTES_MAX).await?;
    judge(&command, file, ended)
}

async fn recognize(check: Check, site: &mut Site) -> Result<Known, Failure> {
    let folder = site.folder.clone();
    let looked = blocking::run(&mut site.term, move |_| look(check, &folder)).await?;
    looked.ok_or_else(|| {
        let files: Vec<&str> = project::files().collect();
        refused(format!(
            "nothing in {} says what kind of project it is: none of {} is there, or the Makefile \
             has no target for this; say what to run as `command`",
            site.folder.display(),
            files.join(", ")
        ))
    })
}

fn look(check: Check, folder: &Path) -> Option<Known> {
    let there: Vec<&str> = project::files().filter(|file| folder.join(file).is_file()).collect();
    let mut makefile = Vec::new();
    if there.contains(&MAKEFILE)
        && let Ok(file) = std::fs::File::open(folder.join(MAKEFILE))
    {
        // What cannot be read has no target.
        file.take(MAKEFILE_BYTES_MAX).read_to_end(&mut makefile).ok();
    }
    project::recognize(check, &there, &String::from_utf8_lossy(&makefile))
}

fn judge(command: &str, file: Option<&str>, ended: Ended) -> Result<Output, Failure> {
    let Ended { fate, exit, stdout, stderr: _nothing } = ended;
    let told = stdout.last(TOLD_BYTES_MAX);
    let mut value = json!({ "command": command, "exit": exit, "output": stdout.shown() });
    if let Some(file) = file {
        value["recognized_by"] = json!(file);
    }
    let report = attachment("report", Media::Text, stdout.into_both_ends());
    let output = Output { value, attachments: vec![report] };
    let Err((class, story)) = fate else { return Ok(output) };
    let story = match exit.filter(|_| class == Class::Failed) {
        Some(code) => {
            let told = if told.is_empty() { "it has written nothing" } else { &told };
            format!("`{}` ended with code {code}: {told}", shortened(command))
        }
        None => story,
    };
    Err(Failure { class, story, output })
}

fn shortened(command: &str) -> String {
    match command.char_indices().nth(COMMAND_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command.to_owned(),
    }
}
