//! The actions that blueprints name: each a tool that does one thing to a workspace, the same way
//! every time.
//!
//! What they have in common: a workspace that is always said and never guessed, commands under the
//! guard, and work on files that ends when the call does.

use domain::tool::{Attachment, Content, Failure, Media};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::command::refused;

pub(crate) mod apply_patch;
mod blocking;
pub(crate) mod checks;
pub(crate) mod context_pack;
pub(crate) mod diff_report;
mod files;
mod git;
mod globs;
mod numbers;
mod patch;
mod project;
pub(crate) mod site;
pub(crate) mod summary;
pub(crate) mod workspace;

/// How many files a value names: it is small, and attachments hold all of them.
const FILES_SHOWN_MAX: usize = 200;

/// The arguments of a call, which have no faults.
fn read<T: DeserializeOwned>(args: Value) -> Result<T, Failure> {
    let refuse = |error| refused(format!("the arguments cannot be read: {error}"));
    serde_json::from_value(args).map_err(refuse)
}

fn attachment(name: &str, media: Media, bytes: Vec<u8>) -> Attachment {
    Attachment { name: name.to_owned(), content: Content::Bytes(bytes), media }
}

/// A text as a cell or an entry of Markdown: in one line, and with nothing that Markdown reads.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => cell.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' => {
                cell.push('\\');
                cell.push(letter);
            }
            letter => cell.push(letter),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_nothing_that_markdown_reads() {
        let rows =
            [("plain text", "plain text"), ("a|b\nc", "a\\|b c"), ("<b>`x`", "\\<b\\>\\`x\\`")];
        for (text, expected) in rows {
            assert_eq!(cell(text), expected);
        }
    }
}
