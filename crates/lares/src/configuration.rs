//! The configuration file, `lares.toml` in the data folder: optional, and checked key by key.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use toml::de::DeTable;

mod key;
mod retention;
mod store;

pub(crate) use retention::Retention;
pub(crate) use store::Store;

/// All that can be configured. What the file leaves out keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Configuration {
    /// The loopback address and port the HTTP door listens on; port 0 takes any free one.
    #[serde(deserialize_with = "socket_address")]
    pub(crate) listen: SocketAddr,
    /// How long what runs may take to end once the node is told to stop, before it is cut off; at
    /// most an hour, and 0s for not at all.
    #[serde(with = "domain::duration")]
    pub(crate) drain: Duration,
    /// How actors are run.
    pub(crate) runtime: runtime::Options,
    /// What a run may hold and how long it may take.
    pub(crate) runs: work::Limits,
    /// How many steps may be at the same thing at the same time.
    pub(crate) lanes: Lanes,
    /// For how long what is over is kept.
    pub(crate) retention: Retention,
    /// Where the journal is kept.
    pub(crate) store: Store,
}

/// Permits of each lane; 1 or more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Lanes {
    /// Commands.
    pub(crate) shell: u32,
    /// Requests.
    pub(crate) http: u32,
    /// Each lane that a script makes up.
    pub(crate) others: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Lanes { shell: 8, http: 32, others: 16 }
    }
}

impl Lanes {
    pub(crate) fn board(&self) -> runtime::durable::Lanes {
        let permits = [("shell".into(), self.shell), ("http".into(), self.http)];
        runtime::durable::Lanes { permits: permits.into(), others: self.others }
    }

    fn invalid(&self) -> Option<(&'static str, String)> {
        let lanes = [("shell", self.shell), ("http", self.http), ("others", self.others)];
        let none = lanes.into_iter().find(|(_, permits)| *permits == 0);
        none.map(|(key, _)| (key, "must be 1 or more: nothing would ever begin".to_owned()))
    }
}

/// Short against the patience of what manages processes, long against most commands.
const DRAIN: Duration = Duration::from_secs(30);
const DRAIN_MAX: Duration = Duration::from_secs(60 * 60);

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: web::Options::default().listen,
            drain: DRAIN,
            runtime: runtime::Options::default(),
            runs: work::Limits::default(),
            lanes: Lanes::default(),
            retention: Retention::default(),
            store: Store::default(),
        }
    }
}

/// Why the file cannot be used. Each is mended in the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the configuration {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}:{line}: {what}", path.display())]
    Wrong { path: PathBuf, line: usize, what: String },
}

/// What is wrong, and at which byte of the text.
struct Fault {
    offset: usize,
    what: String,
}

impl Configuration {
    /// Its name inside the data folder.
    pub(crate) const FILE: &str = "lares.toml";

    /// Reads the file of this folder; without one everything has its default.
    pub(crate) fn read(data: &Path) -> Result<Self, Error> {
        let path = data.join(Self::FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Unreadable { path, source }),
        };
        Self::parse(&text).map_err(|fault| {
            let line = 1 + text.bytes().take(fault.offset).filter(|byte| *byte == b'\n').count();
            Error::Wrong { path, line, what: fault.what }
        })
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let table = DeTable::parse(text).map_err(|error| syntax(&error))?.into_inner();
        // The defaults name every key there is, so the list of known ones cannot fall behind.
        let known = toml::Table::try_from(Self::default()).expect("the defaults are a table");
        if let Some(unknown) = key::first_unknown(&table, &known) {
            return Err(unknown);
        }
        let configuration: Self = toml::from_str(text).map_err(|error| value(&table, &error))?;
        let Configuration { listen: _, drain, runtime, runs, lanes, retention, store } =
            &configuration;
        if DRAIN_MAX < *drain {
            let offset = key::offset(&table, "drain").unwrap_or_default();
            let most = domain::duration::render(DRAIN_MAX);
            return Err(Fault { offset, what: format!("`drain` must be {most} or less") });
        }
        let tables = [
            ("runtime", runtime.invalid()),
            ("runs", runs.invalid()),
            ("lanes", lanes.invalid()),
            ("retention", retention.invalid()),
            ("store", store.invalid()),
        ];
        for (table_name, invalid) in tables {
            if let Some((key, what)) = invalid {
                let key = format!("{table_name}.{key}");
                let offset = key::offset(&table, &key).unwrap_or_default();
                return Err(Fault { offset, what: format!("`{key}` {what}") });
            }
        }
        Ok(configuration)
    }
}

/// Reads an address as people write it, here and on the command line.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address with a port: write one such as 127.0.0.1:7878 or [::1]:0")
    })
}

fn socket_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    address(&text).map_err(serde::de::Error::custom)
}

fn syntax(error: &toml::de::Error) -> Fault {
    let offset = error.span().map_or(0, |span| span.start);
    Fault { offset, what: one_line(error.message()) }
}

fn value(table: &DeTable<'_>, error: &toml::de::Error) -> Fault {
    let fault = syntax(error);
    match key::at(table, fault.offset) {
        Some(key) => Fault { what: format!("`{key}`: {}", fault.what), ..fault },
        None => fault,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
