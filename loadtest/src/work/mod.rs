//! Durable work on the real journal: how fast, how big, and what a crash leaves.

mod backup;
pub(crate) mod briefs;
mod commands;
mod conversation;
mod counted;
mod crash;
mod dbos;
mod effects;
mod load;
mod memory;
mod part;
mod plans;
mod postgres;
mod raw;
mod sessions;
pub(crate) mod stage;
mod store_of_many;
mod throughput;
mod timers;
pub(crate) mod tools;
mod turn;
pub(crate) mod usage;

pub(crate) use dbos::NoDbos;
pub(crate) use part::Part;

use self::dbos::Dbos;
use crate::figures::Figures;
use crate::peers::Bench;
use crate::report::Report;

/// What to measure, and beside whom.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Measure this peer too, in the same rounds
    #[arg(long)]
    peer: Option<Peer>,
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
enum Peer {
    Dbos,
}

/// A group of rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Many,
    Alone,
    Crowd,
    Parallel,
    Turn,
    Crash,
    Memory,
    Sessions,
    StoreOfMany,
    Timers,
    Conversation,
    Backup,
}

/// Measures what was asked for; returns the exit code.
pub(crate) fn run(options: &Options) -> anyhow::Result<u8> {
    use clap::ValueEnum;
    let bench = Bench::open(false)?;
    let mut dbos = options.peer.map(|Peer::Dbos| Dbos::start()).transpose()?;
    let mut report = Report::begin(options.json)?;
    let rounds = options.rounds;
    for name in Name::value_variants() {
        if !options.only.is_empty() && !options.only.contains(name) {
            continue;
        }
        eprintln!("{name:?}");
        let rows = match name {
            Name::Many => throughput::many(&bench, rounds, dbos.as_mut()),
            Name::Alone => throughput::alone(&bench, rounds),
            Name::Crowd => throughput::crowd(&bench, rounds),
            Name::Parallel => throughput::parallel(&bench, rounds),
            Name::Turn => turn::rows(&bench),
            Name::Crash => {
                crash::rows(&bench, rounds, dbos.as_mut().map(|it| it as &mut dyn crash::Family))
            }
            Name::Memory => memory::rows(&bench),
            Name::Sessions => sessions::rows(&bench),
            Name::StoreOfMany => store_of_many::rows(&bench, rounds),
            Name::Timers => timers::rows(&bench),
            Name::Conversation => conversation::rows(&bench, rounds),
            Name::Backup => backup::rows(&bench),
        };
        for row in rows? {
            report.add(&row)?;
        }
    }
    Ok(report.exit_code())
}

pub(crate) fn all(figures: &[Figures], name: &str) -> anyhow::Result<Vec<f64>> {
    figures.iter().map(|figures| figures.get(name)).collect()
}
