//! The chain of the audit: each line holds the hash of the one before.

use std::cell::{Cell, RefCell};

use domain::id::Address;
use domain::journal::Error;
use domain::records::{Broken, Chain, Fault, Line, Position};
use domain::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::read::failed;
use super::rows;
use super::writer::Desk;
use crate::chain::{self, differs, hash};

/// The end of the chain, as the transaction that is open now leaves it: it is read once, and written
/// once for all lines of a commit.
#[derive(Default)]
pub(super) struct Tail {
    end: RefCell<Option<Chain>>,
    has_moved: Cell<bool>,
}

impl Tail {
    /// The transaction was undone: the next line asks the file.
    pub(super) fn forget(&self) {
        self.end.replace(None);
        self.has_moved.set(false);
    }

    fn take(&self, connection: &Connection) -> rusqlite::Result<Chain> {
        match self.end.take() {
            Some(end) => Ok(end),
            None => end(connection),
        }
    }

    /// Comes last in a transaction.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.has_moved.replace(false)
            && let Some(Chain { lines, head }) = &*self.end.borrow()
        {
            let sql = "UPDATE audit_end SET lines = ?1, hash = ?2";
            connection.prepare_cached(sql)?.execute(params![lines, head])?;
        }
        Ok(())
    }
}

fn end(connection: &Connection) -> rusqlite::Result<Chain> {
    let sql = "SELECT lines, hash FROM audit_end";
    connection.query_row(sql, [], |row| Ok(Chain { lines: row.get(0)?, head: row.get(1)? }))
}

/// Adds one line to the end.
pub(super) fn link(
    desk: &Desk<'_>,
    entity: Address,
    at: Timestamp,
    line: &[u8],
) -> rusqlite::Result<()> {
    let Chain { lines, head: before } = desk.tail.take(desk.connection)?;
    let address = entity.to_string();
    let head = hash(&before, &address, at, line);
    let sql = "INSERT INTO audit (position, address, at, line, before, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let lines = lines + 1;
    let values = params![lines, address, at.as_millis(), line, before, head];
    desk.connection.prepare_cached(sql)?.execute(values)?;
    desk.tail.end.replace(Some(Chain { lines, head }));
    desk.tail.has_moved.set(true);
    Ok(())
}

pub(super) fn lines(
    connection: &Connection,
    after: Position,
    limit: u32,
) -> Result<Vec<Line>, Error> {
    let sql = "SELECT position, address, at, line, before, hash FROM audit
               WHERE position > ?1 ORDER BY position LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let lines = statement.query_map(params![after.0, limit], line).map_err(failed)?;
    lines.collect::<Result<_, _>>().map_err(failed)
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        position: Position(row.get(0)?),
        entity: rows::written(row, 1)?,
        at: rows::timestamp(row, 2)?,
        line: row.get(3)?,
        before: row.get(4)?,
        hash: row.get(5)?,
    })
}

/// Walks the chain from its beginning to its end, or to the first link that does not hold.
pub(crate) fn verify(connection: &Connection) -> Result<Result<Chain, Broken>, Error> {
    // Lines that are added meanwhile are seen by neither question.
    let moment = connection.unchecked_transaction().map_err(failed)?;
    let written = end(&moment).map_err(failed)?;
    let sql = "SELECT position, address, at, line, before, hash FROM audit ORDER BY position";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut read = Chain::default();
    while let Some(row) = rows.next().map_err(failed)? {
        let position = Position(read.lines + 1);
        let fault = match line(row) {
            Ok(line) => differs(&read, &line),
            Err(_) => Some(Fault::Unreadable),
        };
        if let Some(fault) = fault {
            return Ok(Err(Broken { position, fault }));
        }
        read = Chain { lines: position.0, head: row.get(5).map_err(failed)? };
    }
    Ok(chain::end(read, written))
}
