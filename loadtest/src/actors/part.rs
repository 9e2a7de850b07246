//! One measurement in a process of its own, which prints its figures as one JSON object.
//!
//! A process per measurement means that nothing an earlier one left behind (memory, threads, a warm
//! allocator, a subscriber) helps or hinders the next. Ours runs as the product does: its log at
//! INFO with the product's filter, formatted onto standard error, which whoever started this has
//! pointed at a file. The raw references log nothing.

use std::io::Write;

use runtime::Options;
use tokio::runtime::{Builder, Runtime};

use super::stage::Crash;
use super::{call, flood, idle, overlap, restart, spawn, spin, storm};
use crate::figures::Figures;
use crate::work;

/// Figures of one measurement, for the command that compares them.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Part {
    Restart {
        children: usize,
        crashes: usize,
        crash: Crash,
    },
    Overlap {
        crashes: usize,
        spins: usize,
    },
    Call {
        seconds: f64,
    },
    CallRaw {
        seconds: f64,
    },
    Flood {
        seconds: u64,
        body_bytes: usize,
    },
    Storm {
        children: usize,
        each_second: usize,
        seconds: usize,
    },
    Spin {
        rounds: usize,
    },
    Mistaken {
        seconds: u64,
    },
    Idle {
        count: usize,
    },
    IdleRaw {
        count: usize,
    },
    Spawn {
        callers: usize,
        seconds: f64,
    },
    SpawnRaw {
        callers: usize,
        seconds: f64,
    },
    Busy,
    #[command(flatten)]
    Work(work::Part),
}

pub(crate) fn run(part: Part) -> anyhow::Result<()> {
    let figures = match part {
        Part::Restart { children, crashes, crash } => {
            ours()?.block_on(restart::ours(children, crashes, crash))
        }
        Part::Overlap { crashes, spins } => ours()?.block_on(overlap::ours(crashes, spins)),
        Part::Call { seconds } => ours()?.block_on(call::ours(seconds)),
        Part::CallRaw { seconds } => raw(call::raw(seconds)),
        Part::Flood { seconds, body_bytes } => ours()?.block_on(flood::ours(seconds, body_bytes)),
        Part::Storm { children, each_second, seconds } => {
            ours()?.block_on(storm::ours(children, each_second, seconds))
        }
        Part::Spin { rounds } => ours()?.block_on(spin::ours(rounds)),
        Part::Mistaken { seconds } => ours()?.block_on(spin::mistaken(seconds)),
        Part::Idle { count } => ours()?.block_on(idle::ours(count)),
        Part::IdleRaw { count } => raw(idle::raw(count)),
        Part::Spawn { callers, seconds } => ours()?.block_on(spawn::ours(callers, seconds)),
        Part::SpawnRaw { callers, seconds } => raw(spawn::raw(callers, seconds)),
        Part::Busy => return spin::be_busy(),
        Part::Work(part) => ours()?.block_on(part.measure()),
    }?;
    serde_json::to_writer(std::io::stdout(), &figures)?;
    Ok(std::io::stdout().flush()?)
}

/// Where the measurement itself waits. The node has threads of its own, as in the product.
fn ours() -> anyhow::Result<Runtime> {
    let started = tracing_subscriber::fmt()
        .with_env_filter("info,ractor=off")
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    started.map_err(|error| anyhow::anyhow!(error))?;
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Runs a reference as a task on as many threads as the workers of a node have.
fn raw(
    work: impl Future<Output = anyhow::Result<Figures>> + Send + 'static,
) -> anyhow::Result<Figures> {
    let threads = Options::default().worker_threads;
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async { tokio::spawn(work).await? })
}
