//! What posts, claims and appends do to the rows. Checks come first, and a refusal changes nothing.

use std::sync::Arc;

use domain::blob::Blob;
use domain::id::Address;
use domain::journal::{
    Append, Appended, Claim, Claimed, Epoch, Fate, Ordinal, Outgoing, Post, Posted, Seq, Status,
    Taken, Unclaimed, Undeliverable,
};
use domain::time::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{Error, Row};

use super::values::{millis, number, number_if_any, signed, text};
use super::{Options, audit, mend};
use crate::rows::{CLOSED, EntityRow, OPEN, PART_BYTES, QUARANTINED, before, bytes, checksum};

/// Of a post.
const WAITING: i16 = 0;

/// An entity that has a row, which cannot end before this transaction has.
pub(super) struct Known {
    pub(super) entity: EntityRow,
    pub(super) refusal: Option<Undeliverable>,
}

// --- posts ---

pub(super) async fn post(
    connection: &mut PgConnection,
    options: &Options,
    post: &Post,
) -> Result<Posted, Error> {
    let known = match find(connection, post.to).await? {
        Some(known) => known,
        None if post.opens => {
            if let Some(answer) = answer_of_forgotten(connection, post).await? {
                return Ok(Posted::Known(answer));
            }
            make(connection, post).await?
        }
        None => return Ok(Posted::Refused(Undeliverable::Unknown(post.to))),
    };
    let sql = "SELECT answer, state FROM inbox WHERE entity = $1 AND key = $2";
    let before = sqlx::query(sql).bind(known.entity).bind(&*post.key);
    let before = before.fetch_optional(&mut *connection).await?;
    let before: Option<(Option<Vec<u8>>, i16)> =
        before.map(|row| Ok::<_, Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
    match (before, known.refusal) {
        // It waited while the entity ended, and is never heard.
        (Some((_, WAITING)), Some(closed @ Undeliverable::Closed(_))) => {
            return Ok(Posted::Refused(closed));
        }
        (Some((answer, _)), _) => return Ok(Posted::Known(answer)),
        (None, Some(refusal)) => return Ok(Posted::Refused(refusal)),
        (None, None) => {}
    }
    if is_full(connection, options, known.entity).await? {
        return Ok(Posted::Refused(Undeliverable::Full(post.to)));
    }
    // Somebody who sends the same at the same time was faster.
    let ordinal = put_in(connection, known.entity, post).await?;
    Ok(ordinal.map_or(Posted::Known(None), Posted::Taken))
}

/// What somebody under this key was answered by an entity that has gone since: its history was too
/// much to keep, and its keys are not.
async fn answer_of_forgotten(
    connection: &mut PgConnection,
    post: &Post,
) -> Result<Option<Option<Vec<u8>>>, Error> {
    let sql = "SELECT answer FROM forgotten JOIN inbox USING (entity)
               WHERE kind = $1 AND id = $2 AND key = $3 AND state = 1 LIMIT 1";
    let Address { kind, id } = post.to;
    let found = sqlx::query(sql).bind(kind.prefix()).bind(id.to_bytes().to_vec()).bind(&*post.key);
    found.fetch_optional(connection).await?.map(|row| row.try_get(0)).transpose()
}

pub(super) async fn is_full(
    connection: &mut PgConnection,
    options: &Options,
    entity: EntityRow,
) -> Result<bool, Error> {
    let sql = "SELECT count(*) FROM inbox WHERE entity = $1 AND state = 0";
    let waiting = sqlx::query(sql).bind(entity).fetch_one(connection).await?;
    Ok(number(&waiting, 0)? >= u64::from(options.inbox_max))
}

/// Whoever ends an entity waits until nobody has found it open any more.
pub(super) async fn find(
    connection: &mut PgConnection,
    address: Address,
) -> Result<Option<Known>, Error> {
    let sql = "SELECT entity, status, reason FROM entities WHERE kind = $1 AND id = $2
               FOR KEY SHARE";
    let Address { kind, id } = address;
    let found = sqlx::query(sql).bind(kind.prefix()).bind(id.to_bytes().to_vec());
    let Some(row) = found.fetch_optional(connection).await? else { return Ok(None) };
    let status: i16 = row.try_get(1)?;
    let refusal = match u8::try_from(status) {
        Ok(OPEN) => None,
        Ok(CLOSED) => Some(Undeliverable::Closed(address)),
        Ok(_) | Err(_) => {
            let reason: Option<String> = row.try_get(2)?;
            Some(Undeliverable::Quarantined { address, reason: reason.unwrap_or_default() })
        }
    };
    Ok(Some(Known { entity: row.try_get(0)?, refusal }))
}

/// The entity that this post is the first of, unless somebody has just made it.
async fn make(connection: &mut PgConnection, first: &Post) -> Result<Known, Error> {
    let sql = "INSERT INTO entities (kind, id, opened_at, changed_at) VALUES ($1, $2, $3, $3)
               ON CONFLICT (kind, id) DO NOTHING RETURNING entity";
    let Address { kind, id } = first.to;
    let made = sqlx::query(sql)
        .bind(kind.prefix())
        .bind(id.to_bytes().to_vec())
        .bind(millis(first.at))
        .fetch_optional(&mut *connection)
        .await?;
    match made {
        Some(row) => Ok(Known { entity: row.try_get(0)?, refusal: None }),
        None => find(connection, first.to).await?.ok_or(Error::RowNotFound),
    }
}

/// Nothing where the same key is there already.
pub(super) async fn put_in(
    connection: &mut PgConnection,
    entity: EntityRow,
    post: &Post,
) -> Result<Option<Ordinal>, Error> {
    let sql = "INSERT INTO inbox (entity, key, from_kind, from_id, name, version, body, at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (entity, key) DO NOTHING RETURNING ordinal";
    let row = sqlx::query(sql)
        .bind(entity)
        .bind(&*post.key)
        .bind(post.from.map(|from| from.kind.prefix()))
        .bind(post.from.map(|from| from.id.to_bytes().to_vec()))
        .bind(&*post.body.name)
        .bind(i32::from(post.body.version))
        .bind(&post.body.bytes)
        .bind(millis(post.at))
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.try_get(0).map(Ordinal)).transpose()
}

// --- claims ---

pub(super) async fn claim(
    connection: &mut PgConnection,
    claim: &Claim,
) -> Result<Result<Claimed, Unclaimed>, Error> {
    let Claim { entity: address, boot, format } = *claim;
    let sql = "SELECT entity, status, reason, head, owes, wake_at, format, epoch, (
                   SELECT until > clock_timestamp() FROM nodes
                   WHERE boot = owner AND owner IS DISTINCT FROM $3)
               FROM entities WHERE kind = $1 AND id = $2 FOR NO KEY UPDATE OF entities";
    let Address { kind, id } = address;
    let found = sqlx::query(sql).bind(kind.prefix()).bind(id.to_bytes().to_vec());
    let found = found.bind(boot.to_bytes().to_vec());
    let Some(row) = found.fetch_optional(&mut *connection).await? else {
        return Ok(Err(Undeliverable::Unknown(address).into()));
    };
    let status: i16 = row.try_get(1)?;
    match u8::try_from(status) {
        Ok(OPEN) => {}
        Ok(CLOSED) => return Ok(Err(Undeliverable::Closed(address).into())),
        Ok(_) | Err(_) => {
            let reason: Option<String> = row.try_get(2)?;
            let reason = reason.unwrap_or_default();
            return Ok(Err(Undeliverable::Quarantined { address, reason }.into()));
        }
    }
    let entity: EntityRow = row.try_get(0)?;
    let (head, owes, wake_at) = (number(&row, 3)?, number(&row, 4)?, number_if_any(&row, 5)?);
    let written: i32 = row.try_get(6)?;
    let written = u16::try_from(written).unwrap_or(u16::MAX);
    if written > format {
        return Ok(Err(Unclaimed::TooNew { entity: address, format: written }));
    }
    let other_lives: Option<bool> = row.try_get(8)?;
    if other_lives == Some(true) {
        return Ok(Err(Unclaimed::Held(address)));
    }
    let epoch = Epoch(number(&row, 7)? + 1);
    let sql = "UPDATE entities SET epoch = $3, owner = $2 WHERE entity = $1";
    let claimed =
        sqlx::query(sql).bind(entity).bind(boot.to_bytes().to_vec()).bind(signed(epoch.0));
    claimed.execute(connection).await?;
    let before = before(owes, other_lives);
    let wake_at = wake_at.map(Timestamp::from_millis);
    Ok(Ok(Claimed { epoch, head: Seq(head), before, wake_at }))
}

// --- appends ---

/// An append that names a blob which is not there does nothing, and is told which.
pub(super) async fn append(
    connection: &mut PgConnection,
    append: &Arc<Append>,
) -> Result<Result<Appended, Blob>, Error> {
    if let Some(unkept) = unkept(connection, &append.blobs).await? {
        return Ok(Err(unkept));
    }
    let head = Seq(append.after.0 + append.events.len() as u64);
    let Some(entity) = advance(connection, append, head).await? else {
        return look_whether_in(connection, append, head).await.map(Ok);
    };
    record(connection, entity, append).await?;
    for taken in &append.taken {
        take(connection, entity, append, taken).await?;
    }
    if append.status == Status::Closed {
        mend::bury_what_entities_sent(connection, entity, append.entity, append.at).await?;
    }
    let mut bells = Vec::with_capacity(append.posts.len());
    for (index, outgoing) in append.posts.iter().enumerate() {
        if send(connection, append, head, index, outgoing).await? {
            bells.push(outgoing.to);
        }
    }
    use_blobs(connection, entity, &append.blobs).await?;
    audit::link(connection, append.entity, append.at, &append.audit).await?;
    Ok(Ok(Appended::Done { head, bells }))
}

/// Moves the entity on if this writer is still the one, and has seen everything. Whoever ends it
/// waits until no post is on its way into it.
async fn advance(
    connection: &mut PgConnection,
    append: &Append,
    head: Seq,
) -> Result<Option<EntityRow>, Error> {
    let Address { kind, id } = append.entity;
    let id = id.to_bytes().to_vec();
    if append.status == Status::Closed {
        let sql = "SELECT 1 FROM entities WHERE kind = $1 AND id = $2 FOR UPDATE";
        sqlx::query(sql).bind(kind.prefix()).bind(&id).execute(&mut *connection).await?;
    }
    let sql = "UPDATE entities
               SET head = $6, format = greatest(format, $7), last_append = $5, changed_at = $8,
                   bytes = bytes + $9, owes = $10, wake_at = $11, asks = $12, status = $13,
                   reason = $14
               WHERE kind = $1 AND id = $2 AND epoch = $3 AND head = $4 AND status = 0
                   AND last_append IS DISTINCT FROM $5
               RETURNING entity";
    let (status, reason) = match &append.status {
        Status::Open => (OPEN, None),
        Status::Closed => (CLOSED, None),
        Status::Quarantined(reason) => (QUARANTINED, Some(text(reason))),
    };
    let moved = sqlx::query(sql)
        .bind(kind.prefix())
        .bind(id)
        .bind(signed(append.epoch.0))
        .bind(signed(append.after.0))
        .bind(append.id.to_bytes().to_vec())
        .bind(signed(head.0))
        .bind(i32::from(append.format))
        .bind(millis(append.at))
        .bind(signed(bytes(append) as u64))
        .bind(i64::from(append.owes))
        .bind(append.wake_at.map(millis))
        .bind(append.asks)
        .bind(i16::from(status))
        .bind(reason)
        .fetch_optional(connection)
        .await?;
    moved.map(|row| row.try_get(0)).transpose()
}

/// Its conditions do not hold: because it is in already, or because it comes too late.
async fn look_whether_in(
    connection: &mut PgConnection,
    append: &Append,
    head: Seq,
) -> Result<Appended, Error> {
    let sql =
        "SELECT last_append IS NOT DISTINCT FROM $3 FROM entities WHERE kind = $1 AND id = $2";
    let Address { kind, id } = append.entity;
    let row = sqlx::query(sql)
        .bind(kind.prefix())
        .bind(id.to_bytes().to_vec())
        .bind(append.id.to_bytes().to_vec())
        .fetch_optional(connection)
        .await?;
    let is_in = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false);
    match is_in {
        true => {
            let bells = append.posts.iter().map(|outgoing| outgoing.to).collect();
            Ok(Appended::Done { head, bells })
        }
        false => Ok(Appended::Superseded),
    }
}

/// All its events in one statement.
async fn record(
    connection: &mut PgConnection,
    entity: EntityRow,
    append: &Append,
) -> Result<(), Error> {
    if append.events.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO events (entity, seq, epoch, at, name, version, body, heard, checksum)
               SELECT $1, e.seq, $2, $3, e.name, e.version, e.body, e.heard, e.checksum
               FROM unnest($4::bigint[], $5::text[], $6::integer[], $7::bytea[], $8::bytea[],
                           $9::bigint[])
                   AS e (seq, name, version, body, heard, checksum)
               ORDER BY e.seq";
    let Append { entity: address, epoch, at, after, .. } = append;
    let numbered = || (after.0 + 1..).map(Seq).zip(&append.events);
    let heard = |seq: Seq| (seq.0 == after.0 + 1).then_some(append.heard.as_slice());
    let checksums = numbered()
        .map(|(seq, body)| checksum(*address, seq, *epoch, *at, body, heard(seq)))
        .collect::<Vec<i64>>();
    sqlx::query(sql)
        .bind(entity)
        .bind(signed(epoch.0))
        .bind(millis(*at))
        .bind(numbered().map(|(seq, _)| signed(seq.0)).collect::<Vec<i64>>())
        .bind(append.events.iter().map(|body| body.name.to_string()).collect::<Vec<String>>())
        .bind(append.events.iter().map(|body| i32::from(body.version)).collect::<Vec<i32>>())
        .bind(append.events.iter().map(|body| body.bytes.as_slice()).collect::<Vec<&[u8]>>())
        .bind(numbered().map(|(seq, _)| heard(seq)).collect::<Vec<Option<&[u8]>>>())
        .bind(checksums)
        .execute(connection)
        .await?;
    Ok(())
}

/// What was taken waits no more. A door's key stays, with its answer and without its body; an
/// entity's key comes only once, so its row goes.
async fn take(
    connection: &mut PgConnection,
    entity: EntityRow,
    append: &Append,
    taken: &Taken,
) -> Result<(), Error> {
    let answer = match &taken.fate {
        Fate::Heard(answer) => answer.as_deref(),
        Fate::Dead(story) => {
            let sql = "INSERT INTO dead
                           (kind, id, key, from_kind, from_id, name, version, body, story,
                            sent_at, died_at)
                       SELECT $2, $3, key, from_kind, from_id, name, version, body, $4, at, $5
                       FROM inbox WHERE ordinal = $1 AND entity = $6 AND state = 0";
            let Address { kind, id } = append.entity;
            sqlx::query(sql)
                .bind(taken.ordinal.0)
                .bind(kind.prefix())
                .bind(id.to_bytes().to_vec())
                .bind(text(story))
                .bind(millis(append.at))
                .bind(entity)
                .execute(&mut *connection)
                .await?;
            None
        }
    };
    let sql = "DELETE FROM inbox WHERE ordinal = $1 AND entity = $2 AND from_kind IS NOT NULL";
    let gone = sqlx::query(sql).bind(taken.ordinal.0).bind(entity);
    if gone.execute(&mut *connection).await?.rows_affected() == 0 {
        let sql = "UPDATE inbox SET state = 1, body = ''::bytea, answer = $3, at = $4
                   WHERE ordinal = $1 AND entity = $2";
        sqlx::query(sql)
            .bind(taken.ordinal.0)
            .bind(entity)
            .bind(answer)
            .bind(millis(append.at))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Tells whether there is anybody to ring for.
async fn send(
    connection: &mut PgConnection,
    append: &Append,
    head: Seq,
    index: usize,
    outgoing: &Outgoing,
) -> Result<bool, Error> {
    let post = Post {
        to: outgoing.to,
        key: format!("{}/{}/{index}", append.entity, head.0).into(),
        from: Some(append.entity),
        opens: outgoing.opens,
        body: outgoing.body.clone(),
        at: append.at,
    };
    let found = match find(connection, post.to).await? {
        None if post.opens => Some(make(connection, &post).await?),
        found => found,
    };
    let refusal = match found {
        Some(Known { entity, refusal: None }) => {
            put_in(connection, entity, &post).await?;
            return Ok(true);
        }
        Some(Known { refusal: Some(refusal), .. }) => refusal,
        None => Undeliverable::Unknown(post.to),
    };
    bury(connection, &post, &refusal.to_string()).await?;
    Ok(false)
}

async fn bury(connection: &mut PgConnection, post: &Post, story: &str) -> Result<(), Error> {
    let sql = "INSERT INTO dead (kind, id, key, from_kind, from_id, name, version, body, story,
                                 sent_at, died_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
    let Post { to, key, from, body, at, .. } = post;
    sqlx::query(sql)
        .bind(to.kind.prefix())
        .bind(to.id.to_bytes().to_vec())
        .bind(&**key)
        .bind(from.map(|from| from.kind.prefix()))
        .bind(from.map(|from| from.id.to_bytes().to_vec()))
        .bind(&*body.name)
        .bind(i32::from(body.version))
        .bind(&body.bytes)
        .bind(text(story))
        .bind(millis(*at))
        .execute(connection)
        .await?;
    Ok(())
}

// --- blobs ---

/// Keeps bytes under their name. What is there already is not sent once more, unless it is not what
/// it was.
pub(super) async fn keep(
    connection: &mut PgConnection,
    (blob, bytes, at): (Blob, &[u8], Timestamp),
) -> Result<(), Error> {
    let hash = blob.hash().as_slice();
    let sql = "UPDATE blobs SET at = greatest(at, $2) WHERE hash = $1 AND whole AND $1 = (
                   SELECT sha256(string_agg(bytes, ''::bytea ORDER BY part)) FROM blob_parts
                   WHERE hash = $1)";
    let young = sqlx::query(sql).bind(hash).bind(millis(at)).execute(&mut *connection).await?;
    if young.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "INSERT INTO blobs (hash, size, at, whole) VALUES ($1, $2, $3, TRUE)
               ON CONFLICT (hash) DO UPDATE
               SET size = excluded.size, at = greatest(blobs.at, excluded.at), whole = TRUE";
    let kept = sqlx::query(sql).bind(hash).bind(signed(bytes.len() as u64)).bind(millis(at));
    kept.execute(&mut *connection).await?;
    let gone = sqlx::query("DELETE FROM blob_parts WHERE hash = $1").bind(hash);
    gone.execute(&mut *connection).await?;
    let parts: Vec<&[u8]> = match bytes.is_empty() {
        true => vec![bytes],
        false => bytes.chunks(PART_BYTES).collect(),
    };
    let sql = "INSERT INTO blob_parts (hash, part, bytes)
               SELECT $1, part - 1, bytes
               FROM unnest($2::bytea[]) WITH ORDINALITY AS parts (bytes, part)";
    sqlx::query(sql).bind(hash).bind(parts).execute(connection).await?;
    Ok(())
}

/// The first of these that is not kept. Those that are stay until this transaction has ended.
async fn unkept(connection: &mut PgConnection, blobs: &[Blob]) -> Result<Option<Blob>, Error> {
    let sql = "SELECT 1 FROM blobs WHERE hash = $1 AND whole FOR KEY SHARE";
    for blob in blobs {
        let found = sqlx::query(sql).bind(blob.hash().as_slice());
        if found.fetch_optional(&mut *connection).await?.is_none() {
            return Ok(Some(*blob));
        }
    }
    Ok(None)
}

async fn use_blobs(
    connection: &mut PgConnection,
    entity: EntityRow,
    blobs: &[Blob],
) -> Result<(), Error> {
    let sql = "INSERT INTO blob_uses (entity, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    for blob in blobs {
        sqlx::query(sql)
            .bind(entity)
            .bind(blob.hash().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
