//! `kill -9` in the middle of plans, and a second process on the same folder.
//!
//! Honest because the world is asked and not the node: every use of the tool is a line in a file
//! outside the journal, with its key and the moment. What the second process did, when it did it,
//! and what was lost or done twice follows from those lines; the journal is only asked, once
//! everything is over, whether it agrees.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::ensure;
use domain::records::State;
use runtime::durable::past;
use work::plan::{Ending, Event, Plan};

use super::effects::Effects;
use super::load::each;
use super::plans::STEPS;
use super::stage::{Stage, wall_us};
use super::tools::{One, Sink};
use super::{all, briefs};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};
use crate::running::Running;

/// Of a hundred steps so many are done when the process is killed.
const DONE_PERCENT: usize = 30;
/// Steps between two lines of the process that is to be killed.
const TELL_EVERY: u64 = 20;
/// Neither half takes nearly as long.
const WITHIN: Duration = Duration::from_secs(60);
/// When nothing has closed for so long, all may be closed.
const QUIET: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(50);

// --- in processes of their own ---

/// Opens all plans, lets their steps begin once all are acknowledged, and waits to be killed.
pub(crate) async fn victim(folder: &Path, sink: &Path, plans: usize) -> anyhow::Result<Figures> {
    let sink = Sink::open(sink, TELL_EVERY)?;
    let stage = Arc::new(Stage::new(folder, Arc::new(One(Arc::clone(&sink)))).await?);
    let opener = Arc::clone(&stage);
    each(plans, plans, move |_| {
        let stage = Arc::clone(&opener);
        async move { stage.open(briefs::in_sequence(STEPS)).await.map(|_| ()) }
    })
    .await?;
    sink.begin();
    tokio::time::sleep(WITHIN).await;
    anyhow::bail!("nobody has killed this process")
}

/// Carries on until no plan is open.
pub(crate) async fn heir(folder: &Path, sink: &Path, plans: usize) -> anyhow::Result<Figures> {
    let sink = Sink::open(sink, u64::MAX)?;
    sink.begin();
    let stage = Stage::new(folder, Arc::new(One(sink))).await?;
    let ready_at_us = wall_us();
    let until = Instant::now() + WITHIN;
    let mut open = usize::MAX;
    while open > 0 && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        let closed_at_us = stage.journal.counts.closed_at_us.load(Ordering::Relaxed);
        let quiet_us = wall_us().saturating_sub(closed_at_us.max(ready_at_us));
        if Duration::from_micros(quiet_us) > QUIET {
            open = stage.plans(Some(State::Open)).await?.len();
        }
    }
    let closed_at_us = stage.journal.counts.closed_at_us.load(Ordering::Relaxed);
    let recorded = recorded(&stage).await?;
    stage.stop().await;
    let steps = (plans * STEPS) as f64;
    Ok(Figures::from([
        ("ready_at_us", ready_at_us as f64),
        ("closed_at_us", closed_at_us as f64),
        ("open", open as f64),
        ("unrecorded", (steps - recorded).abs()),
    ]))
}

/// The steps that the journal says were done.
async fn recorded(stage: &Stage) -> anyhow::Result<f64> {
    let mut steps = 0_u32;
    for plan in stage.plans(None).await? {
        let history = past::<Plan>(&*stage.journal, plan).await;
        for past in history.map_err(|error| anyhow::anyhow!(error))? {
            if let Event::Ended(ended) = past.event {
                steps += u32::from(matches!(ended.ending, Ending::Done(_)));
            }
        }
    }
    Ok(f64::from(steps))
}

// --- the one that kills ---

/// Who is killed and who comes after, of whatever make.
pub(super) trait Family {
    fn victim(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running>;

    fn heir(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running>;
}

/// One crash with so many plans, and what came of it.
pub(super) fn crash(family: &mut dyn Family, plans: usize) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let sink = folder.path().join("sink");
    let enough = plans * STEPS * DONE_PERCENT / 100;
    let victim = family.victim(&sink, plans)?;
    let is_enough = |line: &str| line.parse().is_ok_and(|done: usize| enough <= done);
    victim.hear(is_enough, WITHIN)?;
    victim.kill()?;
    let before = Effects::read(&sink)?;

    let spawned_at_us = wall_us();
    let heir = family.heir(&sink, plans)?;
    let told = heir.hear(|line| line.starts_with('{'), WITHIN * 2)?;
    drop(heir);
    let told: Figures = serde_json::from_str(&told)?;
    let after = Effects::read(&sink)?.after(&before);
    let since = |at_us: f64| (at_us - spawned_at_us as f64) / 1_000_000.0;
    let expected = plans * STEPS;
    ensure!(after.count() > 0, "nothing has happened since the crash");
    ensure!(before.count() < expected, "all steps were done before the crash");
    let known = before.and(&after);
    Ok(Figures::from([
        ("left", (expected - before.distinct()) as f64),
        ("ready_s", since(told.get("ready_at_us")?)),
        ("first_s", since(after.first_new_at_us(&before))),
        ("running_s", since(after.last_plan_at_us(&before, STEPS))),
        ("closed_s", since(told.get("closed_at_us")?)),
        ("open", told.get("open")?),
        ("lost", expected.saturating_sub(known.of_steps(STEPS)) as f64),
        ("doubled", known.distinct().saturating_sub(known.of_steps(STEPS).min(expected)) as f64),
        ("repeats", (known.count() - known.distinct()) as f64),
        ("unrecorded", told.get("unrecorded")?),
    ]))
}

/// Ours: a folder for each crash.
struct Ours<'a> {
    bench: &'a Bench,
}

impl Ours<'_> {
    fn start(&self, who: &str, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        let folder = sink.with_file_name("store");
        std::fs::create_dir_all(&folder)?;
        self.bench.start(&format!("{who} {} {} {plans}", folder.display(), sink.display()))
    }
}

impl Family for Ours<'_> {
    fn victim(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        self.start("victim", sink, plans)
    }

    fn heir(&mut self, sink: &Path, plans: usize) -> anyhow::Result<Running> {
        self.start("heir", sink, plans)
    }
}

pub(super) fn rows(
    bench: &Bench,
    rounds: usize,
    mut peer: Option<&mut dyn Family>,
) -> anyhow::Result<Vec<Row>> {
    let (mut few, mut more, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        few.push(crash(&mut Ours { bench }, 200)?);
        more.push(crash(&mut Ours { bench }, 500)?);
        if let Some(peer) = &mut peer {
            theirs.push(crash(*peer, 200)?);
        }
    }
    let one = |name: &str| all(&few, name).map(|values| median(&values));
    let worst = |name: &str| -> anyhow::Result<f64> {
        let values = [all(&few, name)?, all(&more, name)?].concat();
        Ok(values.into_iter().fold(0.0, f64::max))
    };
    let none = Some(Bar::AtMost(0.0));
    let what = |what: &str| format!("kill -9, 200 plans: {what}");
    let running = median(&all(&more, "running_s")?);
    let mut rows = vec![
        Row::alone(&what("steps that were left"), "", one("left")?, None),
        Row::alone(&what("start → ready"), "s", one("ready_s")?, None),
        Row::alone(&what("start → first new step"), "s", one("first_s")?, Some(Bar::AtMost(0.15))),
        Row::alone(&what("start → all closed"), "s", one("closed_s")?, Some(Bar::AtMost(0.5))),
        Row::alone("kill -9, 500 plans: all under way", "s", running, Some(Bar::AtMost(2.0))),
        Row::alone("kill -9: plans left open, at most", "", worst("open")?, none),
        Row::alone("kill -9: steps lost, at most", "", worst("lost")?, none),
        Row::alone("kill -9: effects doubled, at most", "", worst("doubled")?, none),
        Row::alone("kill -9: steps not recorded once, at most", "", worst("unrecorded")?, none),
        Row::alone("kill -9, 200 plans: repeats under one key", "", one("repeats")?, None),
    ];
    if !theirs.is_empty() {
        for (name, figure) in [("first new step", "first_s"), ("all closed", "closed_s")] {
            let (ours, theirs) = (all(&few, figure)?, all(&theirs, figure)?);
            let what = what(&format!("start → {name}"));
            rows.push(Row::beside(&what, "s", &ours, "DBOS", &theirs, None));
        }
        let repeats = (all(&few, "repeats")?, all(&theirs, "repeats")?);
        let what = what("repeats under one key");
        rows.push(Row::beside(&what, "", &repeats.0, "DBOS", &repeats.1, None));
    }
    Ok(rows)
}
