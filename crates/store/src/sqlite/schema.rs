//! The tables, as a numbered list of steps that only ever grows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// What each version adds to the one before. A step that was released is never changed.
const STEPS: &[&str] = &[
    "
    CREATE TABLE entities (
        -- In the order in which they were made; a number that went is never given again.
        entity      INTEGER PRIMARY KEY AUTOINCREMENT,
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
        -- Whether it waits for a person.
        asks        INTEGER NOT NULL DEFAULT 0,
        -- The highest format among its events: older programs leave it alone.
        format      INTEGER NOT NULL DEFAULT 0,
        -- Tells `already in` from `superseded` when the answer to a commit was lost.
        last_append BLOB,
        opened_at   INTEGER NOT NULL,
        changed_at  INTEGER NOT NULL,
        -- Of all its events.
        bytes       INTEGER NOT NULL DEFAULT 0,
        UNIQUE (kind, id)
    ) STRICT;
    CREATE INDEX entities_due ON entities (kind, id)
        WHERE status = 0 AND (owes > 0 OR wake_at IS NOT NULL);
    CREATE INDEX entities_asking ON entities (entity) WHERE asks = 1;
    CREATE INDEX entities_waking ON entities (wake_at) WHERE status = 0 AND wake_at IS NOT NULL;
    -- Those below hold no open entity, so a turn that leaves its entity open writes none of them.
    CREATE INDEX entities_ended ON entities (status) WHERE status != 0;
    CREATE INDEX entities_closed ON entities (changed_at, entity, bytes) WHERE status = 1;
    CREATE INDEX entities_of_kind ON entities (kind);
    -- Entities that nobody finds any more, and whose rows still go.
    CREATE TABLE going (entity INTEGER PRIMARY KEY) STRICT;
    -- Those of them of whom doors have keys that are still known.
    CREATE TABLE forgotten (
        entity INTEGER PRIMARY KEY,
        kind   TEXT    NOT NULL,
        id     BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX forgotten_by_name ON forgotten (kind, id);

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
        -- 0 waiting, 1 taken: a door's, kept for its key and its answer
        state     INTEGER NOT NULL DEFAULT 0,
        -- When it was sent; once it is taken, when it was taken.
        at        INTEGER NOT NULL,
        answer    BLOB,
        UNIQUE (entity, key)
    ) STRICT;
    CREATE INDEX inbox_waiting ON inbox (entity, ordinal) WHERE state = 0;
    CREATE INDEX inbox_taken ON inbox (at) WHERE state = 1;

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
        sent_at   INTEGER NOT NULL,
        died_at   INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE audit (
        position INTEGER PRIMARY KEY,
        -- As text: the chain outlives the entity, and can be checked from a dump.
        address  TEXT    NOT NULL,
        at       INTEGER NOT NULL,
        line     BLOB    NOT NULL,
        -- Of the line before this one, and of this one.
        before   BLOB    NOT NULL,
        hash     BLOB    NOT NULL
    ) STRICT;
    -- One row: how many lines there are, and the hash of the last one; it tells of a tail cut off.
    CREATE TABLE audit_end (
        lines INTEGER NOT NULL,
        hash  BLOB    NOT NULL
    ) STRICT;
    INSERT INTO audit_end (lines, hash) VALUES (0, x'');

    CREATE TABLE blobs (
        hash  BLOB    PRIMARY KEY,
        size  INTEGER NOT NULL,
        -- When it was kept last.
        at    INTEGER NOT NULL,
        -- Whether all its parts are there.
        whole INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX blobs_by_age ON blobs (at);
    CREATE TABLE blob_parts (
        hash  BLOB    NOT NULL,
        part  INTEGER NOT NULL,
        bytes BLOB    NOT NULL,
        UNIQUE (hash, part)
    ) STRICT;
    CREATE TABLE blob_uses (
        entity INTEGER NOT NULL REFERENCES entities,
        hash   BLOB    NOT NULL,
        PRIMARY KEY (entity, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX blob_uses_of ON blob_uses (hash);
",
    "
    CREATE TABLE nodes (
        node  BLOB    PRIMARY KEY,
        -- Its last one.
        boot  BLOB    NOT NULL UNIQUE,
        -- By the clock of the store.
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

/// The version a program of today writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// A file of a newer program is left alone.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let version = version(connection).map_err(|source| OpenError::of(path, source))?;
    match version > VERSION {
        true => Err(OpenError::TooNew { version, known: VERSION }),
        false => Ok(()),
    }
}

pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings an older file up to date.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = version(connection)?;
    for (number, step) in (1..).zip(STEPS).skip(version as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
