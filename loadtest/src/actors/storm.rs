//! A storm: 1 % of all children crash each second.
//!
//! Honest because they crash at once and not spread over their second, killed, panicked and failed
//! in turns, the log on; and because nothing is believed: every victim must be restarted exactly
//! once by the count of the tree and answer as a new incarnation, everybody else must not be.
//! Survivors are those whom the storm never hits, asked at a fixed rate (see `callers`).

use std::time::{Duration, Instant};

use runtime::{Class, Options};

use super::callers::{Callers, p99_ms};
use super::stage::{self, Crash, Scatter, Stage, answered_by};
use crate::figures::Figures;

const CRASHES: [Crash; 3] = [Crash::Kill, Crash::Panic, Crash::Fail];

pub(crate) async fn ours(
    children: usize,
    each_second: usize,
    seconds: usize,
) -> anyhow::Result<Figures> {
    let stage = Stage::set(&Options::default(), children, Class::Adapter).await?;
    let order = shuffled(children);
    let (victims, survivors) = order.split_at(each_second * seconds);
    let survivors: Vec<_> = survivors.iter().map(|&who| stage.handles[who].clone()).collect();
    let mut callers = Callers::begin(&stage.inside, &survivors)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    callers.count(true);
    let born_before = stage::next_number();
    let began = Instant::now();
    for (second, hit) in (0_u32..).zip(victims.chunks(each_second)) {
        let due = began + Duration::from_secs(1) * second;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        for (&who, crash) in hit.iter().zip(CRASHES.iter().cycle()) {
            crash.inflict(&stage.handles[who])?;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    callers.end().await?;
    let p99_ms = p99_ms(&callers.take())?;
    for &who in victims {
        answered_by(&stage.handles[who], born_before).await?;
    }
    let mut expected = vec![0; children];
    victims.iter().for_each(|&who| expected[who] = 1);
    let restarts = stage.restarts();
    anyhow::ensure!(restarts.len() == children, "the tree shows {} dummies", restarts.len());
    let off: u32 = restarts.iter().zip(&expected).map(|(is, should)| is.abs_diff(*should)).sum();
    Ok(Figures::from([
        ("lost", f64::from(off)),
        ("crashes", victims.len() as f64),
        ("p99_ms", p99_ms),
    ]))
}

/// All numbers below the limit in an order of chance.
fn shuffled(limit: usize) -> Vec<usize> {
    let mut scatter = Scatter::from_seed(3);
    let mut order: Vec<usize> = (0..limit).collect();
    for last in (1..limit).rev() {
        order.swap(last, scatter.below(last + 1));
    }
    order
}
