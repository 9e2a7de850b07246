//! Plans of ten trivial steps, so many at once, for some seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::stage::{Stage, brief, lock};
use crate::figures::Figures;

/// Steps of each plan.
pub(crate) const STEPS: usize = 10;
/// Before anything is counted.
const WARM_UP: Duration = Duration::from_millis(700);

pub(crate) async fn ours(at_once: usize, seconds: f64, parallel: bool) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let stage = Arc::new(Stage::new(folder.path()).await?);
    let (is_over, plans) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut drivers = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (stage, is_over, plans) =
            (Arc::clone(&stage), Arc::clone(&is_over), Arc::clone(&plans));
        drivers.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                stage.open(brief(STEPS, !parallel)).await?.await?;
                plans.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(WARM_UP).await;
    stage.steps.forget();
    let before = tally(&stage);
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let (after, took) = (tally(&stage), begun.elapsed().as_secs_f64());
    let (p50, p99) = {
        let micros = lock(&stage.steps.micros);
        (micros.value_at_quantile(0.5) as f64, micros.value_at_quantile(0.99) as f64)
    };
    let rss = resident_mib()?;
    is_over.store(true, Ordering::Relaxed);
    while let Some(driver) = drivers.join_next().await {
        driver??;
    }
    stage.stop().await;
    let each = |now: u64, then: u64| (now - then) as f64;
    let steps = each(after.steps, before.steps);
    let commits = each(after.commits, before.commits);
    Ok(Figures::from([
        ("steps_per_s", steps / took),
        ("commits_per_s", commits / took),
        ("batch", each(after.writes, before.writes) / commits),
        ("appends_per_step", each(after.appends, before.appends) / steps),
        ("claims_per_plan", each(after.claims, before.claims) / (steps / STEPS as f64)),
        ("flushes_per_plan", commits / (steps / STEPS as f64)),
        ("p50_us", p50),
        ("p99_us", p99),
        ("rss_mib", rss),
        ("cpu_us_per_step", (after.cpu_us - before.cpu_us) / steps),
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

fn tally(stage: &Stage) -> Tally {
    let written = stage.journal.sqlite.written();
    let counts = &stage.journal.counts;
    Tally {
        steps: stage.steps.done.load(Ordering::Relaxed),
        commits: written.commits,
        writes: written.writes,
        appends: counts.appends.load(Ordering::Relaxed),
        claims: counts.claims.load(Ordering::Relaxed),
        cpu_us: cpu_us().unwrap_or(f64::NAN),
    }
}

/// Processor time of this process.
fn cpu_us() -> Option<f64> {
    const TICK_US: f64 = 10_000.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) * TICK_US)
}

/// Of this process, the store included.
pub(crate) fn resident_mib() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib / 1_024.0).ok_or_else(|| anyhow::anyhow!("the system tells no VmRSS"))
}
