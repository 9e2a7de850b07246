//! Random histories of supervision: against the conditions in simulated time, or beside OTP.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use kit::history::{Difference, Failure, Uncompared, against_otp, erlang, generate, trial};

use crate::report::{Bar, Row};

const THREADS: usize = 2;
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// What one OTP node is given at a time: enough that its start does not count.
const BATCH: u64 = 1_000;
/// More would only hide the first.
const SHOWN_MAX: usize = 5;

/// How many histories, and which.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many histories
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// The first seed; each history has the next one
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Replay them on real OTP too, in real time, and compare the traces
    #[arg(long)]
    otp: bool,
    /// One JSON object per line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Histories cannot be replayed on OTP without OTP.
#[derive(Debug, thiserror::Error)]
#[error("escript is missing; install the package erlang-base")]
pub(crate) struct NoErlang;

pub(crate) fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    let last = options.seed.checked_add(options.count).context("there are no seeds so high")?;
    match options.otp {
        true => beside_otp(options.seed..last),
        false => against_conditions(options.seed..last),
    }
}

fn against_conditions(seeds: Range<u64>) -> anyhow::Result<Vec<Row>> {
    let count = seeds.end - seeds.start;
    let broken: Mutex<Vec<Box<Failure>>> = Mutex::default();
    let keep = |failure| broken.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    let next = AtomicU64::new(seeds.start);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = || {
            while let Some(seed) = take(&next, seeds.end) {
                if let Err(failure) = trial(seed) {
                    keep(failure);
                }
            }
        };
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut told = began;
        while !workers.iter().all(|worker| worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(10));
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                progress(next.load(Ordering::Relaxed).min(seeds.end) - seeds.start, count);
            }
        }
    });
    let took_s = began.elapsed().as_secs_f64();
    let broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    show(&broken);
    let none = Some(Bar::AtMost(0.0));
    Ok(vec![
        Row::alone(
            &format!("{count} random histories against the conditions"),
            "violations",
            broken.len() as f64,
            none,
        ),
        Row::alone("random histories judged, two threads", "/s", count as f64 / took_s, None),
    ])
}

/// The next seed, for whoever asks first.
fn take(next: &AtomicU64, end: u64) -> Option<u64> {
    let seed = next.fetch_add(1, Ordering::Relaxed);
    (seed < end).then_some(seed)
}

fn beside_otp(seeds: Range<u64>) -> anyhow::Result<Vec<Row>> {
    let count = seeds.end - seeds.start;
    let mut differences: Vec<Difference> = Vec::new();
    let began = Instant::now();
    for first in seeds.clone().step_by(BATCH as usize) {
        let histories: Vec<_> = (first..seeds.end.min(first + BATCH)).map(generate).collect();
        let found = against_otp(&histories).map_err(|error| match error {
            Uncompared::Otp(erlang::Error::Absent) => anyhow::Error::new(NoErlang),
            Uncompared::Otp(_) | Uncompared::Threads(_) | Uncompared::Node(_) => error.into(),
        });
        differences.extend(found?);
        progress(first + histories.len() as u64 - seeds.start, count);
    }
    let took_s = began.elapsed().as_secs_f64();
    show(&differences);
    Ok(vec![
        Row::alone(
            &format!("{count} random histories replayed on real OTP"),
            "differences",
            differences.len() as f64,
            Some(Bar::AtMost(0.0)),
        ),
        Row::alone("random histories replayed on both", "/s", count as f64 / took_s, None),
    ])
}

fn progress(done: u64, of: u64) {
    eprintln!("{done} of {of}");
}

fn show<T: std::fmt::Display>(found: &[T]) {
    for found in found.iter().take(SHOWN_MAX) {
        eprintln!("{found}");
    }
}
