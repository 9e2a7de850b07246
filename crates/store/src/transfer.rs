//! Rows on their way between a file and a server, whose tables are the same. What has arrived is
//! read once more, and held against what was sent, row by row.
//!
//! These functions block, like all that copies a whole journal.

mod file;
mod server;

use std::path::Path;

use rusqlite::Connection;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::backup::{BackupError, Checked, check, make_from_server};
use crate::postgres::{self, OpenError, Options, Place};
use crate::sqlite::copy;

/// What a column holds; a number may be missing, like everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    /// True or false; in a file it is 1 or 0.
    Flag,
    Text,
    Bytes,
}

struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    /// Of each row, and the order in which they are sent.
    key: &'static str,
    /// Whether the first column is a number that is given once.
    counts: bool,
}

/// A value as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    None,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

const fn table(
    name: &'static str,
    key: &'static str,
    counts: bool,
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table { name, columns, key, counts }
}

use Kind::{Bytes, Flag, Number, Text};

const TABLES: [Table; 11] = [
    table(
        "entities",
        "entity",
        true,
        &[
            ("entity", Number),
            ("kind", Text),
            ("id", Bytes),
            ("epoch", Number),
            ("owner", Bytes),
            ("head", Number),
            ("owes", Number),
            ("wake_at", Number),
            ("status", Number),
            ("reason", Text),
            ("asks", Flag),
            ("format", Number),
            ("last_append", Bytes),
            ("opened_at", Number),
            ("changed_at", Number),
            ("bytes", Number),
        ],
    ),
    table("going", "entity", false, &[("entity", Number)]),
    table("forgotten", "entity", false, &[("entity", Number), ("kind", Text), ("id", Bytes)]),
    table(
        "events",
        "position",
        true,
        &[
            ("position", Number),
            ("entity", Number),
            ("seq", Number),
            ("epoch", Number),
            ("at", Number),
            ("name", Text),
            ("version", Number),
            ("body", Bytes),
            ("heard", Bytes),
            ("checksum", Number),
        ],
    ),
    table(
        "inbox",
        "ordinal",
        true,
        &[
            ("ordinal", Number),
            ("entity", Number),
            ("key", Text),
            ("from_kind", Text),
            ("from_id", Bytes),
            ("name", Text),
            ("version", Number),
            ("body", Bytes),
            ("state", Number),
            ("at", Number),
            ("answer", Bytes),
        ],
    ),
    table(
        "dead",
        "letter",
        true,
        &[
            ("letter", Number),
            ("kind", Text),
            ("id", Bytes),
            ("key", Text),
            ("from_kind", Text),
            ("from_id", Bytes),
            ("name", Text),
            ("version", Number),
            ("body", Bytes),
            ("story", Text),
            ("sent_at", Number),
            ("died_at", Number),
        ],
    ),
    table(
        "audit",
        "position",
        false,
        &[
            ("position", Number),
            ("address", Text),
            ("at", Number),
            ("line", Bytes),
            ("before", Bytes),
            ("hash", Bytes),
        ],
    ),
    table("audit_end", "lines", false, &[("lines", Number), ("hash", Bytes)]),
    table(
        "blobs",
        "hash",
        false,
        &[("hash", Bytes), ("size", Number), ("at", Number), ("whole", Flag)],
    ),
    table(
        "blob_parts",
        "hash, part",
        false,
        &[("hash", Bytes), ("part", Number), ("bytes", Bytes)],
    ),
    table("blob_uses", "entity, hash", false, &[("entity", Number), ("hash", Bytes)]),
];

impl Table {
    fn columns(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM {} ORDER BY {}", self.columns(), self.name, self.key)
    }
}

/// Why rows did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the server cannot be read or written")]
    Server(#[from] sqlx::Error),
    #[error("the file cannot be read or written")]
    File(#[from] rusqlite::Error),
    #[error("row {row} of the table `{table}` did not arrive as it was sent: try it again")]
    Differs { table: &'static str, row: u64 },
    #[error("{0} holds a journal: copy into an empty one")]
    Occupied(String),
    #[error("cannot start the threads of a copy")]
    Threads(#[source] std::io::Error),
}

/// Copies the journal on a server into one file, while it is in use. It is the journal of the moment
/// in which copying began.
pub fn backup(place: &Place, to: &Path) -> Result<Checked, BackupError> {
    make_from_server(place, to, |part| {
        let mut file = copy::open(part).map_err(Failed::from)?;
        block_on(async {
            let mut connection = postgres::connect(place).await?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            let mut moment = connection.begin_with(begin).await?;
            file::prepare(&mut file)?;
            into_file(&mut moment, &mut file).await?;
            compare(&mut moment, &file).await
        })?;
        file.close().map_err(|(_, error)| Failed::from(error))?;
        Ok(())
    })
}

/// Makes a journal on a server from a copy, and writes over nothing.
pub fn restore(from: &Path, place: &Place, options: &Options) -> Result<Checked, BackupError> {
    let checked = check(from)?;
    let done = || -> Result<(), Failed> {
        let file = file::open(from)?;
        block_on(async {
            let mut connection = postgres::prepared(place, options).await?;
            let mut change = connection.begin().await?;
            into_server(&file, &mut change, place).await?;
            compare(&mut change, &file).await?;
            change.commit().await?;
            Ok(())
        })
    };
    done().map_err(|source| BackupError::Transfer { place: place.to_string(), source })?;
    Ok(checked)
}

/// On this thread, which blocks anyway.
fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failed::Threads)?.block_on(work)
}

async fn into_file(from: &mut PgConnection, to: &mut Connection) -> Result<(), Failed> {
    let change = to.transaction()?;
    for table in &TABLES {
        let mut into = file::Into::table(&change, table)?;
        server::each(from, table, |row| into.put(&row).map_err(Failed::from)).await?;
        drop(into);
        if table.counts {
            file::count_on(&change, table, server::count(from, table).await?)?;
        }
    }
    change.commit()?;
    Ok(())
}

async fn into_server(
    from: &Connection,
    to: &mut PgConnection,
    place: &Place,
) -> Result<(), Failed> {
    if server::is_used(to).await? {
        return Err(Failed::Occupied(place.to_string()));
    }
    server::prepare(to).await?;
    for table in &TABLES {
        let mut statement = from.prepare(&table.select())?;
        let mut rows = statement.query([])?;
        let mut into = server::Into::table(to, table).await?;
        while let Some(row) = rows.next()? {
            into.put(&file::values(row, table)?).await?;
        }
        into.end().await?;
        if table.counts {
            server::count_on(to, table, file::count(from, table)?).await?;
        }
    }
    Ok(())
}

/// Holds both against each other.
async fn compare(server: &mut PgConnection, file: &Connection) -> Result<(), Failed> {
    for table in &TABLES {
        let mut statement = file.prepare(&table.select())?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        let differs = |row| Failed::Differs { table: table.name, row };
        server::each(server, table, |one| {
            count += 1;
            let other = rows.next()?.map(|row| file::values(row, table)).transpose()?;
            if other.as_ref() == Some(&one) { Ok(()) } else { Err(differs(count)) }
        })
        .await?;
        if rows.next()?.is_some() {
            return Err(differs(count + 1));
        }
    }
    Ok(())
}
