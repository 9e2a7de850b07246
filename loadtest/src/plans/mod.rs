//! Written plans: what they cost beside scripts, how fast a text is checked, and how a long run is
//! written out.

mod check;
mod export;
mod overhead;

use crate::peers::Bench;
use crate::report::Report;

pub(crate) use check::{Text, ours as check};
pub(crate) use export::fill;

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

/// A group of rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Overhead,
    Check,
    Export,
}

/// Measures what was asked for; returns the exit code.
pub(crate) fn run(options: &Options) -> anyhow::Result<u8> {
    use clap::ValueEnum;
    let bench = Bench::open(false)?;
    let mut report = Report::begin(options.json)?;
    for name in Name::value_variants() {
        if !options.only.is_empty() && !options.only.contains(name) {
            continue;
        }
        eprintln!("{name:?}");
        let rows = match name {
            Name::Overhead => overhead::rows(&bench, options.rounds),
            Name::Check => check::rows(&bench, options.rounds),
            Name::Export => export::rows(&bench, options.rounds),
        };
        for row in rows? {
            report.add(&row)?;
        }
    }
    Ok(report.exit_code())
}
