//! How a verb finds its node: by address, or by the folder it runs on.

use std::path::{Path, PathBuf};

use clap::Args;
use domain::token::Token;
use reqwest::Url;

use crate::error::start;
use crate::{DATA_DEFAULT, Error, Node, is_running};

/// The part of every verb's command line that says which node is meant.
#[derive(Debug, Clone, Args)]
pub struct Find {
    /// The node's address; its token is taken from LARES_TOKEN
    #[arg(long, value_name = "URL", value_parser = address, conflicts_with = "data")]
    url: Option<String>,
    /// The data folder of a node on this machine
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
}

/// A node worth asking.
pub(crate) struct Found {
    pub(crate) url: String,
    pub(crate) token: Option<Token>,
    /// What a person should do where the token is not accepted.
    pub(crate) mend: String,
    /// The command that starts the node, should it not be there.
    pub(crate) start: String,
}

impl Find {
    /// The folder that is meant; the default one where an address is.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Whether it is known by an address, and its token by what was said.
    pub(crate) fn is_told(&self) -> bool {
        self.url.is_some()
    }

    /// Looks the node up. The token counts only beside an address; a folder holds its own.
    pub(crate) fn find(&self, token: Option<Token>) -> Result<Found, Error> {
        if let Some(url) = &self.url {
            let mend = format!(
                "set LARES_TOKEN to the `token` in {} in that node's data folder; each start of a \
                 node makes a new one",
                Node::FILE
            );
            return Ok(Found { url: url.clone(), token, mend, start: "lares up".to_owned() });
        }
        let data = &self.data;
        let Some(node) = Node::read(data)? else {
            return Err(Error::NoNode { data: data.clone() });
        };
        if !is_running(node.pid) {
            return Err(Error::Ended { data: data.clone(), pid: node.pid });
        }
        let mend = "another node seems to have taken its address; ask again, or restart it";
        Ok(Found {
            url: node.url,
            token: Some(node.token),
            mend: mend.to_owned(),
            start: start(data),
        })
    }
}

/// Reads `http://HOST:PORT`, and returns it without a slash at the end.
fn address(text: &str) -> Result<String, String> {
    let wanted = |why: &str| format!("{why}: write it as http://127.0.0.1:7878");

    let url = Url::parse(text).map_err(|error| wanted(&error.to_string()))?;
    if url.scheme() != "http" {
        return Err(wanted("a node speaks plain http on loopback"));
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wanted("only a host and a port belong here"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
