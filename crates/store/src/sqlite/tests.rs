use std::path::Path;

use domain::id::{Id, Kind};
use domain::journal::Body;
use futures::future::{join, join_all};

use super::*;

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

fn open(folder: &Path) -> Sqlite {
    Sqlite::open(folder, &Options::default()).expect("a journal")
}

fn plan(number: u8) -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) }
}

fn post(to: Address, key: &str) -> Post {
    let body = Body { name: "said".into(), version: 1, bytes: key.into() };
    let at = domain::time::Timestamp::from_millis(1);
    Post { to, key: key.into(), from: None, opens: true, body, at }
}

/// Opens the entity and records these texts, one event each.
async fn write(journal: &Sqlite, entity: Address, texts: &[&str]) {
    journal.post(post(entity, "a")).await.expect("it is taken");
    let boot = Id::from_bytes([9; 16]);
    let claim = Claim { entity, boot, format: 1 };
    let claimed = journal.claim(claim).await.expect("it works").expect("it is there");
    let body = |text: &&str| Body { name: "said".into(), version: 1, bytes: (*text).into() };
    let at = domain::time::Timestamp::from_millis(2);
    let append = Append {
        events: texts.iter().map(body).collect(),
        ..Append::new(boot, entity, claimed.epoch, claimed.head, at)
    };
    journal.append(append).await.expect("it works");
}

/// Does something to the file that only a disk or a person would.
fn tamper(folder: &Path, sql: &str) {
    let connection = Connection::open(folder.join(FILE)).expect("the file is there");
    connection.execute_batch(sql).expect("it can be done");
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(write(&journal, plan(1), &["one", "two"]));
    drop(journal);
    let journal = open(folder.path());
    let events = block(journal.history(plan(1), Seq(0), 10)).expect("it is readable");
    assert_eq!(events.len(), 2);
    let known = block(journal.post(post(plan(1), "a"))).expect("it works");
    assert_eq!(known, Posted::Known(None));
}

#[test]
fn a_history_that_the_disk_has_changed_is_unreadable_and_says_where() {
    let rows = [
        ("UPDATE events SET body = x'00' WHERE seq = 2", 2, "checksum"),
        ("UPDATE events SET at = at + 1 WHERE seq = 3", 3, "checksum"),
        ("DELETE FROM events WHERE seq = 1", 1, "missing"),
        ("UPDATE events SET heard = x'00' WHERE seq = 1", 1, "checksum"),
    ];
    for (damage, expected, word) in rows {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = open(folder.path());
        block(write(&journal, plan(1), &["one", "two", "three"]));
        block(write(&journal, plan(2), &["one"]));
        tamper(folder.path(), damage);
        let error = block(journal.history(plan(1), Seq(0), 10)).expect_err(damage);
        let Error::Unreadable { entity, seq, what } = &error else { panic!("{damage}: {error}") };
        assert_eq!((*entity, *seq), (plan(1), Seq(expected)), "{damage}: {what}");
        assert!(what.contains(word), "{damage}: {what}");
        if !damage.contains("seq = 1") {
            assert!(block(journal.history(plan(2), Seq(0), 10)).is_ok(), "its neighbour suffers");
        }
    }
}

#[test]
fn a_journal_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()));
    tamper(folder.path(), "PRAGMA user_version = 99");
    let refused = Sqlite::open(folder.path(), &Options::default()).err().expect("it is newer");
    assert!(matches!(refused, OpenError::TooNew { version: 99, known: schema::VERSION }));
}

#[test]
fn one_write_at_fault_spoils_no_other_of_its_batch() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    // From now on nothing whose key is `bad` can be written.
    let trigger = "CREATE TRIGGER bad BEFORE INSERT ON inbox WHEN new.key = 'bad'
                   BEGIN SELECT raise(ABORT, 'as it was told'); END";
    tamper(folder.path(), trigger);
    let (good, bad) = block(async {
        let good = (0..20).map(|number| journal.post(post(plan(number), "good")));
        join(join_all(good), journal.post(post(plan(1), "bad"))).await
    });
    assert!(good.iter().all(|posted| matches!(posted, Ok(Posted::Taken(_)))), "{good:?}");
    assert!(matches!(bad, Err(Error::Store(_))), "{bad:?}");
}
