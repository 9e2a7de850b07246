//! What a session costs that has nothing to do, and what a shell costs that is seated.
//!
//! Honest because the process has done as much of the same before anything is counted: caches of
//! the store and of the allocator are full by then, and what grows after that is due to the number.
//! A shell without a step is one that waits for a permit that somebody else never gives back; its
//! place in that line is part of the figure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::briefs;
use super::load::each;
use super::stage::Stage;
use super::tools::{One, Patient};
use super::usage::resident_mib;
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row};

const AT_ONCE: usize = 64;
/// Turns that fill the caches before shells are counted.
const WARM: usize = 5_000;
/// Memory that is not used any more has gone back by then.
const SETTLED: Duration = Duration::from_secs(2);
const SEATED_WITHIN: Duration = Duration::from_secs(60);
const BYTES_PER_MIB: f64 = 1_048_576.0;

/// Sessions of one turn that is answered: rows, and nobody.
pub(crate) async fn idle(warm: usize, count: usize) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let stage = Arc::new(Stage::new(folder.path(), tool()).await?);
    turns(&stage, warm).await?;
    let before = settled(&stage, 0).await?;
    turns(&stage, count).await?;
    let after = settled(&stage, 0).await?;
    stage.stop().await;
    Ok(Figures::from([("bytes_each", (after - before) * BYTES_PER_MIB / count as f64)]))
}

/// Plans whose one step never ends, or never begins because another one is first in line.
pub(crate) async fn seated(count: usize, in_line: bool) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let stage = Arc::new(Stage::new(folder.path(), tool()).await?);
    turns(&stage, WARM).await?;
    let brief = match in_line {
        true => briefs::for_ever_in_line(),
        false => briefs::for_ever(),
    };
    // The first one is at work in either case.
    stage.open(brief.clone()).await?;
    let before = settled(&stage, 1).await?;
    let opener = Arc::clone(&stage);
    each(count, AT_ONCE, move |_| {
        let (stage, brief) = (Arc::clone(&opener), brief.clone());
        async move { stage.open(brief).await.map(|_| ()) }
    })
    .await?;
    let after = settled(&stage, count + 1).await?;
    stage.stop().await;
    Ok(Figures::from([("bytes_each", (after - before) * BYTES_PER_MIB / count as f64)]))
}

fn tool() -> Arc<One<Patient>> {
    Arc::new(One(Arc::new(Patient)))
}

async fn turns(stage: &Arc<Stage>, count: usize) -> anyhow::Result<()> {
    let stage = Arc::clone(stage);
    each(count, AT_ONCE, move |_| {
        let stage = Arc::clone(&stage);
        async move {
            let (_, replied) = stage.say(briefs::in_sequence(1)).await?;
            Ok(replied.await?)
        }
    })
    .await
}

/// The memory once so many are seated, and nothing moves any more.
async fn settled(stage: &Stage, seated: usize) -> anyhow::Result<f64> {
    let until = Instant::now() + SEATED_WITHIN;
    while stage.seated() != seated {
        let count = stage.seated();
        ensure!(Instant::now() < until, "{count} entities are seated, and not {seated}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(SETTLED).await;
    resident_mib()
}

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let idle = bench.part("idle-sessions 40000 40000")?.get("bytes_each")?;
    let shell = bench.part("seated 2000 --in-line")?.get("bytes_each")? / 1_024.0;
    let both = bench.part("seated 2000")?.get("bytes_each")? / 1_024.0;
    let most = |most| Some(Bar::AtMost(most));
    Ok(vec![
        Row::alone("a session without a turn: memory", "bytes", idle, most(100.0)),
        Row::alone("a shell in line for a permit: memory", "KiB", shell, most(12.0)),
        Row::alone("a shell and its step: memory", "KiB", both, None),
    ])
}
