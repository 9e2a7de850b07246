//! Two writers of one plan: the first is superseded, does not know it, and writes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use domain::id::Id;
use domain::journal::{Append, Claim, Journal, Post, Seq};
use domain::mutants::{self, Mutant};
use domain::time::Timestamp;
use domain::wire::Written;
use store::Sqlite;
use work::plan::{Event, Post as PlanPost};

use crate::node::{self, TRAIL};
use crate::script;
use crate::trail::{Trail, Trailed};

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Holds the store and the trail.
    #[arg(long)]
    pub folder: PathBuf,
    /// A promise that the store breaks.
    #[arg(long, value_parser = node::mutant)]
    pub mutant: Option<Mutant>,
}

/// What was acknowledged to whom is in the trail afterwards.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(mutant) = options.mutant {
        mutants::become_one(mutant);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(write(&options.folder))
}

async fn write(folder: &Path) -> anyhow::Result<()> {
    let journal: Arc<dyn Journal> = Arc::new(Sqlite::open(folder, &store::Options::default())?);
    let journal = Trailed { journal, trail: Trail::open(&folder.join(TRAIL))? };
    let (plan, at) = (script::plan(1), Timestamp::from_millis(1));
    let id = |number: u8| Id::from_bytes([number; 16]);
    let cancel = PlanPost::Cancel(work::plan::Cancel { reason: "a test".to_owned() }).write();
    let post = Post { to: plan, key: "k".into(), from: None, opens: true, body: cancel, at };
    journal.post(post).await?;
    let claim = |boot| journal.claim(Claim { entity: plan, boot: id(boot), format: 1 });
    let closed =
        work::plan::Closed { outcome: work::plan::Outcome::Completed, reason: None, left: vec![] };
    let events = vec![Event::Closed(closed).write()];
    let one = claim(1).await?.context("the first claim")?;
    let two = claim(2).await?.context("the second claim")?;
    if one.epoch >= two.epoch {
        return Err(anyhow!("the second claim raises no epoch"));
    }
    let late = Append { events, ..Append::new(id(3), plan, one.epoch, Seq(0), at) };
    journal.append(Arc::new(late)).await?;
    Ok(())
}
