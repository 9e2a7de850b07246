//! What people mend: dead letters are sent again or discarded, quarantined entities released or
//! discarded. Each is one write, and happens as a whole.

use domain::id::Address;
use domain::journal::{Post, Undeliverable};
use domain::records::{DeadLetter, Letter, Mended, Replayed, State, Unmended};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::append::{self, Known};
use super::audit;
use super::list;
use super::rows;
use super::writer::Desk;
use crate::rows::EntityRow;

// --- dead letters ---

pub(super) fn replay(
    desk: &Desk<'_>,
    (letter, at): &(Letter, Timestamp),
) -> rusqlite::Result<Replayed> {
    let connection = desk.connection;
    let Some(dead) = list::dead_letter(connection, *letter)? else {
        return Ok(Replayed::Unknown(*letter));
    };
    let DeadLetter { to, from, body, .. } = dead;
    let entity = match append::find(connection, to)? {
        None => return Ok(Replayed::Refused(Undeliverable::Unknown(to))),
        Some(Known { refusal: Some(refusal), .. }) => return Ok(Replayed::Refused(refusal)),
        Some(Known { entity, refusal: None }) => entity,
    };
    if append::is_full(connection, desk.options, entity)? {
        return Ok(Replayed::Refused(Undeliverable::Full(to)));
    }
    let key = fresh_key(connection, entity, *letter)?.into();
    let post = Post { to, key, from, opens: false, body, at: *at };
    let ordinal = append::put_in(connection, entity, &post)?;
    remove(connection, *letter)?;
    let mended = Mended::LetterReplayed { letter: letter.0 };
    audit::link(desk, to, *at, &mended.line())?;
    Ok(Replayed::Posted { to, ordinal })
}

/// Named after the letter, whose number is given once; a door that chose the same by chance is
/// stepped aside for.
fn fresh_key(
    connection: &Connection,
    entity: EntityRow,
    letter: Letter,
) -> rusqlite::Result<String> {
    let sql = "SELECT 1 FROM inbox WHERE entity = ?1 AND key = ?2";
    let mut key = format!("letter/{}", letter.0);
    while connection.prepare_cached(sql)?.exists(params![entity, key])? {
        key.push('+');
    }
    Ok(key)
}

pub(super) fn discard_letter(
    desk: &Desk<'_>,
    (letter, at): &(Letter, Timestamp),
) -> rusqlite::Result<bool> {
    let Some(dead) = list::dead_letter(desk.connection, *letter)? else { return Ok(false) };
    let mended = Mended::LetterDiscarded { letter: letter.0 };
    audit::link(desk, dead.to, *at, &mended.line())?;
    remove(desk.connection, *letter)
}

fn remove(connection: &Connection, letter: Letter) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM dead WHERE letter = ?1";
    Ok(connection.prepare_cached(sql)?.execute([letter.0])? == 1)
}

// --- quarantine ---

pub(super) fn release(
    desk: &Desk<'_>,
    (address, at): &(Address, Timestamp),
) -> rusqlite::Result<Result<(), Unmended>> {
    let entity = match quarantined(desk.connection, *address)? {
        Ok(entity) => entity,
        Err(unmended) => return Ok(Err(unmended)),
    };
    // What it owed when it was put aside is not known any more: it owes to look.
    let sql = "UPDATE entities SET status = 0, reason = NULL, epoch = epoch + 1,
                   owes = max(owes, 1), changed_at = ?2
               WHERE entity = ?1";
    desk.connection.prepare_cached(sql)?.execute(params![entity, at.as_millis()])?;
    audit::link(desk, *address, *at, &Mended::Released.line())?;
    Ok(Ok(()))
}

pub(super) fn discard(
    desk: &Desk<'_>,
    (address, at): &(Address, Timestamp),
) -> rusqlite::Result<Result<(), Unmended>> {
    let connection = desk.connection;
    let entity = match quarantined(connection, *address)? {
        Ok(entity) => entity,
        Err(unmended) => {
            let given_up = give_up(connection, *address, unmended)?;
            if given_up.is_ok() {
                audit::link(desk, *address, *at, &Mended::Discarded.line())?;
            }
            return Ok(given_up);
        }
    };
    let sql = "UPDATE entities SET status = 1, epoch = epoch + 1, owes = 0, wake_at = NULL,
                   changed_at = ?2
               WHERE entity = ?1";
    connection.prepare_cached(sql)?.execute(params![entity, at.as_millis()])?;
    bury_what_waits(connection, entity, *address, *at)?;
    audit::link(desk, *address, *at, &Mended::Discarded.line())?;
    Ok(Ok(()))
}

/// One that has ended hears nothing, so nobody puts it aside when its history is damaged; it says
/// why from then on, like one that was.
fn give_up(
    connection: &Connection,
    address: Address,
    unmended: Unmended,
) -> rusqlite::Result<Result<(), Unmended>> {
    let sql = "SELECT seq, events.epoch, at, name, version, body, heard, checksum, head
               FROM events JOIN entities USING (entity) WHERE kind = ?1 AND id = ?2 AND status = 1
               ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![address.kind.prefix(), address.id.to_bytes()])?;
    let (mut read, mut head) = (0_u64, 0_u64);
    let mut is_damaged = false;
    while let Some(row) = found.next()? {
        let is_next = row.get::<_, u64>(0)? == read + 1;
        is_damaged |= !is_next || rows::recorded(address, row)?.is_none();
        (read, head) = (read + 1, row.get(8)?);
    }
    if !is_damaged && read == head {
        return Ok(Err(unmended));
    }
    let sql = "UPDATE entities SET reason = 'its history was damaged after it had ended'
               WHERE kind = ?1 AND id = ?2 AND status = 1";
    let key = params![address.kind.prefix(), address.id.to_bytes()];
    connection.prepare_cached(sql)?.execute(key)?;
    Ok(Ok(()))
}

/// It has ended, and what entities have sent it is heard by nobody. What a door has sent stays, so
/// that whoever sends it again is refused.
pub(super) fn bury_what_entities_sent(
    connection: &Connection,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> rusqlite::Result<()> {
    bury(connection, "from_kind IS NOT NULL", entity, address, at)
}

/// No more than an inbox holds. As with posts that were handled, a door's key stays.
fn bury_what_waits(
    connection: &Connection,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> rusqlite::Result<()> {
    bury(connection, "TRUE", entity, address, at)?;
    let sql = "UPDATE inbox SET state = 1, body = x'', at = ?2 WHERE entity = ?1 AND state = 0";
    connection.prepare_cached(sql)?.execute(params![entity, at.as_millis()])?;
    Ok(())
}

/// Makes letters of what waits and is meant, and takes what entities have sent out of the inbox.
fn bury(
    connection: &Connection,
    meant: &str,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let story = Undeliverable::Closed(address).to_string();
    let sql = format!(
        "INSERT INTO dead
             (kind, id, key, from_kind, from_id, name, version, body, story, sent_at, died_at)
         SELECT ?2, ?3, key, from_kind, from_id, name, version, body, ?4, at, ?5
         FROM inbox WHERE entity = ?1 AND state = 0 AND {meant} ORDER BY ordinal"
    );
    let Address { kind, id } = address;
    let values = params![entity, kind.prefix(), id.to_bytes(), story, at.as_millis()];
    connection.prepare_cached(&sql)?.execute(values)?;
    let sql = "DELETE FROM inbox WHERE entity = ?1 AND state = 0 AND from_kind IS NOT NULL";
    connection.prepare_cached(sql)?.execute([entity])?;
    Ok(())
}

fn quarantined(
    connection: &Connection,
    address: Address,
) -> rusqlite::Result<Result<EntityRow, Unmended>> {
    let sql = "SELECT entity, status FROM entities WHERE kind = ?1 AND id = ?2";
    let key = params![address.kind.prefix(), address.id.to_bytes()];
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, list::state(row, 1)?));
    let found: Option<(EntityRow, State)> =
        connection.prepare_cached(sql)?.query_row(key, read).optional()?;
    Ok(match found {
        None => Err(Unmended::Unknown(address)),
        Some((entity, State::Quarantined)) => Ok(entity),
        Some((_, state @ (State::Open | State::Closed))) => Err(Unmended::Sound { address, state }),
    })
}
