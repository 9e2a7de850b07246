//! What keeps the journal of the node: a file in its folder, or a server.

use std::path::Path;
use std::sync::Arc;

use domain::BoxFuture;
use domain::journal::Journal;
use domain::records::Records;
use store::Sqlite;
use store::postgres::{self, Place, Postgres};

pub(crate) struct Opened {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) failed: BoxFuture<'static, Option<String>>,
}

pub(crate) fn open(folder: &Path, store: Option<&str>) -> anyhow::Result<Opened> {
    let Some(store) = store else {
        let sqlite = Arc::new(Sqlite::open(folder, &store::Options::default())?);
        let failed = sqlite.failed();
        return Ok(Opened { journal: Arc::clone(&sqlite) as _, records: sqlite, failed });
    };
    // A server that may lose what it has acknowledged is refused.
    let server = Postgres::open(&Place::new(store)?, &postgres::Options::default())?;
    let server = Arc::new(server);
    let failed = Box::pin(std::future::pending());
    Ok(Opened { journal: Arc::clone(&server) as _, records: server, failed })
}
