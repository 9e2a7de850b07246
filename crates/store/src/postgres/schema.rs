//! The tables, as a numbered list of steps that only ever grows: the same as those of the file, in
//! the dialect of the server.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row, raw_sql};

use super::OpenError;

/// What each version adds to the one before. A step that was released is never changed.
const STEPS: &[&str] = &[
    r#"
    CREATE TABLE entities (
        -- In the order in which they were made; a number that went is never given again.
        entity      BIGINT   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind        TEXT     COLLATE "C" NOT NULL,
        id          BYTEA    NOT NULL,
        epoch       BIGINT   NOT NULL DEFAULT 0,
        -- The boot that claimed it last.
        owner       BYTEA,
        head        BIGINT   NOT NULL DEFAULT 0,
        owes        BIGINT   NOT NULL DEFAULT 0,
        wake_at     BIGINT,
        -- 0 open, 1 closed, 2 quarantined
        status      SMALLINT NOT NULL DEFAULT 0,
        reason      TEXT,
        -- Whether it waits for a person.
        asks        BOOLEAN  NOT NULL DEFAULT FALSE,
        -- The highest format among its events: older programs leave it alone.
        format      INTEGER  NOT NULL DEFAULT 0,
        -- Tells `already in` from `superseded` when the answer to a commit was lost.
        last_append BYTEA,
        opened_at   BIGINT   NOT NULL,
        changed_at  BIGINT   NOT NULL,
        -- Of all its events.
        bytes       BIGINT   NOT NULL DEFAULT 0,
        UNIQUE (kind, id)
    );
    CREATE INDEX entities_due ON entities (kind, id)
        WHERE status = 0 AND (owes > 0 OR wake_at IS NOT NULL);
    CREATE INDEX entities_asking ON entities (entity) WHERE asks;
    CREATE INDEX entities_waking ON entities (wake_at) WHERE status = 0 AND wake_at IS NOT NULL;
    CREATE INDEX entities_ended ON entities (status, entity) WHERE status != 0;
    CREATE INDEX entities_closed ON entities (changed_at, entity, bytes) WHERE status = 1;
    CREATE INDEX entities_of_kind ON entities (kind, entity);
    -- Entities that nobody finds any more, and whose rows still go.
    CREATE TABLE going (entity BIGINT PRIMARY KEY);
    -- Those of them of whom doors have keys that are still known.
    CREATE TABLE forgotten (
        entity BIGINT PRIMARY KEY,
        kind   TEXT   COLLATE "C" NOT NULL,
        id     BYTEA  NOT NULL
    );
    CREATE INDEX forgotten_by_name ON forgotten (kind, id);

    -- In the order of arrival, which clusters what is written together.
    CREATE TABLE events (
        position BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        entity   BIGINT  NOT NULL,
        seq      BIGINT  NOT NULL,
        epoch    BIGINT  NOT NULL,
        at       BIGINT  NOT NULL,
        name     TEXT    NOT NULL,
        version  INTEGER NOT NULL,
        body     BYTEA   NOT NULL,
        -- What its turn has heard, with the first event of the turn.
        heard    BYTEA,
        checksum BIGINT  NOT NULL
    );
    CREATE UNIQUE INDEX events_of ON events (entity, seq);

    CREATE TABLE inbox (
        ordinal   BIGINT   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        entity    BIGINT   NOT NULL,
        key       TEXT     COLLATE "C" NOT NULL,
        from_kind TEXT,
        from_id   BYTEA,
        name      TEXT     NOT NULL,
        version   INTEGER  NOT NULL,
        body      BYTEA    NOT NULL,
        -- 0 waiting, 1 taken: a door's, kept for its key and its answer
        state     SMALLINT NOT NULL DEFAULT 0,
        -- When it was sent; once it is taken, when it was taken.
        at        BIGINT   NOT NULL,
        answer    BYTEA,
        UNIQUE (entity, key)
    );
    CREATE INDEX inbox_waiting ON inbox (entity, ordinal) WHERE state = 0;
    CREATE INDEX inbox_taken ON inbox (at) WHERE state = 1;

    CREATE TABLE dead (
        letter    BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind      TEXT    NOT NULL,
        id        BYTEA   NOT NULL,
        key       TEXT    NOT NULL,
        from_kind TEXT,
        from_id   BYTEA,
        name      TEXT    NOT NULL,
        version   INTEGER NOT NULL,
        body      BYTEA   NOT NULL,
        story     TEXT    NOT NULL,
        sent_at   BIGINT  NOT NULL,
        died_at   BIGINT  NOT NULL
    );

    CREATE TABLE audit (
        position BIGINT PRIMARY KEY,
        -- As text: the chain outlives the entity, and can be checked from a dump.
        address  TEXT   NOT NULL,
        at       BIGINT NOT NULL,
        line     BYTEA  NOT NULL,
        -- Of the line before this one, and of this one.
        before   BYTEA  NOT NULL,
        hash     BYTEA  NOT NULL
    );
    -- One row: how many lines there are, and the hash of the last one; it tells of a tail cut off.
    CREATE TABLE audit_end (
        lines BIGINT NOT NULL,
        hash  BYTEA  NOT NULL
    );
    INSERT INTO audit_end (lines, hash) VALUES (0, ''::bytea);

    CREATE TABLE blobs (
        hash  BYTEA   PRIMARY KEY,
        size  BIGINT  NOT NULL,
        -- When it was kept last.
        at    BIGINT  NOT NULL,
        -- Whether all its parts are there.
        whole BOOLEAN NOT NULL
    );
    CREATE INDEX blobs_by_age ON blobs (at);
    CREATE TABLE blob_parts (
        hash  BYTEA   NOT NULL,
        part  INTEGER NOT NULL,
        bytes BYTEA   NOT NULL,
        PRIMARY KEY (hash, part)
    );
    CREATE TABLE blob_uses (
        entity BIGINT NOT NULL,
        hash   BYTEA  NOT NULL,
        PRIMARY KEY (entity, hash)
    );
    CREATE INDEX blob_uses_of ON blob_uses (hash);
"#,
    r#"
    CREATE TABLE nodes (
        node  BYTEA       PRIMARY KEY,
        -- Its last one.
        boot  BYTEA       NOT NULL UNIQUE,
        -- By the clock of the store.
        until TIMESTAMPTZ NOT NULL
    );
"#,
];

/// The version a program of today writes.
const VERSION: i64 = STEPS.len() as i64;

/// Whoever changes tables holds this; the others wait until it is done.
const LOCK: i64 = 0x6c61_7265_7301;

/// Brings the tables up to this program. Of several that start at once one does it.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), OpenError> {
    let failed = OpenError::Migrate;
    let mut change = connection.begin().await.map_err(failed)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *change)
        .await
        .map_err(failed)?;
    let version = version(&mut change).await?;
    if VERSION < version {
        return Err(OpenError::TooNew { version, known: VERSION });
    }
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        raw_sql(*step).execute(&mut *change).await.map_err(failed)?;
    }
    if version < VERSION {
        let sql = "UPDATE lares_schema SET version = $1";
        sqlx::query(sql).bind(VERSION).execute(&mut *change).await.map_err(failed)?;
    }
    change.commit().await.map_err(failed)
}

/// Of the tables that are there. A database that holds something else is left alone.
async fn version(connection: &mut PgConnection) -> Result<i64, OpenError> {
    let failed = OpenError::Migrate;
    let sql = "SELECT to_regclass('lares_schema') IS NOT NULL,
                   EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(failed)?;
    let (is_ours, is_used): (bool, bool) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    if !is_ours && is_used {
        return Err(OpenError::Foreign);
    }
    if !is_ours {
        let sql = "CREATE TABLE lares_schema (version BIGINT NOT NULL);
                   INSERT INTO lares_schema (version) VALUES (0)";
        raw_sql(sql).execute(&mut *connection).await.map_err(failed)?;
        return Ok(0);
    }
    let row = sqlx::query("SELECT version FROM lares_schema").fetch_one(connection).await;
    row.and_then(|row| row.try_get(0)).map_err(failed)
}
