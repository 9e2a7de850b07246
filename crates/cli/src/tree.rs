//! `lares tree`: who lives on a node.

use std::io::Write;

use clap::Args;
use domain::token::Token;
use domain::tree::Actor;

use crate::ask::Ask;
use crate::text::{self, age, clean};
use crate::{Error, Exit};

/// What may be said after `lares tree`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    ask: Ask,
}

/// Asks the node for its tree and writes it.
pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { ask } = arguments;
    let root = fetch(&ask, token).await?;
    ask.show(&root, table, out)
}

/// The root actor of the node that is asked.
pub(crate) async fn fetch(ask: &Ask, token: Option<Token>) -> Result<Actor, Error> {
    ask.client(token)?.get("/v1/tree").await
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

    text::lay_out(&rows)
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

#[cfg(test)]
mod tests;
