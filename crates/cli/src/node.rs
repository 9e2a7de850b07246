//! What a running node leaves in its folder, so that the other verbs find it.

use std::io;
use std::path::Path;

use domain::token::Token;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A running node, as it describes itself in `node.json`.
///
/// The node writes it when it is ready and removes it at its end; after a kill it stays behind.
#[derive(Clone, Serialize, Deserialize)]
pub struct Node {
    pub pid: u32,
    /// `http://ADDR:PORT`, without a slash at the end.
    pub url: String,
    pub token: Token,
}

impl Node {
    /// Its name inside the data folder.
    pub const FILE: &str = "node.json";

    /// The node that says it runs on this folder, if one does.
    pub(crate) fn read(data: &Path) -> Result<Option<Self>, Error> {
        let path = data.join(Self::FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(source) => return Err(Error::Unreadable { path, source }),
        };
        let node = serde_json::from_slice(&text);
        node.map(Some).map_err(|source| Error::Garbled { path, source })
    }
}

/// A folder that is no folder holds no file either.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether a process of this id is there; assumed where the system has no way to tell.
pub fn is_running(pid: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}
