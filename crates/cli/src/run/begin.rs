//! `lares run PLAN`: begins a run of a plan, or tells what one would do.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::run::{Beginning, Folder, Rehearsal};
use domain::token::Token;

use super::given::{self, Given};
use super::{rehearsal, submit, text};
use crate::ask::Ask;
use crate::{Error, Exit};

#[derive(Debug, Clone, Args)]
pub(super) struct Begin {
    /// The plan to run: a workflow, a blueprint or a script; `-` reads it from standard input
    #[arg(required = true)]
    plan: Option<PathBuf>,
    /// What the plan is given under a name; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<Given>,
    /// The folder on the machine of the node in which the run may touch files
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// What must be checked out in the workspace
    #[arg(long, requires = "workspace")]
    branch: Option<String>,
    /// Tell what a run would do, and begin none
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,
    /// A name for this request: the same key again is the same run
    #[arg(long, value_parser = submit::key)]
    key: Option<String>,
    /// Show what happens until the run has ended; the exit code is then 0 only if it completed
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    ask: Ask,
}

pub(super) async fn run(
    begin: Begin,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let path = begin.plan.clone().unwrap_or_default();
    let plan = text::read(&path)?;
    let body = crate::text::json(&request(&begin, &path, &plan)?)?.into_bytes();
    let client = begin.ask.client(token.clone())?;
    if begin.dry_run {
        let rehearsal = client.post_as(Beginning::MEDIA, RUNS, body, None).await;
        let rehearsal: Rehearsal = rehearsal.map_err(|error| told(error, &path, &plan))?;
        return begin.ask.show(&rehearsal, rehearsal::tell, out);
    }
    let opened = submit::submit(&client, (Beginning::MEDIA, RUNS), body, begin.key).await;
    let opened = opened.map_err(|error| told(error, &path, &plan))?;
    submit::tell(opened, begin.follow, begin.ask, token, out).await
}

const RUNS: &str = "/v1/runs";

fn request(begin: &Begin, path: &Path, plan: &[u8]) -> Result<Beginning, Error> {
    let plan = std::str::from_utf8(plan).map_err(|error| {
        told(Error::Faults(vec![format!("a plan is text, in UTF-8: {error}")]), path, plan)
    })?;
    let file = match path == Path::new("-") {
        true => None,
        false => {
            let file = std::path::absolute(path)
                .map_err(|source| Error::Nowhere { path: path.to_owned(), source })?;
            Some(file.to_string_lossy().into_owned())
        }
    };
    let branch = || begin.branch.clone();
    let workspace = begin
        .workspace
        .as_deref()
        .map(|folder| workspace(folder).map(|path| Folder { id: None, path, branch: branch() }));
    Ok(Beginning {
        plan: plan.to_owned(),
        file,
        inputs: given::all(&begin.inputs)?,
        workspace: workspace.transpose()?,
        dry_run: begin.dry_run,
    })
}

/// The folder as everybody on this machine calls it.
fn workspace(folder: &Path) -> Result<String, Error> {
    let unfit = |why: String| Error::Workspace { path: folder.to_owned(), why };
    let whole = folder.canonicalize().map_err(|error| unfit(error.to_string()))?;
    if !whole.is_dir() {
        return Err(unfit("it is a file: name the folder that it lies in".to_owned()));
    }
    let text = whole.to_str().map(str::to_owned);
    text.ok_or_else(|| unfit("its name is no text in UTF-8".to_owned()))
}

/// The same with the name of the plan before each of its faults.
fn told(error: Error, path: &Path, plan: &[u8]) -> Error {
    let name = match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let error =
        if let Error::TooBig(message) = error { text::too_big(message, plan) } else { error };
    let Error::Faults(faults) = error else { return error };
    Error::Faults(faults.into_iter().map(|fault| format!("{name}: {fault}")).collect())
}
