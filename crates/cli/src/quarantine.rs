//! `lares quarantine`: who was put aside, and what becomes of it.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::id::Address;
use domain::records::shown::{Case, Quarantine, Quarantined};
use domain::token::Token;

use crate::client::Client;
use crate::find::Find;
use crate::text::{self, ago, clean};
use crate::{Error, Exit};

/// What may be said after `lares quarantine`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// List who was put aside, the newest first
    List(text::Page),
    /// Show why one was put aside, what it did last, and what waits for it
    Show(One),
    /// Open it again: it goes on as after a crash
    Release(One),
    /// Close it for good: what waits for it becomes dead letters
    Discard(One),
}

#[derive(Debug, Clone, Args)]
struct One {
    /// As `lares quarantine list` shows it, such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3
    id: Address,
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
    let text = match arguments.verb {
        Verb::List(page) => {
            let path = format!("/v1/quarantine?{}", page.query());
            let quarantine: Quarantine = Client::new(page.find.find(token)?)?.get(&path).await?;
            if page.json { text::json(&quarantine)? } else { table(&quarantine) }
        }
        Verb::Show(One { id, find, json }) => {
            let case: Case = Client::new(find.find(token)?)?.get(&path(id, "")).await?;
            if json { text::json(&case)? } else { tell(&case) }
        }
        Verb::Release(one) => {
            let line = format!("{} goes on: `lares run show {}` tells how\n", one.id, one.id);
            mend(one, "/release", line, token).await?
        }
        Verb::Discard(one) => {
            let line = format!("{} is closed: `lares dead list` shows what waited\n", one.id);
            mend(one, "/discard", line, token).await?
        }
    };
    text::write(&text, out)?;
    Ok(Exit::Done)
}

async fn mend(one: One, how: &str, line: String, token: Option<Token>) -> Result<String, Error> {
    let client = Client::new(one.find.find(token)?)?;
    let taken: serde_json::Value = client.post(&path(one.id, how), Vec::new(), None).await?;
    if one.json { text::json(&taken) } else { Ok(line) }
}

fn path(id: Address, rest: &str) -> String {
    format!("/v1/quarantine/{id}{rest}")
}

fn table(quarantine: &Quarantine) -> String {
    if quarantine.entities.is_empty() {
        return "nobody is put aside\n".to_owned();
    }
    let mut rows = vec![["ID", "SINCE", "EVENTS", "WHY"].map(str::to_owned)];
    rows.extend(quarantine.entities.iter().map(|entity| {
        let Quarantined { id, reason, events, since, .. } = entity;
        [id.to_string(), ago(*since), events.to_string(), clean(reason)]
    }));
    text::lay_out(&rows) + &text::more("before", quarantine.next.as_ref())
}

fn tell(case: &Case) -> String {
    let Quarantined { id, reason, events, since, .. } = &case.entity;
    let mut told = format!("{id}  put aside {}: {}\n", ago(*since), clean(reason));
    told += &format!("\nits last events, of {events}\n");
    if let Some(why) = &case.unread {
        told += &format!("  cannot be read: {}\n", clean(why));
    }
    for event in &case.last {
        told += &format!("  {}  {}  {}\n", event.seq, ago(event.at), clean(&event.name));
    }
    if !case.waiting.is_empty() {
        told += "\nwaits for it\n";
    }
    for waiting in &case.waiting {
        let name = clean(&waiting.name);
        told += &format!("  {name}  {}  key {}\n", ago(waiting.sent_at), clean(&waiting.key));
    }
    told += &format!(
        "\nlares quarantine release {id}   to let it go on, once what was wrong is mended\n\
         lares quarantine discard {id}   to give it up\n"
    );
    told
}
