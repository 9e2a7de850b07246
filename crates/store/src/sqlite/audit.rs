//! The chain of the audit: each line holds the hash of the one before.

use std::cell::RefCell;

use domain::id::Address;
use domain::journal::Error;
use domain::records::{Broken, Chain, Fault, Line, Position};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::read::failed;
use super::rows;
use super::writer::Desk;

/// The hash of the last line, as the transaction that is open now leaves it; so that it need not
/// be read for each line.
#[derive(Default)]
pub(super) struct Tail(RefCell<Option<Vec<u8>>>);

impl Tail {
    /// The transaction was undone: the next line asks the file.
    pub(super) fn forget(&self) {
        self.0.replace(None);
    }

    fn take(&self, connection: &Connection) -> rusqlite::Result<Vec<u8>> {
        match self.0.take() {
            Some(hash) => Ok(hash),
            None => {
                let sql = "SELECT hash FROM audit ORDER BY position DESC LIMIT 1";
                let last = connection.query_row(sql, [], |row| row.get(0)).optional()?;
                Ok(last.unwrap_or_default())
            }
        }
    }
}

/// Adds one line to the end.
pub(super) fn link(
    desk: &Desk<'_>,
    entity: Address,
    at: Timestamp,
    line: &[u8],
) -> rusqlite::Result<()> {
    let before = desk.tail.take(desk.connection)?;
    let address = entity.to_string();
    let hash = hash(&before, &address, at, line);
    let sql = "INSERT INTO audit (address, at, line, before, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![address, at.as_millis(), line, before, hash];
    desk.connection.prepare_cached(sql)?.execute(values)?;
    desk.tail.0.replace(Some(hash));
    Ok(())
}

fn hash(before: &[u8], address: &str, at: Timestamp, line: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(address);
    hash.update(at.as_millis().to_le_bytes());
    hash.update(line);
    hash.finalize().to_vec()
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
    let sql = "SELECT position, address, at, line, before, hash FROM audit ORDER BY position";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut chain = Chain::default();
    while let Some(row) = rows.next().map_err(failed)? {
        let position = Position(chain.lines + 1);
        let fault = match line(row) {
            Ok(line) => differs(&chain, &line),
            Err(_) => Some(Fault::Unreadable),
        };
        if let Some(fault) = fault {
            return Ok(Err(Broken { position, fault }));
        }
        chain = Chain { lines: position.0, head: row.get(5).map_err(failed)? };
    }
    // Numbers are given once, so the highest one that was given tells of lines cut off at the end.
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";
    let last: Option<u64> =
        connection.query_row(sql, [], |row| row.get(0)).optional().map_err(failed)?;
    let is_cut = last.unwrap_or(0) > chain.lines;
    let missing = Broken { position: Position(chain.lines + 1), fault: Fault::Missing };
    Ok(if is_cut { Err(missing) } else { Ok(chain) })
}

/// How this line does not follow what was read so far.
fn differs(chain: &Chain, line: &Line) -> Option<Fault> {
    if line.position.0 != chain.lines + 1 {
        return Some(Fault::Missing);
    }
    if line.before != chain.head {
        return Some(Fault::Before);
    }
    let hash = hash(&line.before, &line.entity.to_string(), line.at, &line.line);
    (hash != line.hash).then_some(Fault::Hash)
}
