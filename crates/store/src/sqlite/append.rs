//! What a write does to the rows. Checks come first: a refusal leaves nothing half done.

use std::borrow::Cow;
use std::sync::Arc;

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{
    Append, Appended, Body, Claim, Claimed, Epoch, Fate, Ordinal, Outgoing, Post, Posted, Seq,
    Status, Taken, Unclaimed, Undeliverable,
};
use domain::mutants::{self, Mutant};
use domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::Options;
use super::audit;
use super::blobs;
use super::lease::NOW;
use super::mend;
use super::writer::Desk;
use crate::rows::before;
use crate::rows::{CLOSED, EntityRow, OPEN, QUARANTINED, bytes, checksum};

/// Of a post.
const WAITING: u8 = 0;

// --- posts ---

pub(super) fn post(desk: &Desk<'_>, post: &Post) -> rusqlite::Result<Posted> {
    let connection = desk.connection;
    let known = match find(connection, post.to)? {
        Some(known) => known,
        None if post.opens => match answer_of_forgotten(connection, post)? {
            Some(answer) => return Ok(Posted::Known(answer)),
            None => Known { entity: make(connection, post)?, refusal: None },
        },
        None => return Ok(Posted::Refused(Undeliverable::Unknown(post.to))),
    };
    let sql = "SELECT answer, state FROM inbox WHERE entity = ?1 AND key = ?2";
    let before: Option<(Option<Vec<u8>>, u8)> = connection
        .prepare_cached(sql)?
        .query_row(params![known.entity, post.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match (before, known.refusal) {
        // It waited while the entity ended, and is never heard.
        (Some((_, WAITING)), Some(closed @ Undeliverable::Closed(_))) => {
            return Ok(Posted::Refused(closed));
        }
        (Some(_), None) if mutants::is(Mutant::NoInboxDedupe) => {
            return take_again(connection, known.entity, post);
        }
        (Some((answer, _)), _) => return Ok(Posted::Known(answer)),
        (None, Some(refusal)) => return Ok(Posted::Refused(refusal)),
        (None, None) => {}
    }
    if is_full(connection, desk.options, known.entity)? {
        return Ok(Posted::Refused(Undeliverable::Full(post.to)));
    }
    Ok(Posted::Taken(put_in(connection, known.entity, post)?))
}

/// What somebody under this key was answered by an entity that has gone since: its history was too
/// much to keep, and its keys are not.
fn answer_of_forgotten(
    connection: &Connection,
    post: &Post,
) -> rusqlite::Result<Option<Option<Vec<u8>>>> {
    let sql = "SELECT answer FROM forgotten JOIN inbox USING (entity)
               WHERE kind = ?1 AND id = ?2 AND key = ?3 AND state = 1 LIMIT 1";
    let key = params![post.to.kind.prefix(), post.to.id.to_bytes(), post.key];
    connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()
}

/// The fault of a mutant.
fn take_again(connection: &Connection, entity: EntityRow, post: &Post) -> rusqlite::Result<Posted> {
    let sql = "SELECT count(*) FROM inbox WHERE entity = ?1";
    let count: u64 = connection.prepare_cached(sql)?.query_row([entity], |row| row.get(0))?;
    let again = Post { key: format!("{}#{count}", post.key).into(), ..post.clone() };
    Ok(Posted::Taken(put_in(connection, entity, &again)?))
}

pub(super) fn is_full(
    connection: &Connection,
    options: &Options,
    entity: EntityRow,
) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM inbox WHERE entity = ?1 AND state = 0";
    let waiting: u32 = connection.prepare_cached(sql)?.query_row([entity], |row| row.get(0))?;
    Ok(waiting >= options.inbox_max)
}

/// An entity that has a row.
pub(super) struct Known {
    pub entity: EntityRow,
    pub refusal: Option<Undeliverable>,
}

pub(super) fn find(connection: &Connection, address: Address) -> rusqlite::Result<Option<Known>> {
    let sql = "SELECT entity, status, reason FROM entities WHERE kind = ?1 AND id = ?2";
    let key = params![address.kind.prefix(), address.id.to_bytes()];
    let found = connection.prepare_cached(sql)?.query_row(key, |row| {
        let refusal = match row.get::<_, u8>(1)? {
            OPEN => None,
            CLOSED => Some(Undeliverable::Closed(address)),
            _ => {
                let reason: Option<String> = row.get(2)?;
                Some(Undeliverable::Quarantined { address, reason: reason.unwrap_or_default() })
            }
        };
        Ok(Known { entity: row.get(0)?, refusal })
    });
    found.optional()
}

fn make(connection: &Connection, first: &Post) -> rusqlite::Result<EntityRow> {
    let sql = "INSERT INTO entities (kind, id, opened_at, changed_at) VALUES (?1, ?2, ?3, ?3)";
    let Address { kind, id } = first.to;
    let values = params![kind.prefix(), id.to_bytes(), first.at.as_millis()];
    connection.prepare_cached(sql)?.insert(values)
}

pub(super) fn put_in(
    connection: &Connection,
    entity: EntityRow,
    post: &Post,
) -> rusqlite::Result<Ordinal> {
    let sql = "INSERT INTO inbox (entity, key, from_kind, from_id, name, version, body, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Body { name, version, bytes } = &post.body;
    let (from_kind, from_id) =
        (post.from.map(|from| from.kind.prefix()), post.from.map(|from| from.id.to_bytes()));
    let at = post.at.as_millis();
    connection
        .prepare_cached(sql)?
        .insert(params![entity, post.key, from_kind, from_id, name, version, bytes, at])
        .map(Ordinal)
}

// --- claims ---

/// How an entity was left: `head, owes, wake_at, format, epoch`, and whether another boot that is
/// known has it, and lives.
type Left = (u64, u32, Option<u64>, u16, u64, Option<bool>);

pub(super) fn claim(
    desk: &Desk<'_>,
    claim: &Claim,
) -> rusqlite::Result<Result<Claimed, Unclaimed>> {
    let connection = desk.connection;
    let Claim { entity: address, boot, format } = *claim;
    let Some(known) = find(connection, address)? else {
        return Ok(Err(Undeliverable::Unknown(address).into()));
    };
    if let Some(refusal) = known.refusal {
        return Ok(Err(refusal.into()));
    }
    let sql = format!(
        "SELECT head, owes, wake_at, format, epoch, (
             SELECT until > {NOW} FROM nodes WHERE boot = owner AND owner IS NOT ?2)
         FROM entities WHERE entity = ?1"
    );
    let (head, owes, wake_at, written, epoch, other_lives): Left = connection
        .prepare_cached(&sql)?
        .query_row(params![known.entity, boot.to_bytes()], |row| {
            let lives = row.get(5)?;
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, lives))
        })?;
    if written > format {
        return Ok(Err(Unclaimed::TooNew { entity: address, format: written }));
    }
    if other_lives == Some(true) {
        return Ok(Err(Unclaimed::Held(address)));
    }
    let epoch = Epoch(epoch + 1);
    let sql = "UPDATE entities SET epoch = ?3, owner = ?2 WHERE entity = ?1";
    connection.prepare_cached(sql)?.execute(params![known.entity, boot.to_bytes(), epoch.0])?;
    let before = before(owes.into(), other_lives);
    let wake_at = wake_at.map(Timestamp::from_millis);
    Ok(Ok(Claimed { epoch, head: Seq(head), before, wake_at }))
}

// --- appends ---

/// An append that names a blob which is not there does nothing, and is told which.
pub(super) fn append(
    desk: &Desk<'_>,
    append: &Arc<Append>,
) -> rusqlite::Result<Result<Appended, Blob>> {
    let connection = desk.connection;
    if let Some(unkept) = blobs::unkept(connection, &append.blobs)? {
        return Ok(Err(unkept));
    }
    let head = Seq(append.after.0 + append.events.len() as u64);
    let Some(entity) = advance(connection, append, head)? else {
        return look_whether_in(connection, append, head).map(Ok);
    };
    for (number, body) in (append.after.0 + 1..).zip(&append.events) {
        let heard = (number == append.after.0 + 1).then_some(append.heard.as_slice());
        record(connection, entity, append, Seq(number), body, heard)?;
    }
    for taken in &append.taken {
        take(connection, entity, append, taken)?;
    }
    if append.status == Status::Closed {
        mend::bury_what_entities_sent(connection, entity, append.entity, append.at)?;
    }
    let mut bells = Vec::with_capacity(append.posts.len());
    for (index, outgoing) in append.posts.iter().enumerate() {
        if send(connection, append, head, index, outgoing)? {
            bells.push(outgoing.to);
        }
    }
    for line in &append.audit {
        audit::link(desk, append.entity, append.at, line)?;
    }
    blobs::used(connection, entity, &append.blobs)?;
    Ok(Ok(Appended::Done { head, bells }))
}

/// Moves the entity on if this writer is still the one, and has seen everything.
///
/// Looked at first and then changed by its row: `RETURNING` would open a table for its one answer,
/// and a journal of its own, in the middle of every append.
fn advance(
    connection: &Connection,
    append: &Append,
    head: Seq,
) -> rusqlite::Result<Option<EntityRow>> {
    let Address { kind, id } = append.entity;
    let sql = "SELECT entity, owes, wake_at, asks FROM entities
               WHERE kind = ?1 AND id = ?2 AND epoch = ?3 AND head = ?4 AND status = 0
                   AND last_append IS NOT ?5";
    let sql = match mutants::is(Mutant::NoEpochCheck) {
        true => Cow::Owned(sql.replace("epoch = ?3", "epoch >= ?3")),
        false => Cow::Borrowed(sql),
    };
    let id_of_append = append.id.to_bytes();
    let key = params![kind.prefix(), id.to_bytes(), append.epoch.0, append.after.0, id_of_append];
    let found = connection.prepare_cached(&sql)?.query_row(key, |row| {
        Ok((row.get::<_, EntityRow>(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
    });
    let Some((entity, before)) = found.optional()? else { return Ok(None) };
    let sql = "UPDATE entities SET head = ?2, format = max(format, ?3), last_append = ?4,
                   changed_at = ?5, bytes = bytes + ?6
               WHERE entity = ?1";
    let at = append.at.as_millis();
    let bytes = bytes(append) as u64;
    let values = params![entity, head.0, append.format, id_of_append, at, bytes];
    connection.prepare_cached(sql)?.execute(values)?;
    stand(connection, entity, append, before)?;
    Ok(Some(entity))
}

/// What it owes, and waits for, and asks.
type Standing = (u32, Option<u64>, bool);

/// Writes down how an entity stands. Every index of them is about that, and is written as well, so
/// it is left alone where nothing of it has changed.
fn stand(
    connection: &Connection,
    entity: EntityRow,
    append: &Append,
    before: Standing,
) -> rusqlite::Result<()> {
    let wake_at = append.wake_at.map(Timestamp::as_millis);
    let after = (append.owes, wake_at, append.asks);
    if append.status == Status::Open && after == before {
        return Ok(());
    }
    let (status, reason) = match &append.status {
        Status::Open => (OPEN, None),
        Status::Closed => (CLOSED, None),
        Status::Quarantined(reason) => (QUARANTINED, Some(reason)),
    };
    let (owes, wake_at, asks) = after;
    let sql = "UPDATE entities SET owes = ?2, wake_at = ?3, asks = ?4, status = ?5, reason = ?6
               WHERE entity = ?1";
    let values = params![entity, owes, wake_at, asks, status, reason];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Its conditions do not hold: because it is in already, or because it comes too late.
fn look_whether_in(
    connection: &Connection,
    append: &Append,
    head: Seq,
) -> rusqlite::Result<Appended> {
    let sql = "SELECT last_append IS ?3 FROM entities WHERE kind = ?1 AND id = ?2";
    let Address { kind, id } = append.entity;
    let key = params![kind.prefix(), id.to_bytes(), append.id.to_bytes()];
    let is_in = connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    match is_in.unwrap_or(false) {
        true => {
            let bells = append.posts.iter().map(|outgoing| outgoing.to).collect();
            Ok(Appended::Done { head, bells })
        }
        false => Ok(Appended::Superseded),
    }
}

fn record(
    connection: &Connection,
    entity: EntityRow,
    append: &Append,
    seq: Seq,
    body: &Body,
    heard: Option<&[u8]>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (entity, seq, epoch, at, name, version, body, heard, checksum)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let Append { entity: address, epoch, at, .. } = append;
    let checksum = checksum(*address, seq, *epoch, *at, body, heard);
    let Body { name, version, bytes } = body;
    let at = at.as_millis();
    let values = params![entity, seq.0, epoch.0, at, name, version, bytes, heard, checksum];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// What was taken waits no more. A door's key stays, with its answer and without its body; an
/// entity's key comes only once, so its row goes.
fn take(
    connection: &Connection,
    entity: EntityRow,
    append: &Append,
    taken: &Taken,
) -> rusqlite::Result<()> {
    let answer = match &taken.fate {
        Fate::Heard(answer) => answer.as_deref(),
        Fate::Dead(story) => {
            let sql = "INSERT INTO dead
                           (kind, id, key, from_kind, from_id, name, version, body, story,
                            sent_at, died_at)
                       SELECT ?2, ?3, key, from_kind, from_id, name, version, body, ?4, at, ?5
                       FROM inbox WHERE ordinal = ?1 AND entity = ?6 AND state = 0";
            let Address { kind, id } = append.entity;
            let at = append.at.as_millis();
            let values = params![taken.ordinal.0, kind.prefix(), id.to_bytes(), story, at, entity];
            connection.prepare_cached(sql)?.execute(values)?;
            None
        }
    };
    let sql = "DELETE FROM inbox WHERE ordinal = ?1 AND entity = ?2 AND from_kind IS NOT NULL";
    let gone = connection.prepare_cached(sql)?.execute(params![taken.ordinal.0, entity])?;
    if gone == 0 {
        let sql = "UPDATE inbox SET state = 1, body = x'', answer = ?3, at = ?4
                   WHERE ordinal = ?1 AND entity = ?2";
        let values = params![taken.ordinal.0, entity, answer, append.at.as_millis()];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

/// Tells whether there is anybody to ring for.
fn send(
    connection: &Connection,
    append: &Append,
    head: Seq,
    index: usize,
    outgoing: &Outgoing,
) -> rusqlite::Result<bool> {
    let post = Post {
        to: outgoing.to,
        key: format!("{}/{}/{index}", append.entity, head.0).into(),
        from: Some(append.entity),
        opens: outgoing.opens,
        body: outgoing.body.clone(),
        at: append.at,
    };
    let refusal = match find(connection, post.to)? {
        Some(Known { entity, refusal: None }) => {
            put_in(connection, entity, &post)?;
            return Ok(true);
        }
        None if post.opens => {
            put_in(connection, make(connection, &post)?, &post)?;
            return Ok(true);
        }
        Some(Known { refusal: Some(refusal), .. }) => refusal,
        None => Undeliverable::Unknown(post.to),
    };
    bury(connection, &post, &refusal.to_string())?;
    Ok(false)
}

fn bury(connection: &Connection, post: &Post, story: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO dead (kind, id, key, from_kind, from_id, name, version, body, story,
                                 sent_at, died_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
    let Post { to, key, from, body, at, .. } = post;
    let Body { name, version, bytes } = body;
    connection.prepare_cached(sql)?.execute(params![
        to.kind.prefix(),
        to.id.to_bytes(),
        key,
        from.map(|from| from.kind.prefix()),
        from.map(|from| from.id.to_bytes()),
        name,
        version,
        bytes,
        story,
        at.as_millis(),
    ])?;
    Ok(())
}
