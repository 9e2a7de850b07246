//! The end that is a file.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Statement, ToSql, params_from_iter};

use super::{Table, Value};
use crate::sqlite::schema;

/// Read only.
pub(super) fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
}

/// Makes the tables, with nothing in them.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    schema::migrate(connection)?;
    connection.execute("DELETE FROM audit_end", []).map(|_| ())
}

/// A row of `Table::select`.
pub(super) fn values(row: &Row<'_>, table: &Table) -> rusqlite::Result<Vec<Value>> {
    let value = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Value::None,
            ValueRef::Integer(number) => Value::Number(number),
            ValueRef::Text(_) => Value::Text(row.get(column)?),
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
            ValueRef::Real(_) => {
                return Err(rusqlite::Error::InvalidColumnType(
                    column,
                    table.columns[column].0.to_owned(),
                    rusqlite::types::Type::Real,
                ));
            }
        })
    };
    (0..table.columns.len()).map(value).collect()
}

/// Where rows of one table are put.
pub(super) struct Into<'a>(Statement<'a>);

impl<'a> Into<'a> {
    pub(super) fn table(connection: &'a Connection, table: &Table) -> rusqlite::Result<Self> {
        let marks = vec!["?"; table.columns.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", table.name, table.columns());
        connection.prepare(&sql).map(Into)
    }

    pub(super) fn put(&mut self, row: &[Value]) -> rusqlite::Result<()> {
        self.0.execute(params_from_iter(row)).map(|_| ())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::None => ValueRef::Null,
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The last number that was given, whoever had it.
pub(super) fn count(connection: &Connection, table: &Table) -> rusqlite::Result<i64> {
    let sql = format!(
        "SELECT max(coalesce((SELECT max({0}) FROM {1}), 0),
                    coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{1}'), 0))",
        table.key, table.name
    );
    connection.query_row(&sql, [], |row| row.get(0))
}

/// The next number follows this one, where the file itself remembers that.
pub(super) fn count_on(connection: &Connection, table: &Table, last: i64) -> rusqlite::Result<()> {
    let sql = "SELECT instr(sql, 'AUTOINCREMENT') > 0 FROM sqlite_schema WHERE name = ?1";
    let remembers: Option<bool> =
        connection.query_row(sql, [table.name], |row| row.get(0)).optional()?;
    if remembers != Some(true) {
        return Ok(());
    }
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table.name])?;
    let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
    connection.execute(sql, (table.name, last)).map(|_| ())
}
