//! Rows as values: how addresses, bodies and events lie in columns.

use std::sync::Arc;

use domain::id::{Address, Id, Kind, NoAddress};
use domain::journal::{Body, Epoch, Ordinal, Post, Recorded, Seq, Waiting};
use domain::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::rows::checksum;

/// An address from two columns that stand beside each other.
pub(crate) fn address(row: &Row<'_>, kind: usize) -> rusqlite::Result<Address> {
    let prefix: Box<str> = row.get(kind)?;
    let unknown = || {
        let what = format!("no kind of entity is called {prefix}");
        rusqlite::Error::FromSqlConversionFailure(kind, Type::Text, what.into())
    };
    Ok(Address {
        kind: Kind::from_prefix(&prefix).ok_or_else(unknown)?,
        id: Id::from_bytes(row.get(kind + 1)?),
    })
}

/// An address as people write it.
pub(super) fn written(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    let text: Box<str> = row.get(column)?;
    let no = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error);
    text.parse().map_err(|error: NoAddress| no(error.into()))
}

/// An address from two columns that stand beside each other, if there is one.
pub(super) fn address_if_any(row: &Row<'_>, kind: usize) -> rusqlite::Result<Option<Address>> {
    let prefix: Option<Box<str>> = row.get(kind)?;
    prefix.map(|_| address(row, kind)).transpose()
}

pub(super) fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A body from three columns that stand beside each other.
pub(super) fn body(row: &Row<'_>, name: usize) -> rusqlite::Result<Body> {
    let (version, bytes) = (row.get(name + 1)?, row.get(name + 2)?);
    Ok(Body { name: row.get::<_, String>(name)?.into(), version, bytes })
}

/// `ordinal, key, from_kind, from_id, name, version, body, at` of the inbox of `to`.
pub(super) fn waiting(to: Address, row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let from = address_if_any(row, 2)?;
    let key: Arc<str> = row.get(1)?;
    let post = Post { to, key, from, opens: false, body: body(row, 4)?, at: timestamp(row, 7)? };
    Ok(Waiting { ordinal: Ordinal(row.get(0)?), post })
}

/// `seq, epoch, at, name, version, body, heard, checksum` of an entity's events. Nothing if they
/// are not what was written.
pub(crate) fn recorded(entity: Address, row: &Row<'_>) -> rusqlite::Result<Option<Recorded>> {
    let recorded = Recorded {
        seq: Seq(row.get(0)?),
        epoch: Epoch(row.get(1)?),
        at: timestamp(row, 2)?,
        body: body(row, 3)?,
        heard: row.get(6)?,
    };
    let written: i64 = row.get(7)?;
    let heard = recorded.heard.as_deref();
    let read = checksum(entity, recorded.seq, recorded.epoch, recorded.at, &recorded.body, heard);
    Ok((written == read).then_some(recorded))
}
