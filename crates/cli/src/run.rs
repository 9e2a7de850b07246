//! `lares run`: runs a script, and looks at runs one at a time.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::id::Address;
use domain::run::{Replayed, Run};
use domain::token::Token;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::Ask;
use crate::{Error, Exit, follow, story, text};

/// What may be said after `lares run`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The script to run; `-` reads it from standard input
    #[arg(required = true)]
    script: Option<PathBuf>,
    /// A name for this request: the same key again is the same run
    #[arg(long, value_parser = readable)]
    key: Option<String>,
    /// Show what happens until the run has ended; the exit code is then 0 only if it completed
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Show a run: its steps, attempts and doubts
    Show(One),
    /// End a run: begin nothing more, ask what runs to end, and wait for it
    Cancel(Cancel),
    /// Print all that a step has written, where that was more than `show` shows
    Output(Output),
    /// Decide the history of a run again, with nothing done, and compare
    Replay(One),
}

#[derive(Debug, Clone, Args)]
struct One {
    /// As `lares runs` lists it, such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3
    id: Address,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
struct Output {
    /// RUN/STEP, as `lares run show` names it
    id: OfRun,
    /// Which of what it has written, such as stdout
    #[arg(value_parser = plain)]
    name: String,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Debug, Clone, Args)]
struct Cancel {
    #[command(flatten)]
    one: One,
    /// Why, for whoever looks later
    #[arg(long)]
    reason: Option<String>,
}

/// Names a step of a run.
#[derive(Debug, Clone)]
pub(crate) struct OfRun {
    pub(crate) run: Address,
    pub(crate) step: String,
}

/// Whether a step, or what it brings, can be called so.
fn is_plain(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    !name.is_empty() && name.chars().all(is_plain)
}

impl FromStr for OfRun {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').filter(|(_, step)| !step.is_empty());
        let (run, step) =
            parts.ok_or("write it as RUN/STEP, such as pln_01KB3ZQ8Y5T6V7W8X9Y0Z1A2B3/note")?;
        if !is_plain(step) {
            return Err(format!("no step can be called `{step}`"));
        }
        let run = run.parse().map_err(|error: domain::id::NoAddress| error.to_string())?;
        Ok(OfRun { run, step: step.to_owned() })
    }
}

/// More than any name needs; the node takes no more.
const KEY_BYTES_MAX: usize = 200;

fn plain(name: &str) -> Result<String, String> {
    match is_plain(name) {
        true => Ok(name.to_owned()),
        false => Err("write it as `lares run show` does, such as stdout".to_owned()),
    }
}

fn readable(key: &str) -> Result<String, String> {
    let is_plain = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match is_plain && !key.is_empty() && key.len() <= KEY_BYTES_MAX {
        true => Ok(key.to_owned()),
        false => Err(format!("write 1 to {KEY_BYTES_MAX} letters of ASCII")),
    }
}

/// The longest script that is read; the node takes less, and says how much.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;

pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    match arguments.verb {
        Some(Verb::Show(one)) => show(one, token, out).await,
        Some(Verb::Cancel(cancel)) => end(cancel, token, out).await,
        Some(Verb::Output(output)) => print(output, token, out).await,
        Some(Verb::Replay(one)) => replay(one, token, out).await,
        None => begin(arguments, token, out).await,
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    id: Address,
}

async fn begin(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { script, key, follow, ask, .. } = arguments;
    let script = read(&script.unwrap_or_default())?;
    let client = ask.client(token.clone())?;
    // Whoever gives none would not know what to do when the answer is lost.
    let key = key.unwrap_or_else(text::once);
    let opened = match client.post("/v1/runs", script.clone(), Some(&key)).await {
        Err(Error::Broken { .. }) => client.post("/v1/runs", script.clone(), Some(&key)).await,
        answer => answer,
    };
    let opened: Opened = match opened {
        Ok(opened) => opened,
        Err(error @ (Error::Broken { .. } | Error::Late { .. })) => {
            return Err(Error::Unsure { key, source: error.into() });
        }
        Err(Error::TooBig(message)) => return Err(too_big(message, &script)),
        Err(error) => return Err(error),
    };
    if follow {
        return follow::run(opened.id, ask, token, out).await;
    }
    ask.show(&opened, |opened| format!("{}\n", opened.id), out)
}

/// With the place of what makes it so big.
fn too_big(message: String, script: &[u8]) -> Error {
    let script = serde_json::from_slice(script).unwrap_or_default();
    match heaviest(&script, String::new()) {
        Some((place, bytes)) => Error::Faults(vec![
            message,
            format!("{place}: has {bytes} bytes: keep them in a file that the step reads"),
        ]),
        None => Error::TooBig(message),
    }
}

/// The place of the longest text, and its length. As deep as JSON is read.
fn heaviest(value: &Value, place: String) -> Option<(String, usize)> {
    let longest = |all: &mut dyn Iterator<Item = (String, usize)>| all.max_by_key(|found| found.1);
    match value {
        Value::String(text) => Some((place, text.len())),
        Value::Array(values) => {
            let values = values.iter().enumerate();
            longest(&mut values.filter_map(|(at, value)| heaviest(value, format!("{place}[{at}]"))))
        }
        Value::Object(values) => longest(&mut values.iter().filter_map(|(name, value)| {
            let dot = if place.is_empty() { "" } else { "." };
            heaviest(value, format!("{place}{dot}{name}"))
        })),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Script { path: path.to_owned(), source };
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(SCRIPT_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(SCRIPT_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    }
    if SCRIPT_BYTES_MAX < text.len() as u64 {
        let what =
            format!("the script is longer than {SCRIPT_BYTES_MAX} bytes: keep data out of it");
        return Err(Error::Faults(vec![what]));
    }
    Ok(text)
}

async fn show(one: One, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let run: Run = one.ask.client(token)?.get(&path(one.id, "")).await?;
    one.ask.show(&run, story::tell, out)
}

async fn print(output: Output, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        name: &'a str,
        bytes: usize,
        text: &'a str,
    }

    let Output { id: OfRun { run, step }, name, ask } = output;
    let place = path(run, &format!("/steps/{step}/attachments/{name}"));
    let bytes = ask.client(token)?.bytes(&place).await?;
    if ask.json {
        let text = String::from_utf8_lossy(&bytes);
        let shown = Shown { name: &name, bytes: bytes.len(), text: &text };
        return ask.show(&shown, |_| String::new(), out);
    }
    text::write_bytes(&bytes, out)?;
    Ok(Exit::Done)
}

async fn end(cancel: Cancel, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    #[derive(Serialize)]
    struct Body {
        reason: Option<String>,
    }

    let Cancel { one, reason } = cancel;
    let client = one.ask.client(token)?;
    let body = text::json(&Body { reason })?.into_bytes();
    let taken: serde_json::Value = client.post(&path(one.id, "/cancel"), body, None).await?;
    let line = format!("{} is being canceled: it waits for what runs\n", one.id);
    one.ask.show(&taken, |_| line, out)
}

async fn replay(one: One, token: Option<Token>, out: &mut impl Write) -> Result<Exit, Error> {
    let client = one.ask.client(token)?;
    let replayed: Replayed = client.post(&path(one.id, "/replay"), Vec::new(), None).await?;
    let (exit, line) = match &replayed {
        Replayed::Same { turns, events } => (
            Exit::Done,
            format!("the same: {turns} turns decided again, {events} events, byte by byte\n"),
        ),
        Replayed::Different { seq, recorded, decided } => {
            let (recorded, decided) = (text::clean(recorded), text::clean(decided));
            let line = format!(
                "different from event {seq} on\n  recorded: {recorded}\n  decided:  {decided}\n"
            );
            (Exit::Failed, line)
        }
    };
    one.ask.show(&replayed, |_| line, out)?;
    Ok(exit)
}

pub(crate) fn path(run: Address, rest: &str) -> String {
    format!("/v1/runs/{run}{rest}")
}
