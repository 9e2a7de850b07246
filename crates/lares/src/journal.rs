//! Which journal a node has: a file in its folder, or tables on a server.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use cli::Exit;
use domain::BoxFuture;
use domain::backup::Backup;
use domain::journal::Journal;
use domain::lease::Leases;
use domain::records::Records;
use store::postgres::{self, Place, Postgres};
use store::{OpenError, Sqlite};

use crate::code::{self, Code};
use crate::configuration::Store;
use crate::copies::Copies;
use crate::environment;
use crate::failure::Failure;
use crate::folder::IN_FOLDER;

/// A journal that is open, by what it is to whom.
pub(crate) struct Opened {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) records: Arc<dyn Records>,
    /// Nothing where the folder is the lease, and another one would only write to the disk.
    pub(crate) leases: Option<Arc<dyn Leases>>,
    pub(crate) backup: Arc<dyn Backup>,
    /// Resolves once nothing may be written any more, and says why.
    pub(crate) failed: BoxFuture<'static, String>,
}

/// The one that the configuration names; the caller has locked the folder.
pub(crate) fn open(folder: &Path, store: &Store, accepts_loss: bool) -> Result<Opened, Failure> {
    match place(store)? {
        Some(place) => {
            let server = Postgres::open(&place, &options(accepts_loss)).map_err(unreached)?;
            let server = Arc::new(server);
            Ok(Opened {
                journal: Arc::clone(&server) as _,
                records: Arc::clone(&server) as _,
                leases: Some(server),
                backup: Arc::new(Copies::of_server(place)),
                // What a server has acknowledged is its own business.
                failed: Box::pin(pending()),
            })
        }
        None => {
            let sqlite = Sqlite::open(folder, &store::Options::default()).map_err(unopened)?;
            let sqlite = Arc::new(sqlite);
            let failed = sqlite.failed();
            Ok(Opened {
                journal: Arc::clone(&sqlite) as _,
                records: Arc::clone(&sqlite) as _,
                leases: None,
                backup: Arc::new(Copies::of_file(sqlite)),
                failed: Box::pin(async move {
                    match failed.await {
                        Some(how) => how,
                        // It was closed in order: nobody asks any more.
                        None => pending().await,
                    }
                }),
            })
        }
    }
}

/// Where that is, as people read it and a folder remembers it.
pub(crate) fn name(place: Option<&Place>) -> String {
    place.map_or_else(|| IN_FOLDER.to_owned(), |place| format!("at {place}"))
}

/// The server that keeps it, with the password; nothing where the journal is a file.
pub(crate) fn place(store: &Store) -> Result<Option<Place>, Failure> {
    let Some(place) = store.place().map_err(unreached)? else { return Ok(None) };
    Ok(Some(match password(store)? {
        Some(password) => place.with_password(&password),
        None => place,
    }))
}

pub(crate) fn options(accepts_loss: bool) -> postgres::Options {
    postgres::Options { accepts_loss, ..postgres::Options::default() }
}

/// The file counts before the environment.
fn password(store: &Store) -> Result<Option<String>, Failure> {
    let file = &store.password_file;
    if file.as_os_str().is_empty() {
        return Ok(environment::store_password());
    }
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `store.password_file`, {}", file.display()))
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    // An editor ends a file with a new line.
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn unopened(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::TooNew { .. } => Some(code::TOO_NEW),
        OpenError::ReadOnly { .. } => Some(code::READ_ONLY),
        OpenError::NotAJournal { .. } => Some(code::DAMAGED),
        OpenError::Locked { .. } => Some(code::FILE_HELD),
        OpenError::Full { .. } => Some(code::DISK_FULL),
        OpenError::NoFolder { .. } | OpenError::File { .. } | OpenError::Threads(_) => None,
    };
    Failure::new(Exit::Usage, error).coded(code)
}

fn unreached(error: postgres::OpenError) -> Failure {
    let code = code(&error);
    Failure::new(Exit::Usage, error).coded(code)
}

/// The page about a server that cannot be had.
pub(crate) fn code(error: &postgres::OpenError) -> Option<Code> {
    use postgres::OpenError as Error;
    match error {
        Error::TooNew { .. } => Some(code::TOO_NEW),
        Error::Unreachable { .. } | Error::NoDatabase { .. } => Some(code::NO_SERVER),
        Error::Password { .. } | Error::OpenSecret(_) | Error::Rights(_) => Some(code::NO_ENTRY),
        Error::Certificate { .. } | Error::Unencrypted { .. } | Error::Unchecked(_) => {
            Some(code::NO_TRUST)
        }
        Error::Loses { .. } => Some(code::MAY_LOSE),
        Error::Foreign | Error::TooOld { .. } => Some(code::UNFIT_SERVER),
        Error::Address(_) | Error::Migrate(_) | Error::Threads(_) => None,
    }
}
