//! What is read from the environment, and all that is.

use std::path::PathBuf;

use domain::token::Token;

/// What to log, as `level` or `target=level`, separated by commas.
pub(crate) const LOG: &str = "LARES_LOG";

/// The token of the node that `--url` names.
const TOKEN: &str = "LARES_TOKEN";

/// Of the role that the journal is kept by, where no file holds it.
const STORE_PASSWORD: &str = "LARES_STORE_PASSWORD";

pub(crate) fn store_password() -> Option<String> {
    read(STORE_PASSWORD)
}

pub(crate) fn log() -> Option<String> {
    read(LOG)
}

pub(crate) fn token() -> Option<Token> {
    // A file that it was read from may end with a new line.
    read(TOKEN).map(|text| Token::new(text.trim()))
}

/// Where the system keeps what is only needed for a while.
pub(crate) fn temporary() -> PathBuf {
    std::env::temp_dir()
}

/// All of it that tools see.
pub(crate) fn of_tools() -> skills::Environment {
    skills::Environment {
        path: read("PATH"),
        home: read("HOME"),
        user: read("USER"),
        lang: read("LANG"),
        tz: read("TZ"),
        term: read("TERM"),
    }
}

/// An empty variable is one that is not set; bytes that are no text fail where they are used.
fn read(name: &str) -> Option<String> {
    let text = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}
