//! Plans on the real journal, beside SQLite by itself in the same minutes.

mod plans;
mod raw;
mod stage;

pub(crate) use plans::ours;
pub(crate) use raw::commits;

use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Report, Row, median};

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// One JSON object per line instead of a table
    #[arg(long)]
    json: bool,
    /// Rounds of each row
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure only these
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Many,
    Alone,
    Crowd,
    Parallel,
}

/// How long each measurement goes on.
const SECONDS: f64 = 3.0;
/// Rows of SQLite's own for each append of ours: an append holds about two events.
const ROWS_PER_WRITE: f64 = 2.0;

/// Measures what was asked for; returns the exit code.
pub(crate) fn run(options: &Options) -> anyhow::Result<u8> {
    use clap::ValueEnum;
    let bench = Bench::open(false)?;
    let mut report = Report::begin(options.json)?;
    for name in Name::value_variants() {
        if !options.only.is_empty() && !options.only.contains(name) {
            continue;
        }
        let rows = match name {
            Name::Many => many(&bench, options.rounds),
            Name::Alone => alone(&bench, options.rounds),
            Name::Crowd => crowd(&bench, options.rounds),
            Name::Parallel => parallel(&bench, options.rounds),
        };
        for row in rows? {
            report.add(&row)?;
        }
    }
    Ok(report.exit_code())
}

fn all(figures: &[Figures], name: &str) -> anyhow::Result<Vec<f64>> {
    figures.iter().map(|figures| figures.get(name)).collect()
}

fn plans(bench: &Bench, at_once: usize) -> anyhow::Result<Figures> {
    bench.part(&format!("plans {at_once} {SECONDS}"))
}

fn many(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let figures = plans(bench, 64)?;
        let rows = (figures.get("batch")? * ROWS_PER_WRITE).round().max(1.0) as usize;
        raw.push(bench.part(&format!("sqlite {rows} {SECONDS}"))?);
        ours.push(figures);
    }
    let commits = (all(&ours, "commits_per_s")?, all(&raw, "commits_per_s")?);
    let one = |name: &str| all(&ours, name).map(|values| median(&values));
    Ok(vec![
        Row::alone("64 plans at once: steps", "/s", one("steps_per_s")?, None),
        Row::beside(
            "64 plans at once: commits",
            "/s",
            &commits.0,
            "SQLite alone",
            &commits.1,
            Some(Bar::AtLeast(0.7)),
        ),
        Row::alone("64 plans at once: writes in a commit", "", one("batch")?, None),
        Row::alone("64 plans at once: p50 of a step", "us", one("p50_us")?, None),
        Row::alone("64 plans at once: p99 of a step", "us", one("p99_us")?, None),
        Row::alone(
            "64 plans at once: appends",
            "a step",
            one("appends_per_step")?,
            Some(Bar::AtMost(1.15)),
        ),
        Row::alone(
            "64 plans at once: flushes",
            "a plan",
            one("flushes_per_plan")?,
            Some(Bar::AtMost(0.7)),
        ),
        Row::alone("64 plans at once: memory", "MiB", one("rss_mib")?, Some(Bar::AtMost(80.0))),
    ])
}

fn alone(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(plans(bench, 1)?);
        raw.push(bench.part(&format!("sqlite 1 {SECONDS}"))?);
    }
    let commits = (all(&ours, "commits_per_s")?, all(&raw, "commits_per_s")?);
    let steps = all(&ours, "steps_per_s")?;
    let p50 = all(&ours, "p50_us")?;
    let bound: Vec<f64> = all(&raw, "p50_us")?.iter().map(|p50| p50 * 1.5 + 100.0).collect();
    Ok(vec![
        Row::alone("one plan at a time: steps", "/s", median(&steps), None),
        Row::beside(
            "one plan at a time: commits",
            "/s",
            &commits.0,
            "SQLite alone",
            &commits.1,
            Some(Bar::AtLeast(0.4)),
        ),
        Row::beside(
            "one plan at a time: p50 of a step",
            "us",
            &p50,
            "1.5 commits + 100",
            &bound,
            Some(Bar::AtMost(1.0)),
        ),
    ])
}

fn crowd(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let (mut crowd, mut many) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        crowd.push(plans(bench, 256)?);
        many.push(plans(bench, 64)?);
    }
    let steps = (all(&crowd, "steps_per_s")?, all(&many, "steps_per_s")?);
    let (p50, p99) = (all(&crowd, "p50_us")?, all(&crowd, "p99_us")?);
    Ok(vec![
        Row::beside(
            "256 plans at once: steps",
            "/s",
            &steps.0,
            "64 at once",
            &steps.1,
            Some(Bar::AtLeast(1.0)),
        ),
        Row::beside(
            "256 plans at once: p99 of a step",
            "us",
            &p99,
            "its p50",
            &p50,
            Some(Bar::AtMost(10.0)),
        ),
    ])
}

fn parallel(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut ours = Vec::new();
    for _ in 0..rounds {
        ours.push(bench.part(&format!("plans 16 {SECONDS} --parallel"))?);
    }
    let one = |name: &str| all(&ours, name).map(|values| median(&values));
    Ok(vec![
        Row::alone("ten parallel steps: steps", "/s", one("steps_per_s")?, None),
        Row::alone(
            "ten parallel steps: appends",
            "a step",
            one("appends_per_step")?,
            Some(Bar::AtMost(0.35)),
        ),
    ])
}
