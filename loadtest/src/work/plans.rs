//! Plans of ten trivial steps, so many at once, for some seconds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::briefs;
use super::load::Load;
use super::stage::{Stage, lock};
use super::tools::{One, Steps};
use super::usage::{cpu_us, resident_mib};
use crate::figures::Figures;

/// Steps of each plan.
pub(crate) const STEPS: usize = 10;
/// Before anything is counted.
const WARM_UP: Duration = Duration::from_millis(700);

/// How the steps of a plan are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// One after the other, without a text.
    Sequence,
    Parallel,
    /// One after the other, read from a script.
    Script,
    /// The same, read from a blueprint.
    Written,
}

pub(crate) async fn ours(at_once: usize, seconds: f64, form: Form) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let steps = Steps::new()?;
    let tools = Arc::new(One(Arc::clone(&steps)));
    let brief = match form {
        Form::Sequence => briefs::in_sequence(STEPS),
        Form::Parallel => briefs::at_once(STEPS),
        Form::Script => briefs::scripted(STEPS, &*tools)?,
        Form::Written => briefs::written(STEPS, &*tools)?,
    };
    let stage = Arc::new(Stage::new(folder.path(), tools).await?);
    let load = Load::begin(&stage, at_once, &brief);
    tokio::time::sleep(WARM_UP).await;
    steps.forget();
    let before = tally(&stage, &steps);
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let (after, took) = (tally(&stage, &steps), begun.elapsed().as_secs_f64());
    let (p50, p99) = {
        let micros = lock(&steps.micros);
        (micros.value_at_quantile(0.5) as f64, micros.value_at_quantile(0.99) as f64)
    };
    let rss = resident_mib()?;
    load.end().await?;
    stage.stop().await;
    let each = |now: u64, then: u64| (now - then) as f64;
    let done = each(after.steps, before.steps);
    let commits = each(after.commits, before.commits);
    Ok(Figures::from([
        ("steps_per_s", done / took),
        ("commits_per_s", commits / took),
        ("batch", each(after.writes, before.writes) / commits),
        ("appends_per_step", each(after.appends, before.appends) / done),
        ("claims_per_plan", each(after.claims, before.claims) / (done / STEPS as f64)),
        ("flushes_per_plan", commits / (done / STEPS as f64)),
        ("p50_us", p50),
        ("p99_us", p99),
        ("rss_mib", rss),
        ("cpu_us_per_step", (after.cpu_us - before.cpu_us) / done),
    ]))
}

struct Tally {
    steps: u64,
    commits: u64,
    writes: u64,
    appends: u64,
    claims: u64,
    cpu_us: f64,
}

fn tally(stage: &Stage, steps: &Steps) -> Tally {
    let written = stage.journal.sqlite.written();
    let counts = &stage.journal.counts;
    Tally {
        steps: steps.done.load(Ordering::Relaxed),
        commits: written.commits,
        writes: written.writes,
        appends: counts.appends.load(Ordering::Relaxed),
        claims: counts.claims.load(Ordering::Relaxed),
        cpu_us: cpu_us().unwrap_or(f64::NAN),
    }
}
