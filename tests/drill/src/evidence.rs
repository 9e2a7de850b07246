//! Gathering what a drill has left behind, once no process of it is left.

use std::path::Path;

use domain::id::Kind;
use domain::journal::{Journal, Seq};
use domain::records::{Entry, Query, Records};
use domain::wire::Written;
use runtime::durable::{Replayed, replay};
use store::Sqlite;
use work::plan::{Event, Plan};

use crate::check::{Evidence, Happened, Record};
use crate::node::TRAIL;
use crate::{ledger, trail};

/// Entities that one look brings.
const PAGE: u32 = 256;
/// Longer than any history of the drill.
const EVENTS: u32 = 10_000;

/// From the folder of a node that does not run any more, and the file of the ledger.
pub fn gather(folder: &Path, ledger: &Path) -> anyhow::Result<Evidence> {
    let sqlite = Sqlite::open(folder, &store::Options::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut evidence = Evidence {
        ledger: if ledger.exists() { ledger::read(ledger)? } else { Vec::new() },
        trail: trail::read(&folder.join(TRAIL))?,
        left_over: left_over(folder)?,
        ..Evidence::default()
    };
    runtime.block_on(async {
        let mut before = None;
        loop {
            let query = Query { kind: Some(Kind::Plan), before, ..Query::default() };
            let page = sqlite.entities(query, PAGE).await?;
            let Some(last) = page.last() else { return Ok(evidence) };
            before = Some(last.place);
            for entry in page {
                evidence.plans.insert(entry.entity, record(&sqlite, &entry).await);
            }
        }
    })
}

async fn record(journal: &dyn Journal, entry: &Entry) -> Record {
    let read = journal.history(entry.entity, Seq(0), EVENTS).await;
    let history = read.map_err(|error| error.to_string()).and_then(|events| {
        let happened = events.into_iter().map(|recorded| {
            let event = Event::read(&recorded.body).map_err(|error| error.to_string())?;
            Ok(Happened { seq: recorded.seq.0, epoch: recorded.epoch.0, event })
        });
        happened.collect::<Result<Vec<_>, String>>()
    });
    let differs = match replay::<Plan>(journal, entry.entity).await {
        Ok(Replayed::Same { .. }) => None,
        Ok(different @ Replayed::Different { .. }) => Some(format!("{different:?}")),
        Err(error) => Some(error.to_string()),
    };
    Record { state: entry.state, history, differs }
}

/// Processes that were started on this folder and still live.
fn left_over(folder: &Path) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ends meanwhile is not left.
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&line);
        let is_named = arguments.split('\0').any(|argument| Path::new(argument) == folder);
        if is_named && pid != std::process::id() {
            found.push(pid);
        }
    }
    Ok(found)
}
