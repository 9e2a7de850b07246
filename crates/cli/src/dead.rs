//! `lares dead`: posts that could not be handled, and what becomes of them.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::records::shown::{Letter, Letters, Opened, SentAgain};
use domain::token::Token;

use crate::client::Client;
use crate::find::Find;
use crate::text::{self, ago, clean};
use crate::{Error, Exit};

/// What may be said after `lares dead`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// List dead letters, the newest first
    List(text::Page),
    /// Show all that is in one
    Show(One),
    /// Send one again, to whom it was for
    Replay(One),
    /// Remove one for good
    Discard(One),
}

#[derive(Debug, Clone, Args)]
struct One {
    /// Its number, as `lares dead list` shows it
    #[arg(value_name = "N")]
    letter: i64,
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
            let path = format!("/v1/dead?{}", page.query());
            let letters: Letters = Client::new(page.find.find(token)?)?.get(&path).await?;
            if page.json { text::json(&letters)? } else { table(&letters) }
        }
        Verb::Show(One { letter, find, json }) => {
            let path = format!("/v1/dead/{letter}");
            let opened: Opened = Client::new(find.find(token)?)?.get(&path).await?;
            if json { text::json(&opened)? } else { tell(&opened) }
        }
        Verb::Replay(One { letter, find, json }) => {
            let path = format!("/v1/dead/{letter}/replay");
            let client = Client::new(find.find(token)?)?;
            let sent: SentAgain = client.post(&path, Vec::new(), None).await?;
            let line = || format!("sent to {} again\n", sent.to);
            if json { text::json(&sent)? } else { line() }
        }
        Verb::Discard(One { letter, find, json }) => {
            let path = format!("/v1/dead/{letter}/discard");
            let client = Client::new(find.find(token)?)?;
            let taken: serde_json::Value = client.post(&path, Vec::new(), None).await?;
            let line = || format!("letter {letter} is gone\n");
            if json { text::json(&taken)? } else { line() }
        }
    };
    text::write(&text, out)?;
    Ok(Exit::Done)
}

fn table(letters: &Letters) -> String {
    if letters.letters.is_empty() {
        return "there are no dead letters\n".to_owned();
    }
    let mut rows = vec![["N", "DIED", "TO", "WHAT", "WHY"].map(str::to_owned)];
    rows.extend(letters.letters.iter().map(|letter| {
        let Letter { letter, to, name, story, died_at, .. } = letter;
        [letter.to_string(), ago(*died_at), to.to_string(), clean(name), clean(story)]
    }));
    text::lay_out(&rows) + &text::more("before", letters.next.as_ref())
}

fn tell(opened: &Opened) -> String {
    let Opened { letter, key, body, sent_at } = opened;
    let from = letter.from.map_or("a door".to_owned(), |from| from.to_string());
    format!(
        "letter {number}  {name}, to {to} from {from}, key {key}\n\
         sent {sent}, died {died}: {story}\n\n{body}\n\n\
         lares dead replay {number}    to send it again, once what was wrong is mended\n\
         lares dead discard {number}   to give it up\n",
        number = letter.letter,
        name = clean(&letter.name),
        to = letter.to,
        key = clean(key),
        sent = ago(*sent_at),
        died = ago(letter.died_at),
        story = clean(&letter.story),
        body = clean(&body.to_string()),
    )
}
