//! `lares doubt`: a person says what became of a step.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::token::Token;
use serde::Serialize;

use crate::ask::Ask;
use crate::run::{OfRun, path};
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
