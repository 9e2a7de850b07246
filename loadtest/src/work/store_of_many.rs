//! A start on a store with many in it, of whom few have something to do.
//!
//! The folder is filled by a node of its own, through the posts that doors send, and is kept for
//! all rounds. Before each of them a process in which nobody runs puts plans into it, so that work
//! waits for the one that is measured.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::ensure;
use domain::id::{Address, Id, Kind};
use domain::journal::{Journal, Post, Posted};
use domain::time::Clock;
use domain::wire::Written;
use runtime::SystemClock;
use store::Sqlite;
use work::plan::Post as PlanPost;

use super::load::each;
use super::plans::STEPS;
use super::stage::{Random, Stage, wall_us};
use super::tools::{One, Plain};
use super::usage::{cpu_us, resident_mib, resident_mib_max};
use super::{all, briefs};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};

const SESSIONS: usize = 100_000;
/// That wait for a moment far away.
const WAITING: usize = 9_900;
/// That have work.
const BUSY: usize = 100;
const FAR_AWAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const AT_ONCE: usize = 256;
const FILLED_WITHIN: Duration = Duration::from_secs(900);
const DONE_WITHIN: Duration = Duration::from_secs(60);
/// Longer than the house needs to look at everybody.
const SETTLED: Duration = Duration::from_secs(3);
/// Two looks of the house for somebody who was forgotten.
const WATCHED: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const PAGE: u32 = 4_096;

/// Sessions with one turn that is answered, and plans that wait.
pub(crate) async fn fill(folder: &Path, sessions: usize, plans: usize) -> anyhow::Result<Figures> {
    let began = Instant::now();
    let stage = Arc::new(Stage::new(folder, Arc::new(One(Arc::new(Plain::default())))).await?);
    let speaker = Arc::clone(&stage);
    each(sessions, AT_ONCE, move |_| {
        let stage = Arc::clone(&speaker);
        async move {
            let (_, replied) = stage.say(briefs::in_sequence(1)).await?;
            Ok(replied.await?)
        }
    })
    .await?;
    let opener = Arc::clone(&stage);
    each(plans, AT_ONCE, move |_| {
        let stage = Arc::clone(&opener);
        async move { stage.open(briefs::after(FAR_AWAY, 1)).await.map(|_| ()) }
    })
    .await?;
    let mut waiting = waiting(&*stage.journal).await?;
    while waiting != (plans, 0) {
        ensure!(began.elapsed() < FILLED_WITHIN, "(waiting, busy) stays at {waiting:?}");
        tokio::time::sleep(LOOK_EVERY * 20).await;
        waiting = self::waiting(&*stage.journal).await?;
    }
    stage.stop().await;
    Ok(Figures::from([("took_s", began.elapsed().as_secs_f64())]))
}

/// How many wait for a moment, and how many have something to do.
async fn waiting(journal: &dyn Journal) -> anyhow::Result<(usize, usize)> {
    let (mut later, mut now, mut after) = (0, 0, None);
    loop {
        let due = journal.due(Id::from_bytes([0; 16]), after, PAGE).await?;
        later += due.iter().filter(|due| due.at.is_some()).count();
        now += due.iter().filter(|due| due.at.is_none()).count();
        let Some(last) = due.last() else { return Ok((later, now)) };
        after = Some(last.entity);
    }
}

/// Plans that nobody has heard of yet.
pub(crate) async fn feed(folder: &Path, plans: usize) -> anyhow::Result<Figures> {
    let sqlite = Sqlite::open(folder, &store::Options::default())?;
    let (clock, dice) = (SystemClock::new(), Random::new());
    for _ in 0..plans {
        let now = clock.now();
        let to = Address { kind: Kind::Plan, id: Id::roll(now, &dice) };
        let body = PlanPost::Open(briefs::in_sequence(STEPS)).write();
        let post = Post { to, key: "open".into(), from: None, opens: true, body, at: now };
        ensure!(matches!(sqlite.post(post).await?, Posted::Taken(_)), "a post was not taken");
    }
    Ok(Figures::from([]))
}

/// Starts on the folder; returns when so many plans are closed and everybody was looked at.
pub(crate) async fn start(folder: &Path, plans: u64) -> anyhow::Result<Figures> {
    let plain = Arc::new(Plain::default());
    let stage = Stage::new(folder, Arc::new(One(Arc::clone(&plain)))).await?;
    let ready_at_us = wall_us();
    let until = Instant::now() + DONE_WITHIN;
    let counts = &stage.journal.counts;
    while counts.closed.load(Ordering::Relaxed) < plans {
        let closed = counts.closed.load(Ordering::Relaxed);
        ensure!(Instant::now() < until, "{closed} of {plans} plans are closed");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tokio::time::sleep(SETTLED).await;
    let (before, began) = (cpu_us().unwrap_or(f64::NAN), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let busy_us = cpu_us().unwrap_or(f64::NAN) - before;
    let busy_percent = busy_us / began.elapsed().as_secs_f64() / 10_000.0;
    let (rss, rss_max) = (resident_mib()?, resident_mib_max()?);
    let first_at_us = plain.first_at_us().unwrap_or(u64::MAX);
    let closed_at_us = counts.closed_at_us.load(Ordering::Relaxed);
    stage.stop().await;
    Ok(Figures::from([
        ("ready_at_us", ready_at_us as f64),
        ("first_at_us", first_at_us as f64),
        ("closed_at_us", closed_at_us as f64),
        ("busy_percent", busy_percent),
        ("rss_mib", rss),
        ("rss_max_mib", rss_max),
    ]))
}

pub(super) fn rows(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(".")?;
    let path = folder.path().display();
    bench.part_within(&format!("fill {path} {SESSIONS} {WAITING}"), FILLED_WITHIN)?;
    let mut figures = Vec::new();
    for _ in 0..rounds {
        bench.part(&format!("feed {path} {BUSY}"))?;
        let spawned_at_us = wall_us() as f64;
        let started = bench.part(&format!("start-on-many {path} {BUSY}"))?;
        let since = |name: &str| -> anyhow::Result<f64> {
            Ok((started.get(name)? - spawned_at_us) / 1_000_000.0)
        };
        // What the system calls a megabyte is a million bytes.
        let mb = |name: &str| started.get(name).map(|mib| mib * 1.048_576);
        figures.push(Figures::from([
            ("ready_s", since("ready_at_us")?),
            ("first_s", since("first_at_us")?),
            ("closed_s", since("closed_at_us")?),
            ("busy_percent", started.get("busy_percent")?),
            ("rss_mb", mb("rss_mib")?),
            ("rss_max_mb", mb("rss_max_mib")?),
        ]));
    }
    let one = |name: &str| all(&figures, name).map(|values| median(&values));
    let what = |what: &str| format!("100 000 sessions, 10 000 plans: {what}");
    let most = |most| Some(Bar::AtMost(most));
    Ok(vec![
        Row::alone(&what("start → ready"), "s", one("ready_s")?, most(1.0)),
        Row::alone(&what("start → first step"), "s", one("first_s")?, most(0.5)),
        Row::alone(&what("start → all that had work closed"), "s", one("closed_s")?, None),
        Row::alone(&what("of a core, at rest"), "%", one("busy_percent")?, None),
        Row::alone(&what("memory"), "MB", one("rss_mb")?, most(150.0)),
        Row::alone(&what("memory at its most"), "MB", one("rss_max_mb")?, None),
    ])
}
