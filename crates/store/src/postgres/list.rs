//! What people look at: pages of entities and of dead letters, the newest first.

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::Seq;
use domain::records::{DeadLetter, Entry, Letter, Place, Query, State, Summary};
use domain::time::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Error, Row};

use super::values::{self, address, address_if_any, number, number_if_any, timestamp};
use super::{Asked, trouble};
use crate::rows::{CLOSED, OPEN, QUARANTINED};

fn number_of(state: State) -> i16 {
    i16::from(match state {
        State::Open => OPEN,
        State::Closed => CLOSED,
        State::Quarantined => QUARANTINED,
    })
}

pub(super) fn state(row: &PgRow, column: usize) -> Result<State, Error> {
    let status: i16 = row.try_get(column)?;
    Ok(match u8::try_from(status) {
        Ok(OPEN) => State::Open,
        Ok(CLOSED) => State::Closed,
        Ok(_) | Err(_) => State::Quarantined,
    })
}

/// What `entry` reads.
const ENTRY: &str = "entity, kind, id, status, reason, head, owes, wake_at, opened_at, changed_at";

fn entry(row: &PgRow) -> Result<Entry, Error> {
    Ok(Entry {
        place: Place(row.try_get(0)?),
        entity: address(row, 1)?,
        state: state(row, 3)?,
        reason: row.try_get(4)?,
        head: Seq(number(row, 5)?),
        owes: u32::try_from(number(row, 6)?).unwrap_or(u32::MAX),
        wake_at: number_if_any(row, 7)?.map(Timestamp::from_millis),
        opened_at: timestamp(row, 8)?,
        changed_at: timestamp(row, 9)?,
    })
}

pub(super) async fn entities(
    connection: &mut PgConnection,
    query: Query,
    limit: u32,
) -> Asked<Vec<Entry>> {
    // The ones that are not open are few, and have an index of their own.
    let by_state = match query.state {
        None => "$3::smallint IS NULL",
        Some(State::Open) => "status = $3",
        Some(State::Closed | State::Quarantined) => "status != 0 AND status = $3",
    };
    let by_asks = if query.asks { "asks" } else { "TRUE" };
    let by_kind = if query.kind.is_some() { "kind = $2" } else { "$2::text IS NULL" };
    let sql = format!(
        "SELECT {ENTRY} FROM entities WHERE entity < $1 AND {by_kind} AND {by_state} AND {by_asks}
         ORDER BY entity DESC LIMIT $4"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(query.before.map_or(i64::MAX, |place| place.0))
        .bind(query.kind.map(|kind| kind.prefix()))
        .bind(query.state.map(number_of))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
        .map_err(trouble)?;
    rows.iter().map(entry).collect::<Result<_, _>>().map_err(trouble)
}

pub(super) async fn entity(
    connection: &mut PgConnection,
    Address { kind, id }: Address,
) -> Asked<Option<Entry>> {
    let sql = format!("SELECT {ENTRY} FROM entities WHERE kind = $1 AND id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(kind.prefix()).bind(id.to_bytes().to_vec());
    let row = row.fetch_optional(connection).await.map_err(trouble)?;
    row.as_ref().map(entry).transpose().map_err(trouble)
}

pub(super) async fn names(
    connection: &mut PgConnection,
    Address { kind, id }: Address,
    blob: Blob,
) -> Asked<bool> {
    let sql = "SELECT 1 FROM blob_uses JOIN entities USING (entity)
               WHERE kind = $1 AND id = $2 AND hash = $3";
    let row = sqlx::query(sql).bind(kind.prefix()).bind(id.to_bytes().to_vec());
    let row = row.bind(blob.hash().as_slice()).fetch_optional(connection).await;
    Ok(row.map_err(trouble)?.is_some())
}

pub(super) async fn dead_letters(
    connection: &mut PgConnection,
    before: Option<Letter>,
    limit: u32,
) -> Asked<Vec<Summary>> {
    let sql = "SELECT letter, kind, id, from_kind, from_id, name, story, died_at FROM dead
               WHERE letter < $1 ORDER BY letter DESC LIMIT $2";
    let before = before.map_or(i64::MAX, |letter| letter.0);
    let rows = sqlx::query(sql).bind(before).bind(i64::from(limit));
    let rows = rows.fetch_all(connection).await.map_err(trouble)?;
    let letters = rows.iter().map(|row| {
        Ok(Summary {
            letter: Letter(row.try_get(0)?),
            to: address(row, 1)?,
            from: address_if_any(row, 3)?,
            name: row.try_get(5)?,
            story: row.try_get(6)?,
            died_at: timestamp(row, 7)?,
        })
    });
    letters.collect::<Result<_, _>>().map_err(trouble)
}

pub(super) async fn dead_letter(
    connection: &mut PgConnection,
    letter: Letter,
) -> Result<Option<DeadLetter>, Error> {
    let sql = "SELECT kind, id, key, from_kind, from_id, name, version, body, story, sent_at,
                      died_at
               FROM dead WHERE letter = $1";
    let row = sqlx::query(sql).bind(letter.0).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(DeadLetter {
        letter,
        to: address(&row, 0)?,
        key: row.try_get::<&str, _>(2)?.into(),
        from: address_if_any(&row, 3)?,
        body: values::body(&row, 5)?,
        story: row.try_get(8)?,
        sent_at: timestamp(&row, 9)?,
        died_at: timestamp(&row, 10)?,
    }))
}
