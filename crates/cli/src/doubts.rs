//! `lares doubts`: steps of which only a person can say what became.

use std::io::Write;

use clap::Args;
use domain::run::Question;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::find::Find;
use crate::{Error, Exit, text};

/// What may be said after `lares doubts`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    find: Find,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
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
    let Arguments { find, json } = arguments;
    let doubts: Doubts = Client::new(find.find(token)?)?.get("/v1/doubts").await?;
    let text = if json { text::json(&doubts)? } else { tell(&doubts) };
    text::write(&text, out)?;
    Ok(Exit::Done)
}

fn tell(doubts: &Doubts) -> String {
    if doubts.doubts.is_empty() {
        return "nothing is in doubt\n".to_owned();
    }
    let told = doubts.doubts.iter().map(|doubt| {
        let Question { run, step, tool, args, evidence, .. } = doubt;
        let args = text::clean(&args.to_string());
        let (tool, evidence) = (text::clean(tool), text::clean(evidence));
        format!(
            "{run}/{step}\n  {tool} {args}\n  {evidence}\n  \
             lares doubt settle {run}/{step} --happened (or --did-not)\n"
        )
    });
    told.collect::<Vec<_>>().join("\n")
}
