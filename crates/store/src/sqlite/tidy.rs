//! What has been kept for long enough goes, in portions that hold the writer for a moment each.
//!
//! A reader looks for what may go, and the writer removes it if it still may.

use domain::blob::Blob;
use domain::journal::Error;
use domain::records::{Retention, Tidied};
use domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::read::failed;
use super::writer::Desk;
use crate::rows::EntityRow;

/// A part of a blob holds the writer for as long as so many small rows.
const ROWS_PER_PART: u32 = 16;

/// What a portion begins with.
pub(super) struct Plan {
    now: Timestamp,
    retention: Retention,
    /// Closed entities that go, the oldest first.
    closed: Vec<EntityRow>,
    /// Those that went before, and whose last key has gone.
    forgotten: Vec<EntityRow>,
    /// Blobs that were named by nobody when the reader looked.
    spare: Vec<Blob>,
}

pub(super) fn plan(
    connection: &Connection,
    now: Timestamp,
    retention: Retention,
) -> Result<Plan, Error> {
    let closed = closed(connection, now, &retention).map_err(failed)?;
    let forgotten = forgotten(connection, &retention).map_err(failed)?;
    let spare = spare(connection, now, &retention).map_err(failed)?;
    Ok(Plan { now, retention, closed, forgotten, spare })
}

/// Looked for only when all those of before are gone: the question reads every closed entity.
fn closed(
    connection: &Connection,
    now: Timestamp,
    retention: &Retention,
) -> rusqlite::Result<Vec<EntityRow>> {
    if connection.prepare_cached("SELECT 1 FROM going LIMIT 1")?.exists([])? {
        return Ok(Vec::new());
    }
    // The newest event of all stays, so that its position is never given again.
    let sql = "SELECT entity FROM (
                   SELECT entity, changed_at, row_number() OVER newest AS number,
                       sum(bytes) OVER newest AS total
                   FROM entities WHERE status = 1
                   WINDOW newest AS (ORDER BY changed_at DESC, entity DESC))
               WHERE (changed_at < ?1 OR number > ?2 OR total > ?3)
                   AND entity IS NOT (SELECT entity FROM events ORDER BY position DESC LIMIT 1)
               ORDER BY changed_at, entity LIMIT ?4";
    let Retention { closed_count_max, closed_bytes_max, portion_max, .. } = *retention;
    let values = params![
        before(now, retention.closed_age_max),
        cut(closed_count_max),
        cut(closed_bytes_max),
        portion_max,
    ];
    connection.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
}

fn forgotten(connection: &Connection, retention: &Retention) -> rusqlite::Result<Vec<EntityRow>> {
    let sql = "SELECT entity FROM forgotten
               WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.entity = forgotten.entity)
               LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map([retention.portion_max], |row| row.get(0))?.collect()
}

fn spare(
    connection: &Connection,
    now: Timestamp,
    retention: &Retention,
) -> rusqlite::Result<Vec<Blob>> {
    let sql = "SELECT hash FROM blobs
               WHERE at < ?1 AND NOT EXISTS (
                   SELECT 1 FROM blob_uses WHERE blob_uses.hash = blobs.hash)
               ORDER BY at LIMIT ?2";
    let values = params![before(now, retention.spare_age_min), retention.portion_max];
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(values, |row| row.get(0).map(Blob::from_hash))?.collect()
}

/// What is older than this has been there for longer than `age`.
fn before(now: Timestamp, age: std::time::Duration) -> u64 {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    cut(now.as_millis().saturating_sub(age))
}

/// SQLite counts to 2^63.
fn cut(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

// --- the portion ---

/// One portion, and how much of it is left.
struct Portion<'a> {
    connection: &'a Connection,
    left: u32,
    tidied: Tidied,
}

pub(super) fn tidy(desk: &Desk<'_>, plan: &Plan) -> rusqlite::Result<Tidied> {
    let left = plan.retention.portion_max.max(1);
    let mut portion = Portion { connection: desk.connection, left, tidied: Tidied::default() };
    portion.remove_keys(before(plan.now, plan.retention.key_age_max))?;
    portion.forget(&plan.forgotten)?;
    portion.hide(&plan.closed)?;
    portion.remove_rows()?;
    portion.remove_blobs(&plan.spare, before(plan.now, plan.retention.spare_age_min))?;
    Ok(Tidied { more: portion.left == 0, ..portion.tidied })
}

impl Portion<'_> {
    fn remove_keys(&mut self, before: u64) -> rusqlite::Result<()> {
        let sql = "DELETE FROM inbox WHERE ordinal IN (
                       SELECT ordinal FROM inbox WHERE state = 1 AND at < ?1 ORDER BY at LIMIT ?2)";
        let values = params![before, self.left];
        self.tidied.keys = self.count(self.connection.prepare_cached(sql)?.execute(values)?);
        Ok(())
    }

    /// Nobody can ask for them by a key any more; no key was added since the reader looked.
    fn forget(&mut self, forgotten: &[EntityRow]) -> rusqlite::Result<()> {
        for entity in forgotten.iter().take(self.left as usize) {
            let sql = "DELETE FROM forgotten WHERE entity = ?1";
            let gone = self.connection.prepare_cached(sql)?.execute([entity])?;
            self.count(gone);
        }
        Ok(())
    }

    /// In one stroke, so that nobody ever finds half a history. Their rows follow, but for the keys
    /// of doors: those are kept for as long as all others, however much there is of the rest.
    fn hide(&mut self, closed: &[EntityRow]) -> rusqlite::Result<()> {
        for entity in closed.iter().take(self.left as usize) {
            let sql = "INSERT OR IGNORE INTO forgotten (entity, kind, id)
                       SELECT entity, kind, id FROM entities WHERE entity = ?1 AND status = 1
                           AND EXISTS (SELECT 1 FROM inbox WHERE entity = ?1 AND state = 1)";
            self.connection.prepare_cached(sql)?.execute([entity])?;
            let sql = "DELETE FROM entities WHERE entity = ?1 AND status = 1";
            let gone = self.connection.prepare_cached(sql)?.execute([entity])?;
            if gone == 1 {
                let sql = "INSERT OR IGNORE INTO going (entity) VALUES (?1)";
                self.connection.prepare_cached(sql)?.execute([entity])?;
            }
            self.tidied.entities += self.count(gone);
        }
        Ok(())
    }

    fn remove_rows(&mut self) -> rusqlite::Result<()> {
        const TABLES: [&str; 3] = [
            "DELETE FROM events WHERE position IN (
                 SELECT position FROM events WHERE entity = ?1 ORDER BY seq LIMIT ?2)",
            "DELETE FROM inbox WHERE ordinal IN (
                 SELECT ordinal FROM inbox WHERE entity = ?1 AND state = 0 LIMIT ?2)",
            "DELETE FROM blob_uses WHERE entity = ?1 AND hash IN (
                 SELECT hash FROM blob_uses WHERE entity = ?1 LIMIT ?2)",
        ];
        let sql = "SELECT entity FROM going ORDER BY entity LIMIT ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let going = statement.query_map([self.left], |row| row.get(0))?;
        for entity in going.collect::<rusqlite::Result<Vec<EntityRow>>>()? {
            for sql in TABLES {
                let values = params![entity, self.left];
                let gone = self.connection.prepare_cached(sql)?.execute(values)?;
                self.tidied.rows += self.count(gone);
            }
            if self.left == 0 {
                return Ok(());
            }
            self.connection
                .prepare_cached("DELETE FROM going WHERE entity = ?1")?
                .execute([entity])?;
            self.count(1);
        }
        Ok(())
    }

    fn remove_blobs(&mut self, spare: &[Blob], before: u64) -> rusqlite::Result<()> {
        for blob in spare {
            if self.left == 0 {
                return Ok(());
            }
            self.remove_blob(*blob, before)?;
        }
        Ok(())
    }

    /// It may have been named, or kept again, since the reader looked.
    fn remove_blob(&mut self, blob: Blob, before: u64) -> rusqlite::Result<()> {
        let sql = "UPDATE blobs SET whole = 0 WHERE hash = ?1 AND at < ?2
                       AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE hash = ?1)";
        let values = params![blob.hash(), before];
        if self.connection.prepare_cached(sql)?.execute(values)? == 0 {
            return Ok(());
        }
        let parts_max = self.left.div_ceil(ROWS_PER_PART);
        let sql = "DELETE FROM blob_parts WHERE hash = ?1 AND part IN (
                       SELECT part FROM blob_parts WHERE hash = ?1 LIMIT ?2)";
        let values = params![blob.hash(), parts_max];
        let gone = self.connection.prepare_cached(sql)?.execute(values)?;
        self.count(gone * ROWS_PER_PART as usize);
        if (gone as u32) < parts_max {
            let sql = "DELETE FROM blobs WHERE hash = ?1";
            let gone = self.connection.prepare_cached(sql)?.execute([blob.hash()])?;
            self.tidied.blobs += self.count(gone);
        }
        Ok(())
    }

    /// So many rows went.
    fn count(&mut self, rows: usize) -> u32 {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(rows);
        rows
    }
}
