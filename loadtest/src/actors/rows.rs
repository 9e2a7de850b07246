//! The rows: what is measured how often, beside what, and where the bar is.

use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::{Bar, Row};

/// Rounds of every row that has a reference.
const ROUNDS: usize = 7;

/// What each round measured.
#[derive(Default)]
struct Rounds {
    ours: Vec<Figures>,
    raw: Vec<Figures>,
    beam: Vec<Figures>,
}

/// What to run in each round: requests to this program, and to the BEAM if it takes part.
struct Requests<'a> {
    ours: &'a str,
    raw: Option<&'a str>,
    beam: Option<&'a str>,
}

impl Rounds {
    fn run(bench: &mut Bench, requests: &Requests<'_>) -> anyhow::Result<Self> {
        let mut rounds = Rounds::default();
        for round in 1..=ROUNDS {
            progress(&format!("{} (round {round} of {ROUNDS})", requests.ours));
            rounds.ours.push(bench.part(requests.ours)?);
            if let Some(raw) = requests.raw {
                rounds.raw.push(bench.part(raw)?);
            }
            if let Some(beam) = requests.beam
                && let Some(figures) = bench.beam(beam)?
            {
                rounds.beam.push(figures);
            }
        }
        Ok(rounds)
    }

    /// One figure beside raw ractor's.
    fn beside_raw(&self, what: &str, figure: Figure, bar: Option<Bar>) -> anyhow::Result<Row> {
        let (ours, raw) = (figure.all(&self.ours)?, figure.all(&self.raw)?);
        Ok(Row::beside(what, figure.unit, &ours, "raw ractor", &raw, bar))
    }

    /// One figure beside the BEAM's; without a reference where the BEAM was not asked for.
    fn beside_beam(&self, what: &str, figure: Figure, bar: Option<Bar>) -> anyhow::Result<Row> {
        let (ours, beam) = (figure.all(&self.ours)?, figure.all(&self.beam)?);
        Ok(match beam.is_empty() {
            true => Row::alone(what, figure.unit, crate::report::median(&ours), None),
            false => Row::beside(what, figure.unit, &ours, "BEAM", &beam, bar),
        })
    }
}

/// The name of a figure, and the unit it is in.
#[derive(Clone, Copy)]
struct Figure {
    name: &'static str,
    unit: &'static str,
}

const P50: Figure = Figure { name: "p50_us", unit: "us" };
const P99: Figure = Figure { name: "p99_us", unit: "us" };
const PER_SECOND: Figure = Figure { name: "per_s", unit: "/s" };
const BYTES_EACH: Figure = Figure { name: "bytes_each_rss", unit: "bytes" };

impl Figure {
    fn of(self, figures: &Figures) -> anyhow::Result<f64> {
        figures.get(self.name)
    }

    fn all(self, rounds: &[Figures]) -> anyhow::Result<Vec<f64>> {
        rounds.iter().map(|figures| self.of(figures)).collect()
    }
}

/// Says on standard error what is being measured.
fn progress(what: &str) {
    eprintln!("{what}");
}

fn once(bench: &Bench, request: &str) -> anyhow::Result<Figures> {
    progress(request);
    bench.part(request)
}

pub(super) fn restart(bench: &mut Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (ours, beam) in [("kill", "kill"), ("panic", "error")] {
        let ours_request = format!("restart 10000 10000 {ours}");
        let beam_request = format!("restart 10000 {beam} 10000");
        let requests =
            Requests { ours: &ours_request, raw: None, beam: Some(beam_request.as_str()) };
        let rounds = Rounds::run(bench, &requests)?;
        let what = |quantile| format!("{ours} → replacement answered, 10 000 children, {quantile}");
        rows.push(rounds.beside_beam(&what("p50"), P50, Some(Bar::AtMost(0.5)))?);
        rows.push(rounds.beside_beam(&what("p99"), P99, Some(Bar::AtMost(1.0)))?);
    }
    Ok(rows)
}

/// Ours beside ours: a hundred thousand children as the reference's ten would be.
///
/// Ten children fit into a processor's cache, so what counts most is which threads the scheduler
/// happens to keep awake: one process says 25 us and the next one 70. A round of the reference is
/// therefore the median of several processes.
pub(super) fn flat(bench: &mut Bench) -> anyhow::Result<Vec<Row>> {
    const PROCESSES: usize = 5;
    let (mut many, mut few) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(&format!("restart 100000 10000 kill (round {round} of {ROUNDS})"));
        many.push(P50.of(&bench.part("restart 100000 10000 kill")?)?);
        let processes = (0..PROCESSES).map(|_| P50.of(&bench.part("restart 10 10000 kill")?));
        few.push(crate::report::median(&processes.collect::<anyhow::Result<Vec<_>>>()?));
    }
    let what = "kill → replacement answered, 100 000 children, p50";
    Ok(vec![Row::beside(what, P50.unit, &many, "10 children", &few, Some(Bar::AtMost(2.0)))])
}

pub(super) fn overlap(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let figures = once(bench, "overlap 100000 100")?;
    let figure = |name| figures.get(name);
    progress(&format!(
        "  {} crashes, {} incarnations, {} deeds, of them {} by somebody fenced",
        figure("crashes")?,
        figure("incarnations")?,
        figure("acts")?,
        figure("acts_of_fenced")?,
    ));
    anyhow::ensure!(figure("crashes")? >= 100_000.0, "too few crashes were injected");
    let what = "old and new incarnation both able to act, 100 000 crashes";
    Ok(vec![Row::alone(what, "times", figure("overlaps")?, Some(Bar::AtMost(0.0)))])
}

pub(super) fn call(bench: &mut Bench) -> anyhow::Result<Vec<Row>> {
    let requests = Requests { ours: "call 1", raw: Some("call-raw 1"), beam: Some("call 1") };
    let rounds = Rounds::run(bench, &requests)?;
    let what = "question and answer, one in flight";
    Ok(vec![
        rounds.beside_beam(what, PER_SECOND, Some(Bar::AtLeast(1.0)))?,
        rounds.beside_raw(what, PER_SECOND, Some(Bar::AtLeast(0.7)))?,
    ])
}

/// The ceiling of a node is 64 MiB, and everything else may take another 16.
const GROWTH_MAX_MIB: f64 = 64.0 + 16.0;

pub(super) fn flood(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let figures = once(bench, "flood 30 1024")?;
    let figure = |name| figures.get(name);
    progress(&format!(
        "  {} messages sent, {} heard, {} stops, slowest of the usual {} ms, of the full {} ms",
        figure("sent")?,
        figure("heard")?,
        figure("stops")?,
        figure("slowest_usual_ms")?,
        figure("slowest_full_ms")?,
    ));
    let row = |what: &str, unit, name, bar| {
        let what = format!("64 senders, slow receivers, 30 s: {what}");
        anyhow::Ok(Row::alone(&what, unit, figure(name)?, Some(Bar::AtMost(bar))))
    };
    Ok(vec![
        row("memory grows by", "MiB", "growth_mib", GROWTH_MAX_MIB)?,
        row("sent but neither accepted nor refused", "messages", "unaccounted", 0.0)?,
        row("slowest stop", "ms", "slowest_stop_ms", 100.0)?,
    ])
}

pub(super) fn storm(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let figures = once(bench, "storm 10000 100 30")?;
    let row = |what: &str, unit, name, bar| {
        let what = format!("1 % of 10 000 children crash each second, 30 s: {what}");
        anyhow::Ok(Row::alone(&what, unit, figures.get(name)?, Some(Bar::AtMost(bar))))
    };
    Ok(vec![
        row("restarts too few or too many", "restarts", "lost", 0.0)?,
        row("survivors' call p99", "ms", "p99_ms", 5.0)?,
    ])
}

/// Rounds of the spinning handler, and how many of them the machine must have left undisturbed.
const SPINS: &str = "spin 10";
const UNDISTURBED_MIN: f64 = 5.0;

pub(super) fn spin(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let spun = once(bench, SPINS)?;
    let undisturbed = spun.get("undisturbed")?;
    let row = |what: &str, name, bar| {
        let what = format!("a handler that spins: {what}");
        let row = Row::alone(&what, "ms", spun.get(name)?, Some(Bar::AtMost(bar)));
        anyhow::Ok(row.judged_if(undisturbed >= UNDISTURBED_MIN))
    };
    let found = row("found", "found_ms", 300.0)?;
    let replaced = row("replaced", "replaced_ms", 500.0)?;
    let neighbours = row("neighbours' call p99", "p99_ms", 20.0)?;
    let loaded = once(bench, "mistaken 60")?;
    progress(&format!(
        "  {undisturbed} spins; {} handlers of 50 ms, call p99 {} ms",
        loaded.get("heavy")?,
        loaded.get("p99_ms")?
    ));
    let what = "fenced by mistake in 60 s beside four busy processes";
    let mistaken = Row::alone(what, "actors", loaded.get("mistaken")?, Some(Bar::AtMost(0.0)));
    Ok(vec![found, replaced, neighbours, mistaken])
}

pub(super) fn idle(bench: &mut Bench) -> anyhow::Result<Vec<Row>> {
    let requests =
        Requests { ours: "idle 100000", raw: Some("idle-raw 100000"), beam: Some("idle 100000") };
    let rounds = Rounds::run(bench, &requests)?;
    let what = "bytes per idle supervised actor, 100 000 of them";
    Ok(vec![
        rounds.beside_raw(what, BYTES_EACH, Some(Bar::AtMost(1.1)))?,
        rounds.beside_beam(what, BYTES_EACH, None)?,
    ])
}

pub(super) fn spawn(bench: &mut Bench) -> anyhow::Result<Vec<Row>> {
    let requests =
        Requests { ours: "spawn 64 1", raw: Some("spawn-raw 64 1"), beam: Some("spawn 64 1") };
    let rounds = Rounds::run(bench, &requests)?;
    let what = "spawn and end, 64 callers of one dynamic supervisor";
    Ok(vec![
        rounds.beside_raw(what, PER_SECOND, Some(Bar::AtLeast(0.6)))?,
        rounds.beside_beam(what, PER_SECOND, None)?,
    ])
}
