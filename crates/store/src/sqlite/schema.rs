//! The tables, as a numbered list of steps that only ever grows.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// What each version adds to the one before. A step that was released is never changed.
const STEPS: &[&str] = &["
    CREATE TABLE entities (
        entity      INTEGER PRIMARY KEY,
        kind        TEXT    NOT NULL,
        id          BLOB    NOT NULL,
        epoch       INTEGER NOT NULL DEFAULT 0,
        -- The boot that claimed it last.
        owner       BLOB,
        head        INTEGER NOT NULL DEFAULT 0,
        owes        INTEGER NOT NULL DEFAULT 0,
        wake_at     INTEGER,
        -- 0 open, 1 closed, 2 quarantined
        status      INTEGER NOT NULL DEFAULT 0,
        reason      TEXT,
        -- The highest format among its events: older programs leave it alone.
        format      INTEGER NOT NULL DEFAULT 0,
        -- Tells `already in` from `superseded` when the answer to a commit was lost.
        last_append BLOB,
        UNIQUE (kind, id)
    ) STRICT;
    CREATE INDEX entities_owing ON entities (kind, id) WHERE status = 0 AND owes > 0;
    CREATE INDEX entities_waking ON entities (wake_at) WHERE status = 0 AND wake_at IS NOT NULL;

    -- In the order of arrival, which clusters what is written together.
    CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        entity   INTEGER NOT NULL REFERENCES entities,
        seq      INTEGER NOT NULL,
        epoch    INTEGER NOT NULL,
        at       INTEGER NOT NULL,
        name     TEXT    NOT NULL,
        version  INTEGER NOT NULL,
        body     BLOB    NOT NULL,
        -- What its turn has heard, with the first event of the turn.
        heard    BLOB,
        checksum INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX events_of ON events (entity, seq);

    CREATE TABLE inbox (
        ordinal   INTEGER PRIMARY KEY AUTOINCREMENT,
        entity    INTEGER NOT NULL REFERENCES entities,
        key       TEXT    NOT NULL,
        from_kind TEXT,
        from_id   BLOB,
        name      TEXT    NOT NULL,
        version   INTEGER NOT NULL,
        body      BLOB    NOT NULL,
        at        INTEGER NOT NULL,
        -- 0 waiting, 1 taken: kept for its key and its answer
        state     INTEGER NOT NULL DEFAULT 0,
        answer    BLOB,
        UNIQUE (entity, key)
    ) STRICT;
    CREATE INDEX inbox_waiting ON inbox (entity, ordinal) WHERE state = 0;

    CREATE TABLE dead (
        letter    INTEGER PRIMARY KEY AUTOINCREMENT,
        kind      TEXT    NOT NULL,
        id        BLOB    NOT NULL,
        key       TEXT    NOT NULL,
        from_kind TEXT,
        from_id   BLOB,
        name      TEXT    NOT NULL,
        version   INTEGER NOT NULL,
        body      BLOB    NOT NULL,
        story     TEXT    NOT NULL,
        at        INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE audit (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        entity   INTEGER NOT NULL REFERENCES entities,
        at       INTEGER NOT NULL,
        line     BLOB    NOT NULL,
        -- Of the line before this one, and of this one.
        before   BLOB    NOT NULL,
        hash     BLOB    NOT NULL
    ) STRICT;
"];

/// The version a program of today writes.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// Brings an older file up to date; a newer one is left alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(OpenError::TooNew { version, known: VERSION });
    }
    for (number, step) in (1..).zip(STEPS).skip(version as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
