//! What people mend: dead letters are sent again or discarded, quarantined entities released or
//! discarded. Each is one transaction.

use domain::id::Address;
use domain::journal::{Post, Undeliverable};
use domain::records::{DeadLetter, Letter, Mended, Replayed, State, Unmended};
use domain::time::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Error, Row};

use super::values::{millis, number};
use super::write::{self, Known};
use super::{Options, audit, list, values};
use crate::rows::EntityRow;

// --- dead letters ---

pub(super) async fn replay(
    connection: &mut PgConnection,
    options: &Options,
    (letter, at): (Letter, Timestamp),
) -> Result<Replayed, Error> {
    let Some(dead) = take(connection, letter).await? else {
        return Ok(Replayed::Unknown(letter));
    };
    let DeadLetter { to, from, body, .. } = dead;
    let entity = match write::find(connection, to).await? {
        None => return Ok(Replayed::Refused(Undeliverable::Unknown(to))),
        Some(Known { refusal: Some(refusal), .. }) => return Ok(Replayed::Refused(refusal)),
        Some(Known { entity, refusal: None }) => entity,
    };
    if write::is_full(connection, options, entity).await? {
        return Ok(Replayed::Refused(Undeliverable::Full(to)));
    }
    // Named after the letter, whose number is given once; a door that chose the same by chance is
    // stepped aside for.
    let mut key = format!("letter/{}", letter.0);
    let ordinal = loop {
        let post =
            Post { to, key: key.as_str().into(), from, opens: false, body: body.clone(), at };
        if let Some(ordinal) = write::put_in(connection, entity, &post).await? {
            break ordinal;
        }
        key.push('+');
    };
    remove(connection, letter).await?;
    let mended = Mended::LetterReplayed { letter: letter.0 };
    audit::link(connection, to, at, &[mended.line()]).await?;
    Ok(Replayed::Posted { to, ordinal })
}

pub(super) async fn discard_letter(
    connection: &mut PgConnection,
    (letter, at): (Letter, Timestamp),
) -> Result<bool, Error> {
    let Some(dead) = take(connection, letter).await? else { return Ok(false) };
    let is_removed = remove(connection, letter).await?;
    let mended = Mended::LetterDiscarded { letter: letter.0 };
    audit::link(connection, dead.to, at, &[mended.line()]).await?;
    Ok(is_removed)
}

/// One that nobody else mends meanwhile.
async fn take(connection: &mut PgConnection, letter: Letter) -> Result<Option<DeadLetter>, Error> {
    let sql = "SELECT 1 FROM dead WHERE letter = $1 FOR UPDATE";
    sqlx::query(sql).bind(letter.0).execute(&mut *connection).await?;
    list::dead_letter(connection, letter).await
}

async fn remove(connection: &mut PgConnection, letter: Letter) -> Result<bool, Error> {
    let gone = sqlx::query("DELETE FROM dead WHERE letter = $1").bind(letter.0);
    Ok(gone.execute(connection).await?.rows_affected() == 1)
}

// --- quarantine ---

pub(super) async fn release(
    connection: &mut PgConnection,
    (address, at): (Address, Timestamp),
) -> Result<Result<(), Unmended>, Error> {
    let entity = match quarantined(connection, address).await? {
        Ok(entity) => entity,
        Err(unmended) => return Ok(Err(unmended)),
    };
    // What it owed when it was put aside is not known any more: it owes to look.
    let sql = "UPDATE entities SET status = 0, reason = NULL, epoch = epoch + 1,
                   owes = greatest(owes, 1), changed_at = $2
               WHERE entity = $1";
    sqlx::query(sql).bind(entity).bind(millis(at)).execute(&mut *connection).await?;
    audit::link(connection, address, at, &[Mended::Released.line()]).await?;
    Ok(Ok(()))
}

pub(super) async fn discard(
    connection: &mut PgConnection,
    (address, at): (Address, Timestamp),
) -> Result<Result<(), Unmended>, Error> {
    let entity = match quarantined(connection, address).await? {
        Ok(entity) => entity,
        Err(unmended) => {
            let given_up = give_up(connection, address, unmended).await?;
            if given_up.is_ok() {
                audit::link(connection, address, at, &[Mended::Discarded.line()]).await?;
            }
            return Ok(given_up);
        }
    };
    let sql = "UPDATE entities SET status = 1, epoch = epoch + 1, owes = 0, wake_at = NULL,
                   changed_at = $2
               WHERE entity = $1";
    sqlx::query(sql).bind(entity).bind(millis(at)).execute(&mut *connection).await?;
    bury_what_waits(connection, entity, address, at).await?;
    audit::link(connection, address, at, &[Mended::Discarded.line()]).await?;
    Ok(Ok(()))
}

/// One that has ended hears nothing, so nobody puts it aside when its history is damaged; it says
/// why from then on, like one that was.
async fn give_up(
    connection: &mut PgConnection,
    address: Address,
    unmended: Unmended,
) -> Result<Result<(), Unmended>, Error> {
    let sql = "SELECT seq, events.epoch, at, name, version, body, heard, checksum, head
               FROM events JOIN entities USING (entity) WHERE kind = $1 AND id = $2 AND status = 1
               ORDER BY seq";
    let Address { kind, id } = address;
    let id = id.to_bytes().to_vec();
    let rows = sqlx::query(sql).bind(kind.prefix()).bind(&id).fetch_all(&mut *connection).await?;
    let (mut read, mut head) = (0_u64, 0_u64);
    let mut is_damaged = false;
    for row in &rows {
        let is_next = number(row, 0)? == read + 1;
        is_damaged |= !is_next || values::recorded(address, row)?.is_none();
        (read, head) = (read + 1, number(row, 8)?);
    }
    if !is_damaged && read == head {
        return Ok(Err(unmended));
    }
    let sql = "UPDATE entities SET reason = 'its history was damaged after it had ended'
               WHERE kind = $1 AND id = $2 AND status = 1";
    sqlx::query(sql).bind(kind.prefix()).bind(id).execute(connection).await?;
    Ok(Ok(()))
}

/// It has ended, and what entities have sent it is heard by nobody. What a door has sent stays, so
/// that whoever sends it again is refused.
pub(super) async fn bury_what_entities_sent(
    connection: &mut PgConnection,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> Result<(), Error> {
    bury(connection, "from_kind IS NOT NULL", entity, address, at).await
}

/// No more than an inbox holds. As with posts that were handled, a door's key stays.
async fn bury_what_waits(
    connection: &mut PgConnection,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> Result<(), Error> {
    bury(connection, "TRUE", entity, address, at).await?;
    let sql = "UPDATE inbox SET state = 1, body = ''::bytea, at = $2
               WHERE entity = $1 AND state = 0";
    sqlx::query(sql).bind(entity).bind(millis(at)).execute(connection).await?;
    Ok(())
}

/// Makes letters of what waits and is meant, and takes what entities have sent out of the inbox.
async fn bury(
    connection: &mut PgConnection,
    meant: &str,
    entity: EntityRow,
    address: Address,
    at: Timestamp,
) -> Result<(), Error> {
    let story = Undeliverable::Closed(address).to_string();
    let sql = format!(
        "INSERT INTO dead
             (kind, id, key, from_kind, from_id, name, version, body, story, sent_at, died_at)
         SELECT $2, $3, key, from_kind, from_id, name, version, body, $4, at, $5
         FROM inbox WHERE entity = $1 AND state = 0 AND {meant} ORDER BY ordinal"
    );
    let Address { kind, id } = address;
    sqlx::query(AssertSqlSafe(sql))
        .bind(entity)
        .bind(kind.prefix())
        .bind(id.to_bytes().to_vec())
        .bind(story)
        .bind(millis(at))
        .execute(&mut *connection)
        .await?;
    let sql = "DELETE FROM inbox WHERE entity = $1 AND state = 0 AND from_kind IS NOT NULL";
    sqlx::query(sql).bind(entity).execute(connection).await?;
    Ok(())
}

/// Nobody posts to it until this transaction is over.
async fn quarantined(
    connection: &mut PgConnection,
    address: Address,
) -> Result<Result<EntityRow, Unmended>, Error> {
    let sql = "SELECT entity, status FROM entities WHERE kind = $1 AND id = $2 FOR UPDATE";
    let found = sqlx::query(sql).bind(address.kind.prefix()).bind(address.id.to_bytes().to_vec());
    let Some(row) = found.fetch_optional(connection).await? else {
        return Ok(Err(Unmended::Unknown(address)));
    };
    Ok(match list::state(&row, 1)? {
        State::Quarantined => Ok(row.try_get(0)?),
        state @ (State::Open | State::Closed) => Err(Unmended::Sound { address, state }),
    })
}
