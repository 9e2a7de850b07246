//! Copies of a journal, whatever keeps it: one format, and nothing of it is lost on the way.

use std::path::Path;
use std::sync::Arc;

use domain::journal::{Append, Fate, Journal, Ordinal, Outgoing, Posted, Status, Taken};
use rusqlite::Connection;
use rusqlite::types::Value;
use store::postgres::{Place, Postgres};
use store::{BackupError, Sqlite, transfer};

use super::adapters::{lossy, place};
use super::journal::{append, appended, at, body, claimed, plan, post, session, taken};

const TABLES: [&str; 10] = [
    "entities",
    "forgotten",
    "events",
    "inbox",
    "dead",
    "audit",
    "audit_end",
    "blobs",
    "blob_parts",
    "blob_uses",
];

/// Something in each table, with whatever makes trouble on the way.
async fn fill(journal: &dyn Journal) {
    let odd = "tab\there, a \\ and \n\r, \u{1f980}";
    let waits = taken(journal, post(plan(1), odd)).await;
    let dead = taken(journal, post(plan(1), "dead")).await;
    let claimed = claimed(journal, plan(1)).await;
    let blob = journal.keep(vec![0, 92, 10, 255], at(3)).await.expect("the journal works");
    journal.keep(vec![7; 600_000], at(3)).await.expect("the journal works");
    journal.keep(Vec::new(), at(4)).await.expect("the journal works");
    let turn = Append {
        taken: vec![
            Taken { ordinal: waits, fate: Fate::Heard(Some(odd.as_bytes().to_vec())) },
            Taken { ordinal: dead, fate: Fate::Dead(odd.to_owned()) },
        ],
        posts: vec![Outgoing { to: session(2), opens: true, body: body(odd) }],
        audit: vec![odd.as_bytes().to_vec(), Vec::new()],
        blobs: vec![blob],
        wake_at: Some(at(99)),
        asks: true,
        events: vec![body(odd), body("")],
        ..append(plan(1), &claimed, 1)
    };
    appended(journal, turn).await;
}

/// All rows of all tables.
fn rows(file: &Path) -> Vec<(String, Vec<Vec<Value>>)> {
    let connection = Connection::open(file).expect("a file");
    let read = |table: &str| {
        let mut all = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = all.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
        let mut all: Vec<Vec<Value>> =
            all.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows");
        all.sort_by_key(|row| format!("{row:?}"));
        (table.to_owned(), all)
    };
    TABLES.iter().map(|table| read(table)).collect()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}

fn open(place: &Place) -> Postgres {
    Postgres::open(place, &lossy()).expect("a journal")
}

#[test]
fn a_copy_is_the_same_after_each_way_it_goes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (place(), place());
    let (one, two) = (folder.path().join("one.db"), folder.path().join("two.db"));
    run(fill(&open(&first)));
    let checked = transfer::backup(&first, &one).expect("a copy");
    assert_eq!((checked.entities, checked.events, checked.blobs), (2, 2, 3));
    assert_eq!(checked.audit.lines, 2);

    transfer::restore(&one, &second, &lossy()).expect("it is empty");
    let again = transfer::restore(&one, &second, &lossy()).expect_err("it is used");
    let BackupError::Transfer { source, .. } = again else { panic!("{again}") };
    assert!(source.to_string().contains("holds a journal"), "{source}");
    transfer::backup(&second, &two).expect("a copy");
    assert_eq!(rows(&one), rows(&two));

    // A number that was given is never given again, wherever the journal is now.
    let home = folder.path().join("home");
    store::restore(&one, &home).expect("a folder");
    let sqlite = Sqlite::open(&home, &store::Options::default()).expect("a journal");
    let journals: [Arc<dyn Journal>; 2] = [Arc::new(sqlite), Arc::new(open(&second))];
    for journal in journals {
        run(async {
            let known = journal.post(post(plan(1), "dead")).await.expect("the journal works");
            assert_eq!(known, Posted::Known(None));
            let next = taken(&*journal, post(plan(3), "next")).await;
            assert_eq!(next, Ordinal(4));
            let claimed = claimed(&*journal, plan(1)).await;
            let last = Append { status: Status::Closed, ..append(plan(1), &claimed, 2) };
            appended(&*journal, last).await;
        });
    }
}

#[test]
fn a_copy_that_is_damaged_goes_nowhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (place(), place());
    let file = folder.path().join("one.db");
    run(fill(&open(&first)));
    transfer::backup(&first, &file).expect("a copy");
    let spoiling = Connection::open(&file).expect("a file");
    spoiling.execute("UPDATE events SET body = x'00' WHERE seq = 2", []).expect("a row");
    drop(spoiling);
    let refused = transfer::restore(&file, &second, &lossy()).expect_err("it is damaged");
    assert!(matches!(refused, BackupError::Damaged { .. }), "{refused}");
    transfer::backup(&second, &folder.path().join("two.db")).expect_err("nothing was made there");
}
