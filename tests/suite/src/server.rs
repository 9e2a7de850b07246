//! The Postgres server that tests share: `tests/with-postgres` starts it, and says where it is.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A schema that nobody else has, as the address of a journal.
pub(crate) fn schema() -> String {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let server = said("LARES_TEST_POSTGRES");
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    psql(&server, &format!("CREATE SCHEMA {schema}"));
    format!("{server}?options[search_path]={schema}")
}

/// Does this in a schema.
pub(crate) fn sql(schema: &str, statement: &str) {
    let (server, path) = schema.split_once("?options[search_path]=").expect("it has a schema");
    psql(server, &format!("SET search_path TO {path}; {statement}"));
}

/// Another database of the same server.
pub(crate) fn beside(schema: &str, database: &str) -> String {
    let (server, _) = schema.rsplit_once('/').expect("it has a database");
    format!("{server}/{database}")
}

fn said(name: &str) -> String {
    std::env::var(name).expect("no server is said: run this with tests/with-postgres before it")
}

fn psql(server: &str, statement: &str) {
    let mut psql = Command::new(Path::new(&said("LARES_TEST_POSTGRES_BIN")).join("psql"));
    psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", statement, server]);
    assert!(psql.status().expect("psql begins").success(), "{statement}");
}

/// The schema of a node on this folder, if nodes are to keep their journals on the server.
pub(crate) fn of_node(folder: &Path) -> Option<String> {
    std::env::var("LARES_TEST_STORE").ok().filter(|store| store == "postgres")?;
    let file = folder.join("test.store");
    if let Ok(known) = std::fs::read_to_string(&file) {
        return Some(known);
    }
    let schema = schema();
    std::fs::write(file, &schema).expect("the folder is ours");
    Some(schema)
}

/// A database that nobody else has, as the address of a journal.
pub(crate) fn database() -> String {
    let server = said("LARES_TEST_POSTGRES");
    let name = format!("of_{}", std::process::id());
    psql(&server, &format!("CREATE DATABASE {name}"));
    beside(&server, &name)
}

/// Ends all connections to a database, in the middle of whatever they do. Tells how many there were.
pub(crate) fn cut(database: &str) -> usize {
    let (_, name) = database.rsplit_once('/').expect("it has a name");
    let sql =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    let mut psql = Command::new(Path::new(&said("LARES_TEST_POSTGRES_BIN")).join("psql"));
    let told = psql.args(["-qAt", "-c", &sql, &said("LARES_TEST_POSTGRES")]).output();
    let told = String::from_utf8(told.expect("psql begins").stdout).expect("it is text");
    told.lines().filter(|line| *line == "t").count()
}
