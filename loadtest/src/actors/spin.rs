//! Handlers that hold their thread: found, replaced, and nobody else taken for one.
//!
//! Honest because the spinning handler itself says when it began; *found* is when somebody who
//! monitors it is told that it was fenced, which is after the watchdog has found it; *replaced* is
//! when a question is answered by the next incarnation. Both figures are the slowest of all rounds
//! that count: one in which the spinning thread itself had to wait for a processor does not, for
//! then its handler did not spin (the kernel says how long it waited). Neighbours share the threads with the one that spins, and are asked at a fixed rate
//! (see `callers`), from its first moment to its last, fenced or not.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use runtime::{Class, Exit, Handle, Options, Unanswered};

use super::callers::{Callers, p99_ms};
use super::stage::{self, Order, PATIENCE, Scatter, Stage, answered_by};
use crate::figures::Figures;

const THRESHOLD: Duration = Duration::from_millis(250);
const NEIGHBOURS: usize = 100;
const SPIN: Duration = Duration::from_secs(1);
/// Between two spins, until the thread that was lost has come back.
const PAUSE: Duration = Duration::from_millis(500);
/// A round in which the spinning thread waited longer than this for a processor does not count.
const WAITED_MAX: Duration = Duration::from_millis(20);
/// On a machine that does other work it takes more tries than rounds.
const TRIES_PER_ROUND: usize = 3;
const BUSY_PROCESSES: usize = 4;
/// What the heaviest of the normal handlers computes.
const HEAVY: Duration = Duration::from_millis(50);
/// Between two of those by one caller.
const HEAVY_PAUSE: Duration = Duration::from_millis(250);

pub(crate) async fn ours(rounds: usize) -> anyhow::Result<Figures> {
    let options = Options { watchdog_threshold: THRESHOLD, ..Options::default() };
    let stage = Stage::set(&options, NEIGHBOURS + 1, Class::Adapter).await?;
    let mut callers = Callers::begin(&stage.inside, &stage.handles[1..])?;
    let mut sum = Sum { undisturbed: 0, found: Duration::ZERO, replaced: Duration::ZERO };
    let mut latencies = Histogram::new(3)?;
    for _ in 0..rounds * TRIES_PER_ROUND {
        tokio::time::sleep(PAUSE).await;
        callers.take();
        callers.count(true);
        let spun = spin_once(&stage).await?;
        tokio::time::sleep((spun.began + SPIN).saturating_duration_since(Instant::now())).await;
        callers.count(false);
        if spun.waited <= WAITED_MAX {
            sum.add(&spun);
            latencies.add(callers.take())?;
        }
        if sum.undisturbed == rounds {
            break;
        }
    }
    callers.end().await?;
    let mistaken: u32 = stage.restarts()[1..].iter().sum();
    anyhow::ensure!(mistaken == 0, "{mistaken} neighbours were fenced with the one that spins");
    let p99_ms = if sum.undisturbed > 0 { p99_ms(&latencies)? } else { 0.0 };
    Ok(Figures::from([
        ("undisturbed", sum.undisturbed as f64),
        ("found_ms", sum.found.as_secs_f64() * 1_000.0),
        ("replaced_ms", sum.replaced.as_secs_f64() * 1_000.0),
        ("p99_ms", p99_ms),
    ]))
}

/// The slowest of all rounds that count.
struct Sum {
    undisturbed: usize,
    found: Duration,
    replaced: Duration,
}

impl Sum {
    fn add(&mut self, spun: &Spun) {
        self.undisturbed += 1;
        self.found = self.found.max(spun.found.duration_since(spun.began));
        self.replaced = self.replaced.max(spun.replaced.duration_since(spun.began));
    }
}

struct Spun {
    began: Instant,
    found: Instant,
    replaced: Instant,
    /// How long its thread was ready to spin but had no processor.
    waited: Duration,
}

async fn spin_once(stage: &Stage) -> anyhow::Result<Spun> {
    let spinner = &stage.handles[0];
    let (armed, is_armed) = tokio::sync::oneshot::channel();
    let monitor = stage.inside.start(monitor(spinner.clone(), armed));
    is_armed.await?;
    let next = stage::next_number();
    let spinning = spinner.ask(|began| Order::Spin(SPIN, began), PATIENCE).await?;
    answered_by(spinner, next).await?;
    let replaced = Instant::now();
    let waited = spinning.waited();
    let (exit, found) = monitor.await??;
    anyhow::ensure!(exit == Some(Exit::Fenced), "the handler that spun ended as {exit:?}");
    Ok(Spun { began: spinning.began, found, replaced, waited })
}

/// How and when it ended. A monitor is set up when it is first polled: `armed` says that it was.
async fn monitor(
    handle: Handle<Order>,
    armed: tokio::sync::oneshot::Sender<()>,
) -> anyhow::Result<(Option<Exit>, Instant)> {
    let mut ended = std::pin::pin!(handle.ended());
    let mut armed = Some(armed);
    let exit = std::future::poll_fn(|cx| {
        let polled = ended.as_mut().poll(cx);
        if let Some(armed) = armed.take() {
            let _ = armed.send(());
        }
        polled
    });
    Ok((exit.await, Instant::now()))
}

/// How many actors are fenced by mistake while they work on a machine that others keep busy.
///
/// Four processes compute all the time; meanwhile everybody is asked a thousand times a second
/// altogether, and two callers have somebody compute for 50 ms of processor time, again and again,
/// which takes several times that on such a machine.
pub(crate) async fn mistaken(seconds: u64) -> anyhow::Result<Figures> {
    let _busy = (0..BUSY_PROCESSES).map(|_| Busy::start()).collect::<Result<Vec<_>, _>>()?;
    let options = Options { watchdog_threshold: THRESHOLD, ..Options::default() };
    let stage = Stage::set(&options, NEIGHBOURS, Class::Adapter).await?;
    let mut callers = Callers::begin(&stage.inside, &stage.handles)?;
    callers.count(true);
    let until = Instant::now() + Duration::from_secs(seconds);
    let computing: Vec<_> = [1, 2]
        .map(|seed| stage.inside.start(have_computed(stage.handles.clone(), until, seed)))
        .into();
    let mut heavy = 0;
    for caller in computing {
        heavy += caller.await??;
    }
    callers.end().await?;
    let p99_ms = p99_ms(&callers.take())?;
    let mistaken: u32 = stage.restarts().iter().sum();
    Ok(Figures::from([
        ("mistaken", f64::from(mistaken)),
        ("heavy", f64::from(heavy)),
        ("p99_ms", p99_ms),
    ]))
}

/// Has one after the other compute until the time is over; how many did.
async fn have_computed(
    handles: Vec<Handle<Order>>,
    until: Instant,
    seed: u64,
) -> anyhow::Result<u32> {
    let mut scatter = Scatter::from_seed(seed);
    let mut handled = 0;
    while Instant::now() < until {
        let handle = &handles[scatter.below(handles.len())];
        match handle.ask(|done| Order::Compute(HEAVY, done), PATIENCE).await {
            Ok(()) => handled += 1,
            // Fenced by mistake: the tree has counted it.
            Err(Unanswered::Lost) => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(HEAVY_PAUSE).await;
    }
    Ok(handled)
}

/// A process that computes until it is let go.
struct Busy(Child);

impl Busy {
    fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.args(["part", "busy"]).stdin(Stdio::piped()).stdout(Stdio::null());
        Ok(Busy(command.spawn()?))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Keeps one processor busy until standard input ends, which it does with whoever started this.
pub(crate) fn be_busy() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
