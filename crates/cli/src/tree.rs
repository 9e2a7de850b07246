//! `lares tree`: who lives on a node.

use std::io::{self, Write};

use clap::Args;
use domain::token::Token;
use domain::tree::Actor;

use crate::Error;
use crate::client::Client;
use crate::find::Find;

/// What may be said after `lares tree`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    find: Find,
    /// Print one JSON object, the root actor, instead of a table
    #[arg(long)]
    json: bool,
}

/// Asks the node for its tree and writes it.
pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let client = Client::new(arguments.find.find(token)?)?;
    let root: Actor = client.get("/v1/tree").await?;
    let text = if arguments.json { json(&root)? } else { table(&root) };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Write),
    }
}

fn json(root: &Actor) -> Result<String, Error> {
    let text = serde_json::to_string(root).map_err(|error| Error::Write(error.into()))?;
    Ok(text + "\n")
}

const HEADINGS: [&str; COLUMNS] =
    ["ACTOR", "KIND", "STATE", "RESTARTS", "MAILBOX", "AGE", "LAST ERROR"];
const COLUMNS: usize = 7;

/// How much of an error a row shows; all of it is in the JSON.
const ERROR_CHARS_MAX: usize = 120;

/// The tree as a person reads it: one row per actor, children indented below their parent.
fn table(root: &Actor) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.push(row("", root));
    add_children(&mut rows, "", root);

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

fn add_children(rows: &mut Vec<[String; COLUMNS]>, indent: &str, parent: &Actor) {
    let last = parent.children.len().saturating_sub(1);
    for (index, child) in parent.children.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        rows.push(row(&format!("{indent}{branch}"), child));
        add_children(rows, &format!("{indent}{below}"), child);
    }
}

fn row(branch: &str, actor: &Actor) -> [String; COLUMNS] {
    let error = actor.last_error.as_deref().map_or("-".to_owned(), clean);
    [
        format!("{branch}{}", clean(&actor.id)),
        clean(&actor.kind),
        actor.state.word().to_owned(),
        actor.restarts.to_string(),
        format!("{}/{}", actor.mailbox.depth, actor.mailbox.bound),
        age(actor.age_ms),
        error.chars().take(ERROR_CHARS_MAX).collect(),
    ]
}

/// A text that moves no cursor: what actors report may come from anywhere.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// An age in its two largest units.
fn age(ms: u64) -> String {
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

#[cfg(test)]
mod tests;
