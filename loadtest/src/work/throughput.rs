//! Throughput: plans of ten trivial steps, beside SQLite by itself.

use super::all;
use super::dbos::Dbos;
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row, median};

/// How long each measurement goes on.
const SECONDS: f64 = 3.0;
/// Rows of SQLite's own for each append of ours: an append holds about two events.
const ROWS_PER_WRITE: f64 = 2.0;

fn plans(bench: &Bench, at_once: usize) -> anyhow::Result<Figures> {
    bench.part(&format!("plans {at_once} {SECONDS}"))
}

pub(super) fn many(
    bench: &Bench,
    rounds: usize,
    mut peer: Option<&mut Dbos>,
) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut raw, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let figures = plans(bench, 64)?;
        let rows = (figures.get("batch")? * ROWS_PER_WRITE).round().max(1.0) as usize;
        raw.push(bench.part(&format!("sqlite {rows} {SECONDS}"))?);
        ours.push(figures);
        if let Some(peer) = &mut peer {
            theirs.push(peer.plans(64, SECONDS)?);
        }
    }
    let commits = (all(&ours, "commits_per_s")?, all(&raw, "commits_per_s")?);
    let one = |name: &str| all(&ours, name).map(|values| median(&values));
    let mut rows = vec![
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
    ];
    if !theirs.is_empty() {
        let beside = |what: &str, unit, name: &str, bar| -> anyhow::Result<Row> {
            let (ours, theirs) = (all(&ours, name)?, all(&theirs, name)?);
            Ok(Row::beside(&format!("64 plans at once: {what}"), unit, &ours, "DBOS", &theirs, bar))
        };
        rows.push(beside("steps", "/s", "steps_per_s", Some(Bar::AtLeast(50.0)))?);
        rows.push(beside("memory, the store included", "MiB", "rss_mib", None)?);
    }
    Ok(rows)
}

pub(super) fn alone(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
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

pub(super) fn crowd(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
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

pub(super) fn parallel(bench: &Bench, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut ours = Vec::new();
    for _ in 0..rounds {
        ours.push(bench.part(&format!("plans 16 {SECONDS} --form parallel"))?);
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
