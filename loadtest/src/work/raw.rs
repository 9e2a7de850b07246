//! SQLite by itself, under the same settings: what its disk and its commits allow.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::figures::Figures;

/// Of each row.
const BODY_BYTES: usize = 256;
/// As the journal has it.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Commits of so many rows each, one after the other.
pub(crate) fn commits(rows: usize, seconds: f64) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir_in(".")?;
    let mut connection = Connection::open(folder.path().join("raw.db"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.execute_batch(
        "CREATE TABLE events (position INTEGER PRIMARY KEY, entity INTEGER, seq INTEGER, body BLOB);
         CREATE UNIQUE INDEX events_of ON events (entity, seq);",
    )?;
    let body = vec![7_u8; BODY_BYTES];
    let mut micros = Histogram::<u64>::new(3)?;
    let (mut row, mut commits) = (0_u64, 0_u64);
    let begun = Instant::now();
    let span = Duration::from_secs_f64(seconds);
    while begun.elapsed() < span {
        let one = Instant::now();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let sql = "INSERT INTO events (entity, seq, body) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(sql)?;
            for _ in 0..rows {
                row += 1;
                // As many entities as write at once, each with a sequence of its own.
                insert.execute(params![row % rows as u64, row, body])?;
            }
        }
        transaction.commit()?;
        commits += 1;
        let _ = micros.record(u64::try_from(one.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    let took = begun.elapsed().as_secs_f64();
    Ok(Figures::from([
        ("commits_per_s", commits as f64 / took),
        ("p50_us", micros.value_at_quantile(0.5) as f64),
        ("p99_us", micros.value_at_quantile(0.99) as f64),
    ]))
}
