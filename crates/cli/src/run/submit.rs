//! Asking a node to begin a run, once, whatever becomes of the answer.

use std::io::Write;

use domain::id::Address;
use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::client::Client;
use crate::{Error, Exit, follow, text};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Opened {
    id: Address,
}

/// Asks for it, and once more under the same key if the answer was lost.
pub(super) async fn submit(
    client: &Client,
    (media, path): (&str, &str),
    body: Vec<u8>,
    key: Option<String>,
) -> Result<Opened, Error> {
    // Whoever gives none would not know what to do when the answer is lost.
    let key = key.unwrap_or_else(text::once);
    let opened = match client.post_as(media, path, body.clone(), Some(&key)).await {
        Err(Error::Broken { .. }) => client.post_as(media, path, body, Some(&key)).await,
        answer => answer,
    };
    opened.map_err(|error| match error.is_unheard() {
        true => Error::Unsure { key, source: error.into() },
        false => error,
    })
}

/// Prints which run it is, or follows it to its end.
pub(super) async fn tell(
    opened: Opened,
    follow: bool,
    ask: Ask,
    token: Option<Token>,
    out: &mut impl Write,
) -> Result<Exit, Error> {
    if follow {
        return follow::run(opened.id, ask, token, out).await;
    }
    ask.show(&opened, |opened| format!("{}\n", opened.id), out)
}

/// More than any name needs; the node takes no more.
const KEY_BYTES_MAX: usize = 200;

/// A name for a request that every node takes.
pub(super) fn key(key: &str) -> Result<String, String> {
    let is_plain = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match is_plain && !key.is_empty() && key.len() <= KEY_BYTES_MAX {
        true => Ok(key.to_owned()),
        false => Err(format!("write 1 to {KEY_BYTES_MAX} letters of ASCII")),
    }
}
