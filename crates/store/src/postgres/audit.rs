//! The chain of the audit: each line holds the hash of the one before.

use domain::id::Address;
use domain::records::{Broken, Chain, Fault, Line, Position};
use domain::time::Timestamp;
use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Error, Row};

use super::values::{millis, number, signed, timestamp, written};
use super::{Asked, trouble};
use crate::chain::{differs, hash};

/// Adds lines to the end. Whoever is at it holds the end until their transaction is over, so this
/// comes last in one.
pub(super) async fn link(
    connection: &mut PgConnection,
    entity: Address,
    at: Timestamp,
    lines: &[Vec<u8>],
) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let sql = "SELECT lines, hash FROM audit_end FOR NO KEY UPDATE";
    let mut chain = end(&sqlx::query(sql).fetch_one(&mut *connection).await?)?;
    let address = entity.to_string();
    for line in lines {
        let head = hash(&chain.head, &address, at, line);
        let sql = "INSERT INTO audit (position, address, at, line, before, hash)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(sql)
            .bind(signed(chain.lines + 1))
            .bind(&address)
            .bind(millis(at))
            .bind(line)
            .bind(&chain.head)
            .bind(&head)
            .execute(&mut *connection)
            .await?;
        chain = Chain { lines: chain.lines + 1, head };
    }
    let sql = "UPDATE audit_end SET lines = $1, hash = $2";
    sqlx::query(sql).bind(signed(chain.lines)).bind(&chain.head).execute(connection).await?;
    Ok(())
}

fn end(row: &PgRow) -> Result<Chain, Error> {
    Ok(Chain { lines: number(row, 0)?, head: row.try_get(1)? })
}

fn line(row: &PgRow) -> Result<Line, Error> {
    Ok(Line {
        position: Position(number(row, 0)?),
        entity: written(row, 1)?,
        at: timestamp(row, 2)?,
        line: row.try_get(3)?,
        before: row.try_get(4)?,
        hash: row.try_get(5)?,
    })
}

pub(super) async fn lines(
    connection: &mut PgConnection,
    after: Position,
    limit: u32,
) -> Asked<Vec<Line>> {
    let sql = "SELECT position, address, at, line, before, hash FROM audit
               WHERE position > $1 ORDER BY position LIMIT $2";
    let rows = sqlx::query(sql).bind(signed(after.0)).bind(i64::from(limit));
    let rows = rows.fetch_all(connection).await.map_err(trouble)?;
    rows.iter().map(line).collect::<Result<_, _>>().map_err(trouble)
}

/// Walks the chain from its beginning to its end, or to the first link that does not hold.
pub(super) async fn verify(connection: &mut PgConnection) -> Asked<Result<Chain, Broken>> {
    // Lines that are added meanwhile are seen by neither question.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let mut moment = connection.begin_with(begin).await.map_err(trouble)?;
    let last = sqlx::query("SELECT lines, hash FROM audit_end").fetch_one(&mut *moment).await;
    let last = last.and_then(|row| end(&row)).map_err(trouble)?;
    let sql = "SELECT position, address, at, line, before, hash FROM audit ORDER BY position";
    let mut rows = sqlx::query(sql).fetch(&mut *moment);
    let mut chain = Chain::default();
    while let Some(row) = rows.try_next().await.map_err(trouble)? {
        let position = Position(chain.lines + 1);
        let fault = match line(&row) {
            Ok(line) => differs(&chain, &line),
            Err(_) => Some(Fault::Unreadable),
        };
        if let Some(fault) = fault {
            return Ok(Err(Broken { position, fault }));
        }
        chain = Chain { lines: position.0, head: row.try_get(5).map_err(trouble)? };
    }
    Ok(crate::chain::end(chain, last))
}
