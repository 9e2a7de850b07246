//! Many moments to wait for: each comes once, and how late.
//!
//! Both moments are the journal's own: the one that a step was begun to wait until, and the one
//! of the turn that ended it. The append of that turn is not in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::ensure;
use domain::id::Address;
use domain::time::{Dice, Timestamp};
use hdrhistogram::Histogram;
use runtime::durable::past;
use tokio::sync::oneshot;
use work::plan::{Ending, Event, Plan};

use super::briefs;
use super::load::each;
use super::stage::{Random, Stage, lock};
use super::tools::{One, Plain};
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row};

const COUNT: usize = 10_000;
const WITHIN_S: u64 = 60;
const AT_ONCE: usize = 256;
/// After the last moment.
const LATE_MAX: Duration = Duration::from_secs(60);
/// So late is nobody whose own timer has rung: the house found it when it looked at everybody.
const MISSED: Duration = Duration::from_secs(1);

pub(crate) async fn ours(count: usize, within_s: u64) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let figures = wait(folder.path(), count, Duration::from_secs(within_s)).await;
    drop(folder);
    figures
}

async fn wait(folder: &Path, count: usize, within: Duration) -> anyhow::Result<Figures> {
    let stage = Arc::new(Stage::new(folder, Arc::new(One(Arc::new(Plain::default())))).await?);
    let began = Instant::now();
    let dice = Arc::new(Random::new());
    let ends: Arc<Mutex<Vec<oneshot::Receiver<()>>>> = Arc::default();
    let (opener, keeper) = (Arc::clone(&stage), Arc::clone(&ends));
    let span_ms = u64::try_from(within.as_millis())?;
    each(count, AT_ONCE, move |_| {
        let (stage, ends, dice) = (Arc::clone(&opener), Arc::clone(&keeper), Arc::clone(&dice));
        async move {
            let pause = Duration::from_millis(1 + dice.roll() % span_ms);
            let end = stage.open(briefs::after(pause, 0)).await?;
            lock(&ends).push(end);
            Ok(())
        }
    })
    .await?;
    let opened_s = began.elapsed().as_secs_f64();
    let ends = std::mem::take(&mut *lock(&ends));
    let all = async {
        for end in ends {
            // One that is never told is found below.
            let _ = end.await;
        }
    };
    let in_time = tokio::time::timeout(within + LATE_MAX, all).await.is_ok();
    ensure!(in_time, "some have not come {LATE_MAX:?} after the last moment");
    let figures = look(&stage, count).await?;
    stage.stop().await;
    let [astray, missed, p50, p99, max, heard] = figures;
    Ok(Figures::from([
        ("opened_s", opened_s),
        ("astray", astray),
        ("missed", missed),
        ("p50_ms", p50),
        ("p99_ms", p99),
        ("max_ms", max),
        ("heard_ms_max", heard),
    ]))
}

/// Those that did not fire once, and the lateness of all.
async fn look(stage: &Stage, count: usize) -> anyhow::Result<[f64; 6]> {
    let mut late_ms = Histogram::<u64>::new(3)?;
    let (mut once, mut missed, mut heard_ms_max) = (0, 0_u32, 0);
    for plan in stage.plans(None).await? {
        let history = past::<Plan>(&*stage.journal, plan).await;
        let mut until = Timestamp::default();
        let mut fired = 0;
        for past in history.map_err(|error| anyhow::anyhow!(error))? {
            if let Event::Begun(begun) = &past.event {
                until = begun.until;
                let heard = past.at.since(made_at(plan)).as_millis();
                heard_ms_max = heard_ms_max.max(heard);
            }
            if let Event::Ended(ended) = &past.event
                && matches!(ended.ending, Ending::Done(_))
            {
                fired += 1;
                ensure!(until <= past.at, "{plan} was woken before its moment");
                let late = past.at.since(until);
                late_ms.record(u64::try_from(late.as_millis())?)?;
                if late > MISSED {
                    missed += 1;
                    tracing::warn!(%plan, ?late, until = until.as_millis(), "woken late");
                }
            }
        }
        once += usize::from(fired == 1);
    }
    let at = |quantile| late_ms.value_at_quantile(quantile) as f64;
    let (astray, missed) = (count.abs_diff(once) as f64, f64::from(missed));
    Ok([astray, missed, at(0.5), at(0.99), late_ms.max() as f64, heard_ms_max as f64])
}

/// An id begins with the milliseconds of its making, which is just before its post.
fn made_at(plan: Address) -> Timestamp {
    let bytes = plan.id.to_bytes();
    Timestamp::from_millis(bytes[..6].iter().fold(0, |ms, byte| (ms << 8) | u64::from(*byte)))
}

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let figures = bench.part(&format!("timers {COUNT} {WITHIN_S}"))?;
    let one = |name: &str| figures.get(name);
    let what = |what: &str| format!("10 000 waits within a minute: {what}");
    let most = |most| Some(Bar::AtMost(most));
    Ok(vec![
        Row::alone(&what("that did not fire once"), "", one("astray")?, most(0.0)),
        Row::alone(&what("more than a second late"), "", one("missed")?, None),
        Row::alone(&what("lateness p50"), "ms", one("p50_ms")?, None),
        Row::alone(&what("lateness p99"), "ms", one("p99_ms")?, most(100.0)),
        Row::alone(&what("lateness at most"), "ms", one("max_ms")?, None),
        Row::alone(&what("posted → heard, at most"), "ms", one("heard_ms_max")?, None),
        Row::alone(&what("until all are durable"), "s", one("opened_s")?, None),
    ])
}
