//! Handlers that hold their thread: found, replaced, and nobody else taken for one.
//!
//! Honest because the spinning handler itself says when it began; *found* is when somebody who
//! monitors it is told that it was fenced, which is after the watchdog has found it; *replaced* is
//! when a question is answered by the next incarnation. Both figures are the slowest of all
//! rounds. Neighbours share the threads with the one that spins, and are asked at a fixed rate
//! (see `callers`), from its first moment to its last, fenced or not.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use runtime::{Class, Exit, Handle, Options, Unanswered};

use super::callers::Callers;
use super::figures::Figures;
use super::stage::{self, Order, PATIENCE, Scatter, Stage, answered_by};

const THRESHOLD: Duration = Duration::from_millis(250);
const NEIGHBOURS: usize = 100;
const SPIN: Duration = Duration::from_secs(1);
/// Between two spins, until the thread that was lost has come back.
const PAUSE: Duration = Duration::from_millis(500);
const BUSY_PROCESSES: usize = 4;
/// What the heaviest of the normal handlers computes.
const HEAVY: Duration = Duration::from_millis(50);
/// Between two of those by one caller.
const HEAVY_PAUSE: Duration = Duration::from_millis(250);

pub(crate) async fn ours(rounds: usize) -> anyhow::Result<Figures> {
    let options = Options { watchdog_threshold: THRESHOLD, ..Options::default() };
    let stage = Stage::set(&options, NEIGHBOURS + 1, Class::Adapter).await?;
    let callers = Callers::begin(&stage.inside, &stage.handles[1..])?;
    let [mut found, mut replaced] = [Duration::ZERO; 2];
    for _ in 0..rounds {
        tokio::time::sleep(PAUSE).await;
        callers.count(true);
        let one = spin_once(&stage).await?;
        found = found.max(one.found.duration_since(one.began));
        replaced = replaced.max(one.replaced.duration_since(one.began));
        let left = (one.began + SPIN).saturating_duration_since(Instant::now());
        tokio::time::sleep(left).await;
        callers.count(false);
    }
    let p99_ms = callers.p99_ms().await?;
    let mistaken: u32 = stage.restarts()[1..].iter().sum();
    anyhow::ensure!(mistaken == 0, "{mistaken} neighbours were fenced with the one that spins");
    Ok(Figures::from([
        ("found_ms", found.as_secs_f64() * 1_000.0),
        ("replaced_ms", replaced.as_secs_f64() * 1_000.0),
        ("p99_ms", p99_ms),
    ]))
}

struct Spun {
    began: Instant,
    found: Instant,
    replaced: Instant,
}

async fn spin_once(stage: &Stage) -> anyhow::Result<Spun> {
    let spinner = &stage.handles[0];
    let (armed, is_armed) = tokio::sync::oneshot::channel();
    let monitor = stage.inside.start(monitor(spinner.clone(), armed));
    is_armed.await?;
    let next = stage::next_number();
    let began = spinner.ask(|began| Order::Spin(SPIN, began), PATIENCE).await?;
    answered_by(spinner, next).await?;
    let replaced = Instant::now();
    let (exit, found) = monitor.await??;
    anyhow::ensure!(exit == Some(Exit::Fenced), "the handler that spun ended as {exit:?}");
    Ok(Spun { began, found, replaced })
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
    let callers = Callers::begin(&stage.inside, &stage.handles)?;
    callers.count(true);
    let until = Instant::now() + Duration::from_secs(seconds);
    let computing: Vec<_> = [1, 2]
        .map(|seed| stage.inside.start(have_computed(stage.handles.clone(), until, seed)))
        .into();
    let mut heavy = 0;
    for caller in computing {
        heavy += caller.await??;
    }
    let p99_ms = callers.p99_ms().await?;
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
