//! `lares run`: begins a run of a plan, and looks at runs one at a time.

use std::io::Write;
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::id::Address;
use domain::token::Token;

use crate::ask::Ask;
use crate::{Error, Exit};

mod begin;
mod cancel;
mod descend;
mod diff;
mod export;
mod given;
mod output;
mod plan;
mod rehearsal;
mod resume;
mod set;
mod show;
mod signal;
mod submit;
mod text;
mod verify;

pub(crate) use rehearsal::{tell_input, tell_workspace};

/// What may be said after `lares run`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    begin: begin::Begin,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Show a run: its steps, attempts, doubts and approvals
    Show(One),
    /// End a run: begin nothing more, ask what runs to end, and wait for it
    Cancel(cancel::Cancel),
    /// Let a run go on that has paused
    Resume(resume::Resume),
    /// Tell a run that something has happened which a step of it waits for
    Signal(signal::Signal),
    /// Give a run something else under the name of an input
    Set(set::Set),
    /// Begin a run that is the same up to a step, and goes its own way from there
    Fork(descend::Fork),
    /// Begin a run that does the same once more, all of it or from a step on
    Replay(descend::Replay),
    /// Print the plan of a run, as it runs
    Plan(One),
    /// Print all that a step has written, where that was more than `show` shows
    Output(output::Output),
    /// Compare two runs, step by step
    Diff(diff::Diff),
    /// Write all that is kept of a run into a folder
    Export(export::Export),
    /// Decide the history of a run again, with nothing done, and compare
    Verify(One),
}

#[derive(Debug, Clone, Args)]
struct One {
    /// As `lares runs` lists it, such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3
    id: Address,
    #[command(flatten)]
    ask: Ask,
}

/// Names a step of a run.
#[derive(Debug, Clone)]
pub(crate) struct OfRun {
    pub(crate) run: Address,
    pub(crate) step: String,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Some(verb) = arguments.verb else {
        return begin::run(arguments.begin, token, out).await;
    };
    match verb {
        Verb::Show(one) => show::run(one, token, out).await,
        Verb::Cancel(cancel) => cancel::run(cancel, token, out).await,
        Verb::Resume(resume) => resume::run(resume, token, out).await,
        Verb::Signal(signal) => signal::run(signal, token, out).await,
        Verb::Set(set) => set::run(set, token, out).await,
        Verb::Fork(fork) => descend::fork(fork, token, out).await,
        Verb::Replay(replay) => descend::replay(replay, token, out).await,
        Verb::Plan(one) => plan::run(one, token, out).await,
        Verb::Output(output) => output::run(output, token, out).await,
        Verb::Diff(diff) => diff::run(diff, token, out).await,
        Verb::Export(export) => export::run(export, token, out).await,
        Verb::Verify(one) => verify::run(one, token, out).await,
    }
}

pub(crate) fn path(run: Address, rest: &str) -> String {
    format!("/v1/runs/{run}{rest}")
}

impl FromStr for OfRun {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').filter(|(_, step)| !step.is_empty());
        let (run, step) =
            parts.ok_or("write it as RUN/STEP, such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3/note")?;
        if !is_plain(step) {
            return Err(format!("no step can be called `{step}`"));
        }
        let run = run.parse().map_err(|error: domain::id::NoAddress| error.to_string())?;
        Ok(OfRun { run, step: step.to_owned() })
    }
}

/// Whether a step, or what it brings, can be called so.
fn is_plain(name: &str) -> bool {
    // What takes a step back is called after it, with a tilde between.
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:~".contains(letter);
    !name.is_empty() && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_whatever_plans_call_it_and_nothing_that_leads_elsewhere() {
        let run = "pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3";
        let rows = [
            ("note", true),
            ("build-it~2", true),
            ("build-it~undo", true),
            ("", false),
            ("a/b", false),
            ("a?b", false),
            ("a b", false),
        ];
        for (step, expected) in rows {
            let read = format!("{run}/{step}").parse::<OfRun>();
            assert_eq!(read.is_ok(), expected, "{step:?}: {read:?}");
        }
        assert!("note".parse::<OfRun>().is_err());
    }
}
