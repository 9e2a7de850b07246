//! Where the journal is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use store::postgres::{OpenError, Place};

/// The data folder, or a server that several nodes share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Store {
    /// Of a Postgres server; empty for a file in the data folder.
    pub(crate) url: String,
    /// A file that holds the password of its role; empty for none.
    pub(crate) password_file: PathBuf,
}

impl Store {
    /// Where the server is; nothing where the journal is a file in the data folder.
    pub(crate) fn place(&self) -> Result<Option<Place>, OpenError> {
        if self.url.is_empty() { Ok(None) } else { Place::new(&self.url).map(Some) }
    }

    pub(super) fn invalid(&self) -> Option<(&'static str, String)> {
        if let Err(error) = self.place() {
            return Some(("url", format!("cannot be used: {error}")));
        }
        let is_alone = self.url.is_empty() && !self.password_file.as_os_str().is_empty();
        is_alone
            .then(|| ("password_file", "is for a server, and `store.url` names none".to_owned()))
    }
}
