//! `lares approvals`: what people are asked before it is done.

use std::io::Write;

use clap::Args;
use domain::approval::{Answer, Approval, ApprovalId};
use domain::time::Timestamp;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::{Error, Exit, call, text};

/// What may be said after `lares approvals`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// One of them, with all that would be done
    id: Option<ApprovalId>,
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
    let Arguments { id, ask } = arguments;
    let client = ask.client(token)?;
    match id {
        Some(id) => {
            let approval: Approval = client.get(&format!("/v1/approvals/{id}")).await?;
            ask.show(&approval, |approval| tell_all(approval, text::now()), out)
        }
        None => {
            let waiting: Waiting = client.get("/v1/approvals").await?;
            ask.show(&waiting, |waiting| tell(waiting, text::now()), out)
        }
    }
}

/// How much of a call is shown in a list.
const CALL_CHARS_MAX: usize = 200;

fn tell(waiting: &Waiting, now: Timestamp) -> String {
    if waiting.approvals.is_empty() {
        return "nobody is asked for anything\n".to_owned();
    }
    let told = waiting.approvals.iter().map(|approval| tell_one(approval, now));
    told.collect::<Vec<_>>().join("\n")
}

fn tell_one(approval: &Approval, now: Timestamp) -> String {
    let Approval { id, tool, args, .. } = approval;
    let call = call::tell(tool, args, usize::MAX);
    let shown = text::shorten(&call, CALL_CHARS_MAX);
    let rest = match shown == call {
        true => String::new(),
        false => format!("         all of it: lares approvals {id}\n"),
    };
    format!("{}  does   {shown}\n{rest}{}", tell_question(approval), tell_answer(approval, now))
}

/// Nobody can allow what they have not seen: every letter of every argument.
fn tell_all(approval: &Approval, now: Timestamp) -> String {
    let Approval { tool, args, digest, .. } = approval;
    let mut does = format!("  does   {}\n", text::clean(tool));
    for (name, value) in args.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        does += &format!("         {}:\n", text::clean(name));
        for line in value.lines() {
            does += &format!("           {}\n", text::clean(line));
        }
    }
    let (question, answer) = (tell_question(approval), tell_answer(approval, now));
    format!("{question}{does}  digest {digest}\n{answer}")
}

fn tell_question(approval: &Approval) -> String {
    let Approval { id, run, step, about, .. } = approval;
    let (about, step) = (text::clean(about), text::clean(step));
    format!("{id}  {run}/{step}\n  asks   {about}\n")
}

fn tell_answer(approval: &Approval, now: Timestamp) -> String {
    let Approval { id, since, until, answer, .. } = approval;
    let since = text::between(*since, now);
    match answer {
        None => {
            let left = text::between(now, *until);
            format!(
                "  since  {since} ago; for {left} more, then it counts as refused\n  \
                 next   lares approve {id} (or lares deny {id})\n"
            )
        }
        Some(Answer { verdict, note, at }) => {
            let note = note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            let (word, at) = (verdict.word(), text::between(*at, now));
            format!("  since  {since} ago; {word} {at} ago{}\n", text::clean(&note))
        }
    }
}

#[cfg(test)]
mod tests;
