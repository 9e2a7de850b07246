//! Supervision measured beside OTP and raw ractor, every figure with its bar.
//!
//! Rows with a reference run in rounds, one process after the other (ours, raw, the BEAM, ours, …),
//! so that a machine that is slow for a while is slow for all; the ratio is the median of the
//! rounds' ratios. Rows without one run once. The modules say what makes each of them honest.

mod bare;
mod call;
mod callers;
mod flood;
mod idle;
mod overlap;
pub(crate) mod part;
mod restart;
mod rows;
mod spawn;
mod spin;
mod stage;
mod storm;

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
    /// Measure only these
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<Name>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Peer {
    Beam,
}

/// A group of rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Restart,
    Flat,
    Overlap,
    Call,
    Flood,
    Storm,
    Spin,
    Idle,
    Spawn,
}

/// Measures what was asked for; returns the exit code.
pub(crate) fn run(options: &Options) -> anyhow::Result<u8> {
    use clap::ValueEnum;
    let mut bench = Bench::open(options.peer == Some(Peer::Beam))?;
    let mut report = Report::begin(options.json)?;
    for name in Name::value_variants() {
        if !options.only.is_empty() && !options.only.contains(name) {
            continue;
        }
        let measured = match name {
            Name::Restart => rows::restart(&mut bench),
            Name::Flat => rows::flat(&mut bench),
            Name::Overlap => rows::overlap(&bench),
            Name::Call => rows::call(&mut bench),
            Name::Flood => rows::flood(&bench),
            Name::Storm => rows::storm(&bench),
            Name::Spin => rows::spin(&bench),
            Name::Idle => rows::idle(&mut bench),
            Name::Spawn => rows::spawn(&mut bench),
        };
        for row in measured? {
            report.add(&row)?;
        }
    }
    Ok(report.exit_code())
}
