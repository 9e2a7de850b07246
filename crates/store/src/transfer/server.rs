//! The end that is a server.

use std::fmt::Write as _;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgCopyIn, PgRow};
use sqlx::{AssertSqlSafe, Error, Row};

use super::{Failed, Kind, Table, Value};

/// What is sent at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Each row, in its order.
pub(super) async fn each(
    connection: &mut PgConnection,
    table: &Table,
    mut take: impl FnMut(Vec<Value>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut rows = sqlx::query(AssertSqlSafe(table.select())).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        take(values(&row, table)?)?;
    }
    Ok(())
}

fn values(row: &PgRow, table: &Table) -> Result<Vec<Value>, Error> {
    let value = |(column, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Number => number(row, column)?.map_or(Value::None, Value::Number),
            Kind::Flag => {
                let flag: Option<bool> = row.try_get(column)?;
                flag.map_or(Value::None, |flag| Value::Number(flag.into()))
            }
            Kind::Text => {
                row.try_get::<Option<String>, _>(column)?.map_or(Value::None, Value::Text)
            }
            Kind::Bytes => {
                row.try_get::<Option<Vec<u8>>, _>(column)?.map_or(Value::None, Value::Bytes)
            }
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

/// Of any width.
fn number(row: &PgRow, column: usize) -> Result<Option<i64>, Error> {
    if let Ok(number) = row.try_get::<Option<i64>, _>(column) {
        return Ok(number);
    }
    if let Ok(number) = row.try_get::<Option<i32>, _>(column) {
        return Ok(number.map(i64::from));
    }
    Ok(row.try_get::<Option<i16>, _>(column)?.map(i64::from))
}

/// Whether anything is kept there.
pub(super) async fn is_used(connection: &mut PgConnection) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM entities) OR EXISTS (SELECT 1 FROM forgotten)
                   OR EXISTS (SELECT 1 FROM dead) OR EXISTS (SELECT 1 FROM audit)
                   OR EXISTS (SELECT 1 FROM blobs)";
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}

/// Takes out the one row that new tables have: it is copied like all others.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("DELETE FROM audit_end").execute(connection).await.map(|_| ())
}

/// Where rows of one table are put.
pub(super) struct Into<'a> {
    copy: PgCopyIn<&'a mut PgConnection>,
    kinds: Vec<Kind>,
    chunk: String,
}

impl<'a> Into<'a> {
    pub(super) async fn table(
        connection: &'a mut PgConnection,
        table: &Table,
    ) -> Result<Self, Error> {
        let sql = format!("COPY {} ({}) FROM STDIN", table.name, table.columns());
        let copy = connection.copy_in_raw(&sql).await?;
        let kinds = table.columns.iter().map(|(_, kind)| *kind).collect();
        Ok(Into { copy, kinds, chunk: String::new() })
    }

    pub(super) async fn put(&mut self, row: &[Value]) -> Result<(), Error> {
        for (at, (value, kind)) in row.iter().zip(&self.kinds).enumerate() {
            if at > 0 {
                self.chunk.push('\t');
            }
            write(&mut self.chunk, value, *kind);
        }
        self.chunk.push('\n');
        if CHUNK_BYTES <= self.chunk.len() {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Error> {
        self.copy.send(self.chunk.as_bytes()).await?;
        self.chunk.clear();
        Ok(())
    }

    pub(super) async fn end(mut self) -> Result<(), Error> {
        self.send().await?;
        self.copy.finish().await.map(|_| ())
    }
}

/// As the text form of COPY has it.
fn write(line: &mut String, value: &Value, kind: Kind) {
    match (value, kind) {
        (Value::None, _) => line.push_str("\\N"),
        (Value::Number(number), Kind::Flag) => line.push(if *number == 0 { 'f' } else { 't' }),
        (Value::Number(number), _) => {
            let _ = write!(line, "{number}");
        }
        (Value::Text(text), _) => text.chars().for_each(|letter| match letter {
            '\\' => line.push_str("\\\\"),
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            letter => line.push(letter),
        }),
        (Value::Bytes(bytes), _) => {
            line.push_str("\\\\x");
            for byte in bytes {
                let _ = write!(line, "{byte:02x}");
            }
        }
    }
}

/// The last number that was given, whoever had it.
pub(super) async fn count(connection: &mut PgConnection, table: &Table) -> Result<i64, Error> {
    let sql = format!(
        "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{}', '{}')::regclass), 0)",
        table.name, table.key
    );
    sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get(0)
}

/// The next number follows this one.
pub(super) async fn count_on(
    connection: &mut PgConnection,
    table: &Table,
    last: i64,
) -> Result<(), Error> {
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('{}', '{}'), greatest($1, 1), $1 > 0)",
        table.name, table.key
    );
    sqlx::query(AssertSqlSafe(sql)).bind(last).execute(connection).await.map(|_| ())
}
