//! `lares run export`: all that is kept of a run, as files.
//!
//! They are written into a folder beside, which takes the name that was asked for when it is whole:
//! whatever has that name is an export from end to end.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use domain::id::Address;
use domain::run::Run;
use domain::token::Token;
use domain::tool::Content;
use serde::Serialize;
use serde_json::json;

use self::folder::Folder;
use self::lines::Lines;
use super::path;
use crate::ask::Ask;
use crate::client::Client;
use crate::{Error, Exit, place, text};

mod folder;
mod lines;

#[derive(Debug, Clone, Args)]
pub(super) struct Export {
    /// As `lares runs` lists it
    id: Address,
    /// The folder to make; one that is there must be empty
    folder: PathBuf,
    #[command(flatten)]
    ask: Ask,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    folder: PathBuf,
    events: u64,
    artifacts: u64,
}

/// Events that one look at a timeline brings.
const PAGE: u64 = 1_000;
/// What the artifact is called that says which files a model was shown.
const CONTEXT_PACK: &str = "context_pack";

pub(super) async fn run(
    export: Export,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Export { id, folder, ask } = export;
    // All of it is read, however long that takes.
    let client = ask.patient_client(token)?;
    let run: Run = client.get(&path(id, "")).await?;
    let part = Folder::begin(&folder)?;
    let (events, artifacts) = match fill(&part, &client, &run).await {
        Ok(written) => written,
        Err(error) => {
            part.discard();
            return Err(error);
        }
    };
    part.finish()?;
    ask.show(&Written { folder, events, artifacts }, tell, out)
}

fn tell(written: &Written) -> String {
    let Written { folder, events, artifacts } = written;
    format!("{}: {events} events, {artifacts} artifacts\n", folder.display())
}

async fn fill(part: &Folder, client: &Client, run: &Run) -> Result<(u64, u64), Error> {
    part.keep("run.json", text::json(run)?.as_bytes())?;
    // As long as nothing else decides.
    let policy = json!({"policy": "token_bearer"});
    part.keep("policy_snapshot.json", text::json(&policy)?.as_bytes())?;
    let plan = client.bytes(&path(run.id, "/plan")).await?;
    part.keep(plan_file(&plan), &plan)?;
    let events = timeline(part, client, run).await?;
    let artifacts = artifacts(part, client, run).await?;
    Ok((events, artifacts))
}

/// Scripts are JSON, and what else people write is YAML.
fn plan_file(plan: &[u8]) -> &'static str {
    match plan.trim_ascii_start().first() {
        Some(b'{') => "plan.json",
        Some(_) | None => "plan.yaml",
    }
}

/// Up to the event at which the run was looked at, so that all files are of one moment.
async fn timeline(part: &Folder, client: &Client, run: &Run) -> Result<u64, Error> {
    let mut file = part.create("timeline.jsonl")?;
    let mut lines = Lines::default();
    while lines.last() < run.seq {
        let (after, limit) = (lines.last(), PAGE.min(run.seq - lines.last()));
        let query = place::query(&[("after", after.to_string()), ("limit", limit.to_string())]);
        let page = path(run.id, &format!("/timeline?{query}"));
        let take = |bytes: &[u8]| {
            lines.hear(bytes);
            file.append(bytes)
        };
        client.copy(&page, take).await?;
        if lines.last() <= after {
            let why = format!("the node has no event after {after} of {}: ask again", run.id);
            return Err(Error::NotNow(why));
        }
    }
    file.finish()?;
    Ok(lines.count())
}

/// Everything that its steps have brought beside their outputs, each under the hash of what it holds.
async fn artifacts(part: &Folder, client: &Client, run: &Run) -> Result<u64, Error> {
    let mut pack = None;
    let mut kept = Vec::new();
    for attachment in run.steps.iter().flat_map(|step| &step.attachments) {
        let Content::Kept { blob, .. } = &attachment.content else { continue };
        if attachment.name == CONTEXT_PACK {
            pack = Some(blob);
        }
        if !kept.contains(&blob) {
            kept.push(blob);
        }
    }
    part.create_folder("artifacts")?;
    for blob in &kept {
        fetch(part, client, run, blob, &format!("artifacts/{blob}")).await?;
    }
    match pack {
        Some(blob) => fetch(part, client, run, blob, "context_pack.json").await?,
        None => {
            let none = json!({"version": 1, "files": [], "left_out": []});
            part.keep("context_pack.json", text::json(&none)?.as_bytes())?;
        }
    }
    Ok(kept.len() as u64)
}

async fn fetch(
    part: &Folder,
    client: &Client,
    run: &Run,
    blob: &str,
    name: &str,
) -> Result<(), Error> {
    // It becomes the name of a file.
    if !blob.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::NotNow(format!("`{}` is no name of an artifact", text::clean(blob))));
    }
    let mut file = part.create(name)?;
    client.copy(&path(run.id, &format!("/artifacts/{blob}")), |bytes| file.append(bytes)).await?;
    file.finish()
}
