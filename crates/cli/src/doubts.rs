//! `lares doubts`: steps of which only a person can say what became.

use std::io::Write;

use clap::Args;
use domain::run::{Awaits, Question};
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::{Error, Exit, text};

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
    ask.show(&doubts, tell, out)
}

fn tell(doubts: &Doubts) -> String {
    if doubts.doubts.is_empty() {
        return "nothing is in doubt\n".to_owned();
    }
    let told = doubts.doubts.iter().map(|doubt| {
        let Question { run, step, tool, args, evidence, awaits, .. } = doubt;
        let args = text::clean(&args.to_string());
        let (tool, evidence) = (text::clean(tool), text::clean(evidence));
        let verb = format!("lares doubt settle {run}/{step} --happened (or --did-not)");
        let next = match awaits {
            Awaits::Person => verb,
            Awaits::Check => "its check is asked: wait for it".to_owned(),
            Awaits::Quiet { until } => {
                let left = text::left(*until);
                format!("for {left} somebody may still be at it; then its check, or: {verb}")
            }
        };
        format!("{run}/{step}\n  {tool} {args}\n  {evidence}\n  {next}\n")
    });
    told.collect::<Vec<_>>().join("\n")
}
