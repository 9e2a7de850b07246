//! `lares top`: the actors of a node that deserve a look first.

use std::cmp::Reverse;
use std::io::Write;

use clap::{Args, ValueEnum};
use domain::token::Token;
use domain::tree::{Actor, Mailbox, State};
use serde::Serialize;

use crate::ask::Ask;
use crate::text::{self, age, clean};
use crate::tree;
use crate::{Error, Exit};

/// What may be said after `lares top`.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    #[command(flatten)]
    ask: Ask,
    /// What counts most
    #[arg(long, value_enum, default_value_t = By::Mailbox)]
    by: By,
    /// How many actors to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// How much waits for it
    Mailbox,
    /// How often it was brought back
    Restarts,
    /// How long its present incarnation lives, youngest first
    Age,
}

/// One actor, without those below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    path: String,
    kind: String,
    state: State,
    incarnation: u32,
    restarts: u32,
    mailbox: Mailbox,
    age_ms: u64,
    last_error: Option<String>,
}

/// Asks the node for its tree and writes who leads the list.
pub async fn run(
    arguments: Arguments,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    let Arguments { ask, by, limit } = arguments;
    let root = tree::fetch(&ask, token).await?;
    let mut rows = Vec::new();
    flatten(&mut rows, "", root);
    rank(&mut rows, by);
    rows.truncate(limit);
    ask.show(&rows, |rows| table(rows), out)
}

fn flatten(rows: &mut Vec<Row>, above: &str, actor: Actor) {
    let path = match above {
        "" => actor.id,
        above => format!("{above}/{}", actor.id),
    };
    rows.push(Row {
        path: path.clone(),
        kind: actor.kind,
        state: actor.state,
        incarnation: actor.incarnation,
        restarts: actor.restarts,
        mailbox: actor.mailbox,
        age_ms: actor.age_ms,
        last_error: actor.last_error,
    });
    for child in actor.children {
        flatten(rows, &path, child);
    }
}

/// Who leads; among equals the order of the tree stays.
fn rank(rows: &mut [Row], by: By) {
    match by {
        By::Mailbox => rows.sort_by_key(|row| Reverse((row.mailbox.depth, row.restarts))),
        By::Restarts => rows.sort_by_key(|row| Reverse((row.restarts, row.mailbox.depth))),
        By::Age => rows.sort_by_key(|row| row.age_ms),
    }
}

const HEADINGS: [&str; 7] = ["MAILBOX", "RESTARTS", "LIFE", "AGE", "STATE", "ACTOR", "LAST ERROR"];

/// How much of an error a row shows; all of it is in the JSON.
const ERROR_CHARS_MAX: usize = 80;

fn table(rows: &[Row]) -> String {
    let mut cells = vec![HEADINGS.map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        let error = row.last_error.as_deref().map_or("-".to_owned(), clean);
        [
            format!("{}/{}", row.mailbox.depth, row.mailbox.bound),
            row.restarts.to_string(),
            row.incarnation.to_string(),
            age(row.age_ms),
            row.state.word().to_owned(),
            clean(&row.path),
            error.chars().take(ERROR_CHARS_MAX).collect(),
        ]
    }));
    text::lay_out(&cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str, depth: u64, restarts: u32, age_ms: u64, children: Vec<Actor>) -> Actor {
        Actor {
            id: id.to_owned(),
            kind: "dummy".to_owned(),
            state: State::Running,
            incarnation: restarts + 1,
            restarts,
            mailbox: Mailbox { depth, bound: 8 },
            age_ms,
            last_error: None,
            children,
        }
    }

    fn paths(by: By) -> Vec<String> {
        let busy = actor("busy", 7, 0, 3_000, vec![]);
        let weak = actor("weak", 0, 4, 10, vec![]);
        let root = actor("root", 0, 0, 9_000, vec![actor("s", 0, 0, 8_000, vec![busy, weak])]);
        let mut rows = Vec::new();
        flatten(&mut rows, "", root);
        rank(&mut rows, by);
        rows.into_iter().map(|row| row.path).collect()
    }

    #[test]
    fn the_one_that_counts_most_leads_and_equals_keep_the_order_of_the_tree() {
        assert_eq!(paths(By::Mailbox), ["root/s/busy", "root/s/weak", "root", "root/s"]);
        assert_eq!(paths(By::Restarts), ["root/s/weak", "root/s/busy", "root", "root/s"]);
        assert_eq!(paths(By::Age), ["root/s/weak", "root/s/busy", "root/s", "root"]);
    }
}
