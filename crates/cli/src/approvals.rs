//! `lares approvals`: what people are asked before it is done.

use std::io::Write;

use clap::Args;
use domain::approval::Approval;
use domain::time::Timestamp;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::{Error, Exit, call, text};

/// What may be said after `lares approvals`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    approvals: Vec<Approval>,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { ask } = arguments;
    let waiting: Waiting = ask.client(token)?.get("/v1/approvals").await?;
    ask.show(&waiting, |waiting| tell(waiting, text::now()), out)
}

/// How much of a call is shown; all of it is in the JSON.
const CALL_CHARS_MAX: usize = 200;

fn tell(waiting: &Waiting, now: Timestamp) -> String {
    if waiting.approvals.is_empty() {
        return "nobody is asked for anything\n".to_owned();
    }
    let told = waiting.approvals.iter().map(|approval| tell_one(approval, now));
    told.collect::<Vec<_>>().join("\n")
}

fn tell_one(approval: &Approval, now: Timestamp) -> String {
    let Approval { id, run, step, about, tool, args, since, until, .. } = approval;
    let (since, left) = (text::between(*since, now), text::between(now, *until));
    let call = call::tell(tool, args, CALL_CHARS_MAX);
    let (about, step) = (text::clean(about), text::clean(step));
    format!(
        "{id}  {run}/{step}\n  \
         asks   {about}\n  \
         does   {call}\n  \
         since  {since} ago; for {left} more, then it counts as refused\n  \
         next   lares approve {id} (or lares deny {id})\n"
    )
}

#[cfg(test)]
mod tests;
