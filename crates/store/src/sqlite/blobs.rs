//! Blobs in parts, each part a write of its own, so that a big one holds up nobody for longer than
//! a part takes. Only a whole one is ever seen.

use domain::blob::{BYTES_MAX, Blob};
use domain::journal::Error;
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::read::{Readers, failed};
use super::writer::{Desk, Writer};
use crate::rows::{EntityRow, PART_BYTES, name};

// --- keeping ---

pub(super) async fn keep(
    readers: &Readers,
    writer: &Writer,
    bytes: Vec<u8>,
    at: Timestamp,
) -> Result<Blob, Error> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::TooBig(bytes.len()));
    }
    // Hashing takes a while, so it is done where nobody else is waiting.
    let look = move |connection: &Connection| {
        let blob = name(&bytes);
        let is_known = matches!(read(connection, blob), Ok(Some(_)));
        Ok((blob, is_known, bytes))
    };
    let (blob, is_known, bytes) = readers.ask(look).await?;
    if is_known && writer.write(touch, (blob, at), 0).await? {
        return Ok(blob);
    }
    let size = bytes.len();
    let count = size.div_ceil(PART_BYTES).max(1);
    for number in 0..count {
        let start = number * PART_BYTES;
        let bytes = bytes[start..size.min(start + PART_BYTES)].to_vec();
        let weight = bytes.len();
        let is_last = number + 1 == count;
        let part = Part { blob, size, at, number: number as u32, bytes, is_last };
        writer.write(put, part, weight).await?;
    }
    Ok(blob)
}

struct Part {
    blob: Blob,
    size: usize,
    at: Timestamp,
    number: u32,
    bytes: Vec<u8>,
    is_last: bool,
}

fn put(desk: &Desk<'_>, part: &Part) -> rusqlite::Result<()> {
    // One that is whole stays so: somebody else may have kept the same bytes meanwhile.
    let sql = "INSERT INTO blobs (hash, size, at, whole) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (hash) DO UPDATE SET
                   size = ?2, at = max(at, ?3), whole = max(whole, ?4)";
    let Part { blob, size, at, number, bytes, is_last } = part;
    let values = params![blob.hash(), *size as u64, at.as_millis(), is_last];
    desk.connection.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT OR REPLACE INTO blob_parts (hash, part, bytes) VALUES (?1, ?2, ?3)";
    desk.connection.prepare_cached(sql)?.execute(params![blob.hash(), number, bytes])?;
    Ok(())
}

/// Makes it young again. Tells whether it is still there.
fn touch(desk: &Desk<'_>, (blob, at): &(Blob, Timestamp)) -> rusqlite::Result<bool> {
    let sql = "UPDATE blobs SET at = max(at, ?2) WHERE hash = ?1 AND whole = 1";
    let values = params![blob.hash(), at.as_millis()];
    Ok(desk.connection.prepare_cached(sql)?.execute(values)? == 1)
}

// --- being named by events ---

/// The first of these that is not there.
pub(super) fn unkept(connection: &Connection, blobs: &[Blob]) -> rusqlite::Result<Option<Blob>> {
    let sql = "SELECT 1 FROM blobs WHERE hash = ?1 AND whole = 1";
    for blob in blobs {
        if !connection.prepare_cached(sql)?.exists([blob.hash()])? {
            return Ok(Some(*blob));
        }
    }
    Ok(None)
}

pub(super) fn used(
    connection: &Connection,
    entity: EntityRow,
    blobs: &[Blob],
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO blob_uses (entity, hash) VALUES (?1, ?2)";
    for blob in blobs {
        connection.prepare_cached(sql)?.execute(params![entity, blob.hash()])?;
    }
    Ok(())
}

// --- reading ---

/// In one statement, so that what goes meanwhile is there as a whole or not at all.
pub(crate) fn read(connection: &Connection, blob: Blob) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT size, bytes FROM blobs LEFT JOIN blob_parts USING (hash)
               WHERE blobs.hash = ?1 AND whole = 1 ORDER BY part";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([blob.hash()]).map_err(failed)?;
    let mut whole: Option<Vec<u8>> = None;
    while let Some(row) = rows.next().map_err(failed)? {
        let part: Option<Vec<u8>> = row.get(1).map_err(failed)?;
        let size: usize = row.get(0).map_err(failed)?;
        let whole = whole.get_or_insert_with(|| Vec::with_capacity(size.min(BYTES_MAX)));
        whole.extend(part.unwrap_or_default());
    }
    let differs = || Error::Spoiled { blob, what: "its checksum differs".to_owned() };
    match whole {
        Some(bytes) if name(&bytes) != blob => Err(differs()),
        found => Ok(found),
    }
}
