//! Reading: short questions, each a transaction of its own.

use std::sync::Arc;

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{Boot, Due, Error, Ordinal, Recorded, Seq, Waiting};
use domain::time::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::values::{self, address, number, number_if_any, signed};
use super::{Asked, trouble};
use crate::rows::{Walk, name};

pub(super) async fn history(
    connection: &mut PgConnection,
    entity: Address,
    after: Seq,
    limit: u32,
) -> Asked<Vec<Recorded>> {
    // The head comes along, so that events which are missing at the end are missed.
    let sql = "SELECT seq, events.epoch, at, name, version, body, heard, checksum, head
               FROM entities LEFT JOIN events
                   ON events.entity = entities.entity AND events.seq > $3
               WHERE kind = $1 AND id = $2 ORDER BY seq LIMIT $4";
    let rows = sqlx::query(sql)
        .bind(entity.kind.prefix())
        .bind(entity.id.to_bytes().to_vec())
        .bind(signed(after.0))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(trouble)?;
    let (mut walk, mut head) = (Walk::after(entity, after), Seq(0));
    for row in &rows {
        head = Seq(number(row, 8).map_err(trouble)?);
        if row.try_get::<Option<i64>, _>(0).map_err(trouble)?.is_none() {
            break;
        }
        walk.take(values::recorded(entity, row))?;
    }
    walk.end(head, limit)
}

pub(super) async fn inbox(
    connection: &mut PgConnection,
    entity: Address,
    after: Ordinal,
    limit: u32,
) -> Asked<Vec<Waiting>> {
    let sql = "SELECT ordinal, key, from_kind, from_id, name, version, body, at FROM inbox
               WHERE entity = (SELECT entity FROM entities WHERE kind = $1 AND id = $2)
               AND state = 0 AND ordinal > $3 ORDER BY ordinal LIMIT $4";
    let rows = sqlx::query(sql)
        .bind(entity.kind.prefix())
        .bind(entity.id.to_bytes().to_vec())
        .bind(after.0)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(trouble)?;
    rows.iter().map(|row| values::waiting(entity, row)).collect::<Result<_, _>>().map_err(trouble)
}

pub(super) async fn answer(
    connection: &mut PgConnection,
    entity: Address,
    key: Arc<str>,
) -> Asked<Option<Vec<u8>>> {
    let sql = "SELECT answer FROM inbox
               WHERE entity = (SELECT entity FROM entities WHERE kind = $1 AND id = $2)
               AND key = $3 AND state = 1";
    let row = sqlx::query(sql)
        .bind(entity.kind.prefix())
        .bind(entity.id.to_bytes().to_vec())
        .bind(&*key)
        .fetch_optional(connection)
        .await
        .map_err(trouble)?;
    let answer: Option<Option<Vec<u8>>> =
        row.map(|row| row.try_get(0)).transpose().map_err(trouble)?;
    Ok(answer.flatten())
}

pub(super) async fn due(
    connection: &mut PgConnection,
    boot: Boot,
    after: Option<Address>,
    limit: u32,
) -> Asked<Vec<Due>> {
    // Those that owe or wake are found by their index, in order; those that are waited for by
    // theirs, and they are few: nobody is looked at who has nothing to do.
    let sql = "WITH living AS (
                   SELECT boot FROM nodes WHERE until > clock_timestamp() AND boot != $4)
               SELECT kind, id, wake_at, owes > 0 OR EXISTS (
                   SELECT 1 FROM inbox WHERE inbox.entity = entities.entity AND state = 0)
               FROM entities
               WHERE status = 0 AND (kind, id) > ($1, $2)
                   AND NOT EXISTS (SELECT 1 FROM living WHERE boot = owner) AND entity IN (
                   (SELECT entity FROM entities
                    WHERE status = 0 AND (owes > 0 OR wake_at IS NOT NULL) AND (kind, id) > ($1, $2)
                        AND NOT EXISTS (SELECT 1 FROM living WHERE boot = owner)
                    ORDER BY kind, id LIMIT $3)
                   UNION SELECT entity FROM inbox WHERE state = 0)
               ORDER BY kind, id LIMIT $3";
    let (kind, id) = match after {
        Some(after) => (after.kind.prefix(), after.id.to_bytes().to_vec()),
        None => ("", Vec::new()),
    };
    let rows = sqlx::query(sql).bind(kind).bind(id).bind(i64::from(limit));
    let rows = rows.bind(boot.to_bytes().to_vec());
    let rows = rows.fetch_all(connection).await.map_err(trouble)?;
    let due = rows.iter().map(|row| {
        let (wake_at, at_once) = (number_if_any(row, 2)?, row.try_get::<bool, _>(3)?);
        let at = wake_at.filter(|_| !at_once).map(Timestamp::from_millis);
        Ok(Due { entity: address(row, 0)?, at })
    });
    due.collect::<Result<_, _>>().map_err(trouble)
}

// --- blobs ---

pub(super) async fn blob(connection: &mut PgConnection, blob: Blob) -> Asked<Option<Vec<u8>>> {
    let sql = "SELECT (SELECT string_agg(bytes, ''::bytea ORDER BY part) FROM blob_parts
                       WHERE blob_parts.hash = blobs.hash)
               FROM blobs WHERE hash = $1 AND whole";
    let row = sqlx::query(sql).bind(blob.hash().as_slice());
    let row = row.fetch_optional(connection).await.map_err(trouble)?;
    let bytes: Option<Option<Vec<u8>>> =
        row.map(|row| row.try_get(0)).transpose().map_err(trouble)?;
    match bytes.map(Option::unwrap_or_default) {
        Some(bytes) if name(&bytes) != blob => {
            Err(Error::Spoiled { blob, what: "its checksum differs".to_owned() })
        }
        found => Ok(found),
    }
}
