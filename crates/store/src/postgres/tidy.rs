//! What has been kept for long enough goes, in portions that hold nobody up for long.

use domain::records::{Retention, Tidied};
use domain::time::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{Error, Row};

use super::values::{number, signed};
use crate::rows::EntityRow;

/// One portion, and how much of it is left.
struct Portion<'a> {
    connection: &'a mut PgConnection,
    left: u32,
    tidied: Tidied,
}

pub(super) async fn tidy(
    connection: &mut PgConnection,
    (now, retention): (Timestamp, Retention),
) -> Result<Tidied, Error> {
    let left = retention.portion_max.max(1);
    let mut portion = Portion { connection, left, tidied: Tidied::default() };
    portion.remove_keys(before(now, retention.key_age_max)).await?;
    portion.forget(&retention).await?;
    portion.hide(now, &retention).await?;
    portion.remove_rows().await?;
    portion.remove_blobs(before(now, retention.spare_age_min)).await?;
    Ok(Tidied { more: portion.left == 0, ..portion.tidied })
}

/// What is older than this has been there for longer than `age`.
fn before(now: Timestamp, age: std::time::Duration) -> i64 {
    let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    signed(now.as_millis().saturating_sub(age))
}

impl Portion<'_> {
    async fn remove_keys(&mut self, before: i64) -> Result<(), Error> {
        let sql = "DELETE FROM inbox WHERE ordinal IN (
                       SELECT ordinal FROM inbox WHERE state = 1 AND at < $1 ORDER BY at LIMIT $2)";
        let gone = sqlx::query(sql).bind(before).bind(i64::from(self.left));
        let gone = gone.execute(&mut *self.connection).await?;
        self.tidied.keys = self.count(gone.rows_affected());
        Ok(())
    }

    /// Nobody can ask for them by a key any more.
    async fn forget(&mut self, retention: &Retention) -> Result<(), Error> {
        let sql = "DELETE FROM forgotten WHERE entity IN (
                       SELECT entity FROM forgotten WHERE NOT EXISTS (
                           SELECT 1 FROM inbox WHERE inbox.entity = forgotten.entity)
                       LIMIT $1)";
        let most = self.left.min(retention.portion_max);
        let gone = sqlx::query(sql).bind(i64::from(most)).execute(&mut *self.connection).await?;
        self.count(gone.rows_affected());
        Ok(())
    }

    /// In one stroke, so that nobody ever finds half a history. Their rows follow, but for the keys
    /// of doors: those are kept for as long as all others, however much there is of the rest.
    async fn hide(&mut self, now: Timestamp, retention: &Retention) -> Result<(), Error> {
        for entity in self.closed(now, retention).await? {
            if self.left == 0 {
                return Ok(());
            }
            let sql = "INSERT INTO forgotten (entity, kind, id)
                       SELECT entity, kind, id FROM entities WHERE entity = $1 AND status = 1
                           AND EXISTS (SELECT 1 FROM inbox WHERE entity = $1 AND state = 1)
                       ON CONFLICT DO NOTHING";
            sqlx::query(sql).bind(entity).execute(&mut *self.connection).await?;
            let sql = "DELETE FROM entities WHERE entity = $1 AND status = 1";
            let gone = sqlx::query(sql).bind(entity).execute(&mut *self.connection).await?;
            let gone = gone.rows_affected();
            if gone == 1 {
                let sql = "INSERT INTO going (entity) VALUES ($1) ON CONFLICT DO NOTHING";
                sqlx::query(sql).bind(entity).execute(&mut *self.connection).await?;
            }
            self.tidied.entities += self.count(gone);
        }
        Ok(())
    }

    /// Looked for only when all those of before are gone: the question reads every closed entity.
    async fn closed(
        &mut self,
        now: Timestamp,
        retention: &Retention,
    ) -> Result<Vec<EntityRow>, Error> {
        let going = sqlx::query("SELECT 1 FROM going LIMIT 1");
        if going.fetch_optional(&mut *self.connection).await?.is_some() {
            return Ok(Vec::new());
        }
        let sql = "SELECT entity FROM (
                       SELECT entity, changed_at, row_number() OVER newest AS number,
                           sum(bytes) OVER newest AS total
                       FROM entities WHERE status = 1
                       WINDOW newest AS (ORDER BY changed_at DESC, entity DESC)) AS closed
                   WHERE changed_at < $1 OR number > $2 OR total > $3
                   ORDER BY changed_at, entity LIMIT $4";
        let Retention { closed_count_max, closed_bytes_max, portion_max, .. } = *retention;
        let rows = sqlx::query(sql)
            .bind(before(now, retention.closed_age_max))
            .bind(signed(closed_count_max))
            .bind(signed(closed_bytes_max))
            .bind(i64::from(portion_max))
            .fetch_all(&mut *self.connection)
            .await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    async fn remove_rows(&mut self) -> Result<(), Error> {
        const TABLES: [&str; 3] = [
            "DELETE FROM events WHERE position IN (
                 SELECT position FROM events WHERE entity = $1 ORDER BY seq LIMIT $2)",
            "DELETE FROM inbox WHERE ordinal IN (
                 SELECT ordinal FROM inbox WHERE entity = $1 AND state = 0 LIMIT $2)",
            "DELETE FROM blob_uses WHERE entity = $1 AND hash IN (
                 SELECT hash FROM blob_uses WHERE entity = $1 LIMIT $2)",
        ];
        let sql = "SELECT entity FROM going ORDER BY entity LIMIT $1";
        let going = sqlx::query(sql).bind(i64::from(self.left));
        for row in going.fetch_all(&mut *self.connection).await? {
            let entity: EntityRow = row.try_get(0)?;
            for sql in TABLES {
                let gone = sqlx::query(sql).bind(entity).bind(i64::from(self.left));
                let gone = gone.execute(&mut *self.connection).await?;
                self.tidied.rows += self.count(gone.rows_affected());
            }
            if self.left == 0 {
                return Ok(());
            }
            let gone = sqlx::query("DELETE FROM going WHERE entity = $1").bind(entity);
            gone.execute(&mut *self.connection).await?;
            self.count(1);
        }
        Ok(())
    }

    /// Whoever is about to name one holds it, and it is left alone; from when it is ours nobody can
    /// name it, and the second look sees whoever has just done so.
    async fn remove_blobs(&mut self, before: i64) -> Result<(), Error> {
        let sql = "SELECT hash FROM blobs
                   WHERE at < $1 AND NOT EXISTS (
                       SELECT 1 FROM blob_uses WHERE blob_uses.hash = blobs.hash)
                   ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED";
        let spare = sqlx::query(sql).bind(before).bind(i64::from(self.left));
        let spare = spare.fetch_all(&mut *self.connection).await?;
        let spare: Vec<Vec<u8>> =
            spare.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let sql = "WITH gone AS (
                       DELETE FROM blobs WHERE hash = ANY($1) AND at < $2 AND NOT EXISTS (
                           SELECT 1 FROM blob_uses WHERE blob_uses.hash = blobs.hash)
                       RETURNING hash),
                   parts AS (DELETE FROM blob_parts USING gone WHERE blob_parts.hash = gone.hash)
                   SELECT count(*) FROM gone";
        let gone =
            sqlx::query(sql).bind(spare).bind(before).fetch_one(&mut *self.connection).await?;
        self.tidied.blobs += self.count(number(&gone, 0)?);
        Ok(())
    }

    /// So many rows went.
    fn count(&mut self, rows: u64) -> u32 {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(rows);
        rows
    }
}
