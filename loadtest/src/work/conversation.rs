//! A long conversation: what it takes on the disk, and how fast it is decided again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::id::{Address, Kind};
use domain::records::{Query, Records};
use runtime::durable::{Replayed, replay};
use store::Sqlite;
use work::plan::Plan;
use work::session::Session;

use super::stage::Stage;
use super::tools::{One, Talkative};
use super::{all, briefs};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};

const TURNS: usize = 100;
/// What the tool says in each turn: some 2 000 tokens.
const BYTES: usize = 8_192;
const TURN_WITHIN: Duration = Duration::from_secs(20);
const PAGE: u32 = 4_096;
/// The file of the journal in its folder.
const FILE: &str = "lares.db";

/// One session, one turn after the other.
pub(crate) async fn talk(folder: &Path, turns: usize, bytes: usize) -> anyhow::Result<Figures> {
    let tool = Arc::new(Talkative { bytes, said: AtomicU64::new(0) });
    let stage = Stage::new(folder, Arc::new(One(Arc::clone(&tool)))).await?;
    let mut session = None;
    for turn in 1..=turns {
        let brief = briefs::in_sequence(1);
        let replied = match session {
            Some(session) => stage.say_more(session, brief).await?,
            None => {
                let (address, replied) = stage.say(brief).await?;
                session = Some(address);
                replied
            }
        };
        let replied = tokio::time::timeout(TURN_WITHIN, replied).await;
        replied.with_context(|| format!("turn {turn} was not answered"))??;
    }
    stage.stop().await;
    Ok(Figures::from([("said", tool.said.load(Ordering::Relaxed) as f64)]))
}

/// Opens what was said, which writes back whatever the WAL holds, and decides all of it again.
pub(crate) async fn recall(folder: &Path) -> anyhow::Result<Figures> {
    let sqlite = Sqlite::open(folder, &store::Options::default())?;
    let bytes = std::fs::metadata(folder.join(FILE))?.len();
    let wal = std::fs::metadata(folder.join(format!("{FILE}-wal"))).map_or(0, |file| file.len());
    ensure!(wal == 0, "the WAL still holds {wal} bytes");
    let sessions = addresses(&sqlite, Kind::Session).await?;
    let plans = addresses(&sqlite, Kind::Plan).await?;
    let began = Instant::now();
    let mut differ = 0;
    for session in &sessions {
        differ += u32::from(!is_same(replay::<Session>(&sqlite, *session).await));
    }
    for plan in &plans {
        differ += u32::from(!is_same(replay::<Plan>(&sqlite, *plan).await));
    }
    Ok(Figures::from([
        ("bytes", bytes as f64),
        ("replay_s", began.elapsed().as_secs_f64()),
        ("plans", plans.len() as f64),
        ("differ", f64::from(differ)),
    ]))
}

async fn addresses(sqlite: &Sqlite, kind: Kind) -> anyhow::Result<Vec<Address>> {
    let query = Query { kind: Some(kind), ..Query::default() };
    let entries = sqlite.entities(query, PAGE).await?;
    Ok(entries.iter().map(|entry| entry.entity).collect())
}

fn is_same<E>(replayed: Result<Replayed, E>) -> bool {
    matches!(replayed, Ok(Replayed::Same { .. }))
}

pub(super) fn rows(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut said, mut recalled) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = tempfile::tempdir_in(".")?;
        let path = folder.path().display();
        said.push(bench.part(&format!("talk {path} {TURNS} {BYTES}"))?);
        recalled.push(bench.part(&format!("recall {path}"))?);
    }
    let plans = all(&recalled, "plans")?;
    ensure!(plans.iter().all(|plans| *plans == TURNS as f64), "not every turn has a plan");
    let one = |name: &str| all(&recalled, name).map(|values| median(&values));
    let (bytes, said) = (one("bytes")?, median(&all(&said, "said")?));
    let differ = all(&recalled, "differ")?.into_iter().fold(0.0, f64::max);
    let what = |what: &str| format!("100 turns of 8 KiB: {what}");
    let most = |most| Some(Bar::AtMost(most));
    Ok(vec![
        Row::alone(&what("the journal"), "MB", bytes / 1_000_000.0, most(5.0)),
        Row::alone(&what("the journal"), "× what was said", bytes / said, most(3.0)),
        Row::alone(&what("all decided again"), "s", one("replay_s")?, most(1.0)),
        Row::alone(&what("decided differently, at most"), "", differ, most(0.0)),
    ])
}
