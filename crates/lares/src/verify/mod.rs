//! `lares verify`: shows on real nodes that the promises hold on this machine.
//!
//! Everything happens in a folder that is made for it: the nodes are processes of this same program
//! on stores of their own, and no store of a user is ever opened. What was started is ended by
//! whoever started it, also where somebody interrupts.

mod ask;
mod damage;
mod drained;
mod ledger;
mod node;
mod plans;
mod replays;
mod report;
mod restarts;
mod scratch;
#[cfg(test)]
mod tests;
mod undone;
mod wait;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use cli::Exit;

use self::report::{Check, Findings, Name, Report};
use self::scratch::Scratch;
use crate::failure::Failure;
use crate::signals::Signals;

/// What may be said after `lares verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Kill nodes, replay runs and damage copies, and report as JSON whether every promise held
    Durability(Durability),
}

#[derive(Debug, Clone, Args)]
struct Durability {
    /// Write the report there instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Work in this folder, which is new or empty, and leave everything in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Carries out the checks, and ends as their report says.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let What::Durability(Durability { out, keep }) = &arguments.what;
    // Before anything is done: nobody waits for a report that has no place.
    let out = out.as_deref().map(create).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime").map_err(failed)?;
    let (report, is_cleared) = runtime.block_on(carry_out(keep.as_deref()))?;
    write(&report, out).map_err(failed)?;
    Ok(if report.has_passed() && is_cleared { Exit::Done } else { Exit::Failed })
}

fn create(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()));
    file.map_err(|error| Failure::new(Exit::Usage, error))
}

fn write(report: &Report, out: Option<File>) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)? + "\n";
    match out {
        Some(mut file) => file.write_all(text.as_bytes()),
        None => std::io::stdout().write_all(text.as_bytes()),
    }
    .context("cannot write the report")
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Failed, error)
}

/// All checks, unless somebody interrupts: then the nodes end with the check that they are of.
/// Returns as well whether nothing is left that should not be.
async fn carry_out(keep: Option<&Path>) -> Result<(Report, bool), Failure> {
    // Before there is a folder, so that it goes however this ends.
    let signals = Signals::listen().context("cannot listen for signals");
    let mut signals = signals.map_err(failed)?;
    let scratch = Scratch::make(keep)?;
    let report = tokio::select! {
        biased;
        signal = signals.next() => Err(failed(anyhow!("ended by {signal}: there is no report"))),
        report = Box::pin(checks(&scratch)) => Ok(report),
    };
    let left = scratch.leave().await;
    if let Err(error) = &left {
        crate::say_to_stderr(&format!("{error:#}"));
    }
    Ok((report?, left.is_ok()))
}

async fn checks(scratch: &Scratch) -> Report {
    let mut report = Report::new(scratch);
    let begun = Instant::now();
    let (carried, found) = match restarts::carry(scratch).await {
        Ok((carried, found)) => (Some(carried), Ok(found)),
        Err(error) => (None, Err(error)),
    };
    report.add(told(Check::of(Name::RestartContinuity, begun.elapsed(), found, scratch)));

    let begun = Instant::now();
    let found = match carried {
        Some(carried) => replays::compare(carried).await,
        None => Err(anyhow!("no run was carried to its end, so there is nothing to replay")),
    };
    report.add(told(Check::of(Name::ReplayEquivalence, begun.elapsed(), found, scratch)));

    let begun = Instant::now();
    let found = inject(scratch).await;
    report.add(told(Check::of(Name::FailureInjection, begun.elapsed(), Ok(found), scratch)));
    report
}

/// Each on a store of its own: what one finds keeps nobody from looking for the rest.
async fn inject(scratch: &Scratch) -> Findings {
    let mut found = Findings::default();
    found.take("undone", undone::look(scratch).await);
    found.take("drained", drained::look(scratch).await);
    found.take("damaged", damage::look(scratch).await);
    found
}

/// A line for whoever waits, for each check.
fn told(check: Check) -> Check {
    crate::say_to_stderr(&check.line());
    check
}
