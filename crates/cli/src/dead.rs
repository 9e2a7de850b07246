//! `lares dead`: posts that could not be handled, and what becomes of them.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::records::shown::{Letter, Letters, Opened, SentAgain};
use domain::token::Token;

use crate::ask::Ask;
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
    ask: Ask,
}

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::List(page) => {
            let path = format!("/v1/dead?{}", page.query());
            let letters: Letters = page.ask.client(token)?.get(&path).await?;
            page.ask.show(&letters, table, out)
        }
        Verb::Show(One { letter, ask }) => {
            let path = format!("/v1/dead/{letter}");
            let opened: Opened = ask.client(token)?.get(&path).await?;
            ask.show(&opened, tell, out)
        }
        Verb::Replay(One { letter, ask }) => {
            let path = format!("/v1/dead/{letter}/replay");
            let sent: SentAgain = ask.client(token)?.post(&path, Vec::new(), None).await?;
            ask.show(&sent, |sent| format!("sent to {} again\n", sent.to), out)
        }
        Verb::Discard(One { letter, ask }) => {
            let path = format!("/v1/dead/{letter}/discard");
            let taken: serde_json::Value = ask.client(token)?.post(&path, Vec::new(), None).await?;
            ask.show(&taken, |_| format!("letter {letter} is gone\n"), out)
        }
    }
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
