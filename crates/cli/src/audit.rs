//! `lares audit`: what was done, line by line, and whether anybody has changed that since.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::records::shown::{Audit, Line, Verified};
use domain::token::Token;

use crate::client::Client;
use crate::find::Find;
use crate::text::{self, ago, clean};
use crate::{Error, Exit};

/// What may be said after `lares audit`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// List lines, the oldest first
    List(List),
    /// Walk the whole chain; exit 1 if a link does not hold
    Verify(Verify),
}

#[derive(Debug, Clone, Args)]
struct List {
    /// How many at most; 100 is the most that one page holds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Those after this line
    #[arg(long, value_name = "LINE", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    find: Find,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Args)]
struct Verify {
    #[command(flatten)]
    find: Find,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(list) => self::list(list, token, out).await,
        Verb::Verify(verify) => self::verify(verify, token, out).await,
    }
}

async fn list(list: List, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let List { limit, after, find, json } = list;
    let path = format!("/v1/audit?limit={limit}&after={after}");
    let audit: Audit = Client::new(find.find(token)?)?.get(&path).await?;
    text::write(&if json { text::json(&audit)? } else { table(&audit) }, out)?;
    Ok(Exit::Done)
}

fn table(audit: &Audit) -> String {
    if audit.lines.is_empty() {
        return "there are no lines\n".to_owned();
    }
    let mut rows = vec![["LINE", "WHEN", "WHO", "WHAT"].map(str::to_owned)];
    rows.extend(audit.lines.iter().map(|line| {
        let Line { position, entity, at, line, .. } = line;
        [position.to_string(), ago(*at), entity.to_string(), clean(line)]
    }));
    text::lay_out(&rows) + &text::more("after", audit.next.as_ref())
}

async fn verify(verify: Verify, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let Verify { find, json } = verify;
    let client = Client::patient(find.find(token)?)?;
    let verified: Verified = client.get("/v1/audit/verify").await?;
    let (exit, line) = match &verified {
        Verified::Sound { lines, head } if head.is_empty() => {
            (Exit::Done, format!("sound: {lines} lines\n"))
        }
        Verified::Sound { lines, head } => {
            let line = format!("sound: {lines} lines, of which the last has the hash\n{head}\n");
            (Exit::Done, line)
        }
        Verified::Broken { position, what } => {
            let line =
                format!("broken at line {position}: {}; compare it with a backup\n", clean(what));
            (Exit::Failed, line)
        }
    };
    text::write(&if json { text::json(&verified)? } else { line }, out)?;
    Ok(exit)
}
