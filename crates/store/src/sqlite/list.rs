//! What people look at: pages of entities and of dead letters, the newest first.

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{Error, Seq};
use domain::records::{DeadLetter, Entry, Letter, Place, Query, State, Summary};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::failed;
use super::rows;
use crate::rows::{CLOSED, OPEN, QUARANTINED};

pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    Ok(match row.get::<_, u8>(column)? {
        OPEN => State::Open,
        CLOSED => State::Closed,
        _ => State::Quarantined,
    })
}

fn number(state: State) -> u8 {
    match state {
        State::Open => OPEN,
        State::Closed => CLOSED,
        State::Quarantined => QUARANTINED,
    }
}

pub(super) fn entities(
    connection: &Connection,
    query: Query,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    // The ones that are not open are few, and have an index of their own.
    let by_state = match query.state {
        None => "?3 IS NULL",
        Some(State::Open) => "status = ?3",
        Some(State::Closed | State::Quarantined) => "status != 0 AND status = ?3",
    };
    let by_asks = if query.asks { "asks = 1" } else { "TRUE" };
    let by_kind = if query.kind.is_some() { "kind = ?2" } else { "?2 IS NULL" };
    let sql = format!(
        "SELECT {ENTRY} FROM entities WHERE entity < ?1 AND {by_kind} AND {by_state} AND {by_asks}
         ORDER BY entity DESC LIMIT ?4"
    );
    let before = query.before.map_or(i64::MAX, |place| place.0);
    let kind = query.kind.map(|kind| kind.prefix());
    let values = params![before, kind, query.state.map(number), limit];
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let entries = statement.query_map(values, entry).map_err(failed)?;
    entries.collect::<Result<_, _>>().map_err(failed)
}

pub(super) fn entity(
    connection: &Connection,
    Address { kind, id }: Address,
) -> Result<Option<Entry>, Error> {
    let sql = format!("SELECT {ENTRY} FROM entities WHERE kind = ?1 AND id = ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let found = statement.query_row(params![kind.prefix(), id.to_bytes()], entry);
    found.optional().map_err(failed)
}

pub(super) fn names(
    connection: &Connection,
    Address { kind, id }: Address,
    blob: Blob,
) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM blob_uses JOIN entities USING (entity)
               WHERE kind = ?1 AND id = ?2 AND hash = ?3";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.exists(params![kind.prefix(), id.to_bytes(), blob.hash()]).map_err(failed)
}

/// What `entry` reads.
const ENTRY: &str = "entity, kind, id, status, reason, head, owes, wake_at, opened_at, changed_at";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let wake_at: Option<u64> = row.get(7)?;
    Ok(Entry {
        place: Place(row.get(0)?),
        entity: rows::address(row, 1)?,
        state: state(row, 3)?,
        reason: row.get(4)?,
        head: Seq(row.get(5)?),
        owes: row.get(6)?,
        wake_at: wake_at.map(Timestamp::from_millis),
        opened_at: rows::timestamp(row, 8)?,
        changed_at: rows::timestamp(row, 9)?,
    })
}

pub(super) fn dead_letters(
    connection: &Connection,
    before: Option<Letter>,
    limit: u32,
) -> Result<Vec<Summary>, Error> {
    let sql = "SELECT letter, kind, id, from_kind, from_id, name, story, died_at FROM dead
               WHERE letter < ?1 ORDER BY letter DESC LIMIT ?2";
    let before = before.map_or(i64::MAX, |letter| letter.0);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let letters = statement.query_map(params![before, limit], |row| {
        Ok(Summary {
            letter: Letter(row.get(0)?),
            to: rows::address(row, 1)?,
            from: rows::address_if_any(row, 3)?,
            name: row.get(5)?,
            story: row.get(6)?,
            died_at: rows::timestamp(row, 7)?,
        })
    });
    letters.map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
}

pub(super) fn dead_letter(
    connection: &Connection,
    letter: Letter,
) -> rusqlite::Result<Option<DeadLetter>> {
    let sql = "SELECT letter, kind, id, key, from_kind, from_id, name, version, body, story,
                   sent_at, died_at
               FROM dead WHERE letter = ?1";
    let whole = connection.prepare_cached(sql)?.query_row([letter.0], |row| {
        Ok(DeadLetter {
            letter: Letter(row.get(0)?),
            to: rows::address(row, 1)?,
            key: row.get(3)?,
            from: rows::address_if_any(row, 4)?,
            body: rows::body(row, 6)?,
            story: row.get(9)?,
            sent_at: rows::timestamp(row, 10)?,
            died_at: rows::timestamp(row, 11)?,
        })
    });
    whole.optional()
}
