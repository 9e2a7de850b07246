//! `lares run PLAN`: begins a run of a plan, or tells what one would do.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::run::Rehearsal;
use domain::token::Token;

use super::given::{self, Given};
use super::{rehearsal, submit, text};
use crate::ask::Ask;
use crate::{Error, Exit, place};

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
    let place = format!("/v1/runs?{}", query(&begin, &path)?);
    let client = begin.ask.client(token.clone())?;
    if begin.dry_run {
        let rehearsal = client.post(&place, plan.clone(), None).await;
        let rehearsal: Rehearsal = rehearsal.map_err(|error| told(error, &path, &plan))?;
        return begin.ask.show(&rehearsal, rehearsal::tell, out);
    }
    let opened = submit::submit(&client, &place, plan.clone(), begin.key).await;
    let opened = opened.map_err(|error| told(error, &path, &plan))?;
    submit::tell(opened, begin.follow, begin.ask, token, out).await
}

/// What a node takes of it, with room for the rest of the head of a request.
const QUERY_BYTES_MAX: usize = 60 << 10;

/// What goes along with the text of the plan.
fn query(begin: &Begin, path: &Path) -> Result<String, Error> {
    let mut pairs = Vec::new();
    for (name, value) in given::all(&begin.inputs)? {
        pairs.push(("input", format!("{name}={value}")));
    }
    if path != Path::new("-") {
        let file = std::path::absolute(path)
            .map_err(|source| Error::Nowhere { path: path.to_owned(), source })?;
        pairs.push(("file", file.to_string_lossy().into_owned()));
    }
    if let Some(folder) = &begin.workspace {
        pairs.push(("workspace", workspace(folder)?));
    }
    if let Some(branch) = &begin.branch {
        pairs.push(("branch", branch.clone()));
    }
    if begin.dry_run {
        pairs.push(("dry_run", true.to_string()));
    }
    let query = place::query(&pairs);
    match query.len() <= QUERY_BYTES_MAX {
        true => Ok(query),
        false => Err(Error::TooBig(format!(
            "what the run is given takes {} bytes in a request, and {QUERY_BYTES_MAX} is the \
             most: name files in it",
            query.len()
        ))),
    }
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
