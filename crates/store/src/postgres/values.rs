//! Values as columns: the server counts with signs, and holds no NUL in a text.

use std::sync::Arc;

use domain::id::{Address, Id, Kind, NoAddress};
use domain::journal::{Body, Epoch, Ordinal, Post, Recorded, Seq, Waiting};
use domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Error, Row};

use crate::rows::checksum;

/// What counts from 0 counts no further than the server can.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(at: Timestamp) -> i64 {
    signed(at.as_millis())
}

/// A text that came from anywhere.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn odd(column: usize, what: impl Into<domain::BoxError>) -> Error {
    Error::ColumnDecode { index: column.to_string(), source: what.into() }
}

/// A number that is never below 0.
pub(super) fn number(row: &PgRow, column: usize) -> Result<u64, Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| odd(column, error))
}

pub(super) fn number_if_any(row: &PgRow, column: usize) -> Result<Option<u64>, Error> {
    let number: Option<i64> = row.try_get(column)?;
    number.map(|number| u64::try_from(number).map_err(|error| odd(column, error))).transpose()
}

pub(super) fn timestamp(row: &PgRow, column: usize) -> Result<Timestamp, Error> {
    number(row, column).map(Timestamp::from_millis)
}

fn id(row: &PgRow, column: usize) -> Result<Id, Error> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let bytes = bytes.try_into().map_err(|_| odd(column, "an id has 16 bytes"))?;
    Ok(Id::from_bytes(bytes))
}

/// An address from two columns that stand beside each other.
pub(super) fn address(row: &PgRow, kind: usize) -> Result<Address, Error> {
    let prefix: &str = row.try_get(kind)?;
    let unknown = || odd(kind, format!("no kind of entity is called {prefix}"));
    Ok(Address { kind: Kind::from_prefix(prefix).ok_or_else(unknown)?, id: id(row, kind + 1)? })
}

pub(super) fn address_if_any(row: &PgRow, kind: usize) -> Result<Option<Address>, Error> {
    let prefix: Option<&str> = row.try_get(kind)?;
    prefix.map(|_| address(row, kind)).transpose()
}

/// An address as people write it.
pub(super) fn written(row: &PgRow, column: usize) -> Result<Address, Error> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error: NoAddress| odd(column, error))
}

/// A body from three columns that stand beside each other.
pub(super) fn body(row: &PgRow, name: usize) -> Result<Body, Error> {
    let version: i32 = row.try_get(name + 1)?;
    let version = u16::try_from(version).map_err(|error| odd(name + 1, error))?;
    let (name, bytes) = (row.try_get::<String, _>(name)?, row.try_get(name + 2)?);
    Ok(Body { name: name.into(), version, bytes })
}

/// `ordinal, key, from_kind, from_id, name, version, body, at` of the inbox of `to`.
pub(super) fn waiting(to: Address, row: &PgRow) -> Result<Waiting, Error> {
    let key: Arc<str> = row.try_get::<&str, _>(1)?.into();
    let from = address_if_any(row, 2)?;
    let post = Post { to, key, from, opens: false, body: body(row, 4)?, at: timestamp(row, 7)? };
    Ok(Waiting { ordinal: Ordinal(row.try_get(0)?), post })
}

/// `seq, epoch, at, name, version, body, heard, checksum` of an entity's events. Nothing if they
/// are not what was written.
pub(super) fn recorded(entity: Address, row: &PgRow) -> Result<Option<Recorded>, Error> {
    let recorded = Recorded {
        seq: Seq(number(row, 0)?),
        epoch: Epoch(number(row, 1)?),
        at: timestamp(row, 2)?,
        body: body(row, 3)?,
        heard: row.try_get(6)?,
    };
    let written: i64 = row.try_get(7)?;
    let Recorded { seq, epoch, at, body, heard } = &recorded;
    let read = checksum(entity, *seq, *epoch, *at, body, heard.as_deref());
    Ok((written == read).then_some(recorded))
}
