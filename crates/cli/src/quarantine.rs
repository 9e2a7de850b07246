//! `lares quarantine`: who was put aside, and what becomes of it.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::id::Address;
use domain::records::shown::{Case, Quarantine, Quarantined};
use domain::token::Token;

use crate::ask::Ask;
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
    ask: Ask,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(page) => {
            let path = format!("/v1/quarantine?{}", page.query());
            let quarantine: Quarantine = page.ask.client(token)?.get(&path).await?;
            page.ask.show(&quarantine, table, out)
        }
        Verb::Show(One { id, ask }) => {
            let case: Case = ask.client(token)?.get(&path(id, "")).await?;
            ask.show(&case, tell, out)
        }
        Verb::Release(One { id, ask }) => {
            let path = path(id, "/release");
            let taken: serde_json::Value = ask.client(token)?.post(&path, Vec::new(), None).await?;
            let line = format!("{id} goes on: `lares run show {id}` tells how\n");
            ask.show(&taken, |_| line, out)
        }
        Verb::Discard(One { id, ask }) => {
            let path = path(id, "/discard");
            let taken: serde_json::Value = ask.client(token)?.post(&path, Vec::new(), None).await?;
            let line = format!("{id} is closed: `lares dead list` shows what waited\n");
            ask.show(&taken, |_| line, out)
        }
    }
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
