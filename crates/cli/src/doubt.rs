//! `lares doubt`: a person says what became of a step.

use std::io::Write;
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::id::Address;
use domain::token::Token;
use serde::Serialize;

use crate::ask::Ask;
use crate::run::path;
use crate::{Error, Exit, text};

/// What may be said after `lares doubt`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Say whether the effect of a step has happened
    Settle(Settle),
}

#[derive(Debug, Clone, Args)]
struct Settle {
    /// RUN/STEP, as `lares doubts` lists it
    id: OfRun,
    #[command(flatten)]
    verdict: Verdict,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Verdict {
    /// It has: the step is done, and is not repeated
    #[arg(long)]
    happened: bool,
    /// It has not: the step is done once more
    #[arg(long)]
    did_not: bool,
}

/// Names a step of a run.
#[derive(Debug, Clone)]
pub(crate) struct OfRun {
    pub(crate) run: Address,
    pub(crate) step: String,
}

/// Whether a step, or what it brings, can be called so.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    !name.is_empty() && name.chars().all(is_plain)
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

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        happened: bool,
    }

    let Verb::Settle(Settle { id: OfRun { run, step }, verdict, ask }) = arguments.verb;
    let happened = verdict.happened;
    let path = path(run, &format!("/steps/{step}/settle"));
    let body = text::json(&Body { happened })?.into_bytes();
    let taken: serde_json::Value = ask.client(token)?.post(&path, body, None).await?;
    let line = match happened {
        true => format!("{run}/{step} is done\n"),
        false => format!("{run}/{step} is done once more\n"),
    };
    ask.show(&taken, |_| line, out)
}
