//! `lares doubts`: steps of which only a person can say what became.

use std::io::Write;

use clap::Args;
use domain::run::{Awaits, Question};
use domain::time::Timestamp;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::{Error, Exit, call, text};

/// What may be said after `lares doubts`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
struct Doubts {
    doubts: Vec<Question>,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { ask } = arguments;
    let doubts: Doubts = ask.client(token)?.get("/v1/doubts").await?;
    ask.show(&doubts, |doubts| tell(doubts, text::now()), out)
}

/// How much of a call is shown; all of it is in the JSON.
const CALL_CHARS_MAX: usize = 1_000;

fn tell(doubts: &Doubts, now: Timestamp) -> String {
    if doubts.doubts.is_empty() {
        return "nothing is in doubt\n".to_owned();
    }
    let told = doubts.doubts.iter().map(|doubt| tell_one(doubt, now));
    told.collect::<Vec<_>>().join("\n")
}

fn tell_one(doubt: &Question, now: Timestamp) -> String {
    let Question { run, step, tool, args, begun_at, since, evidence, hands, awaits } = doubt;
    let mut text = format!("{run}/{step}\n");
    let mut line = |name: &str, what: &str| text += &format!("  {name:<11}  {what}\n");
    line("was begun", &call::tell(tool, args, CALL_CHARS_MAX));
    if let Some(begun_at) = begun_at {
        line("", &format!("{} ago", text::between(*begun_at, now)));
    }
    line("in doubt", &format!("for {}", text::between(*since, now)));
    line("is known", &text::clean(evidence));
    if let Some(hands) = hands {
        line("", &text::clean(hands));
    }
    match awaits {
        Awaits::Check => line("next", "its check is asked: there is nothing for you to do yet"),
        Awaits::Quiet { until } => {
            let left = text::between(now, *until);
            line("next", &format!("for {left} it may still be going on: look again then"));
            choose(doubt, &mut line);
        }
        Awaits::Person => {
            line("next", "look at what it works on, and say which it is:");
            choose(doubt, &mut line);
        }
    }
    text
}

/// What each answer means, and how it is given.
fn choose(doubt: &Question, line: &mut impl FnMut(&str, &str)) {
    let verb = format!("lares doubt settle {}/{}", doubt.run, doubt.step);
    line("it was done", &format!("{verb} --happened"));
    line("", "the step is done, and what comes after it begins");
    line("it was not", &format!("{verb} --did-not"));
    line("", "the step is done once more: if it was done after all, it is done twice");
}

#[cfg(test)]
mod tests;
