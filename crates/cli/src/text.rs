//! What verbs print: tables for people, JSON for programs, and nothing that moves a cursor.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::SystemTime;

use clap::Args;
use domain::time::Timestamp;
use serde::Serialize;

use crate::Error;
use crate::ask::Ask;

/// Which page of a list, the newest first, and how it is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct Page {
    /// How many at most; 100 is the most that one page holds
    #[arg(long, default_value_t = 20, allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Those before this place, as the page before says it
    #[arg(long, value_name = "PLACE")]
    before: Option<i64>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

impl Page {
    /// What a node is asked for it.
    pub(crate) fn query(&self) -> String {
        let before = self.before.map_or(String::new(), |place| format!("&before={place}"));
        format!("limit={}{before}", self.limit)
    }
}

/// How one sees the next page, if there is one.
pub(crate) fn more(key: &str, next: Option<&impl Display>) -> String {
    next.map_or(String::new(), |next| format!("more with --{key} {next}\n"))
}

/// How much of a cell a table shows; all of it is in the JSON.
const CELL_CHARS_MAX: usize = 300;

/// Columns as wide as their widest cell, two spaces between them.
pub(crate) fn lay_out<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let cut = |row: &[String; COLUMNS]| row.each_ref().map(|cell| shorten(cell, CELL_CHARS_MAX));
    let rows: Vec<[String; COLUMNS]> = rows.iter().map(cut).collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// One JSON value on a line of its own.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::Write(error.into()))?;
    Ok(text + "\n")
}

pub(crate) fn write(text: &str, out: &mut impl Write) -> Result<(), Error> {
    write_bytes(text.as_bytes(), out)
}

pub(crate) fn write_bytes(bytes: &[u8], out: &mut impl Write) -> Result<(), Error> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Who reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Write),
    }
}

/// A text that moves no cursor, turns no line round and hides nothing: what actors report may come
/// from anywhere.
pub(crate) fn clean(text: &str) -> String {
    let shown = |letter: char| match letter {
        _ if letter.is_control() => ' ',
        _ if is_hidden(letter) => char::REPLACEMENT_CHARACTER,
        _ => letter,
    };
    text.chars().map(shown).collect()
}

/// What Unicode calls formatting and a terminal does not show: marks of direction above all.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// As much of it as so many letters hold; what is left out shows as one more.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An age in its two largest units.
pub(crate) fn age(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days != 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours != 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes != 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else if seconds != 0 {
        format!("{seconds}s")
    } else {
        format!("{ms}ms")
    }
}

/// A name that nobody else gives: of this process, and of this moment.
pub(crate) fn once() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("once-{}-{}", std::process::id(), now.as_nanos())
}

/// How long ago it was.
pub(crate) fn ago(at: Timestamp) -> String {
    format!("{} ago", between(at, now()))
}

/// What lies between two moments, as an age.
pub(crate) fn between(early: Timestamp, late: Timestamp) -> String {
    age(u64::try_from(late.since(early).as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
