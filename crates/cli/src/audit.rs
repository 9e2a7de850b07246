//! `lares audit`: what was done, line by line, and whether anybody has changed that since.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::records::shown::{Audit, Line, Verified};
use domain::token::Token;

use crate::ask::Ask;
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
    Verify(Ask),
}

#[derive(Debug, Clone, Args)]
struct List {
    /// How many at most; 100 is the most that one page holds
    #[arg(long, default_value_t = 20, allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Those after this line
    #[arg(long, value_name = "LINE", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    ask: Ask,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(list) => self::list(list, token, out).await,
        Verb::Verify(ask) => verify(ask, token, out).await,
    }
}

async fn list(list: List, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let List { limit, after, ask } = list;
    let path = format!("/v1/audit?limit={limit}&after={after}");
    let audit: Audit = ask.client(token)?.get(&path).await?;
    ask.show(&audit, table, out)
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

async fn verify(ask: Ask, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let verified: Verified = ask.patient_client(token)?.get("/v1/audit/verify").await?;
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
    ask.show(&verified, |_| line, out)?;
    Ok(exit)
}
