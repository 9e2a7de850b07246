use std::path::Path;

use domain::id::{Id, Kind};
use domain::journal::Body;
use domain::records::Fault;
use futures::future::{join, join_all};
use rusqlite::Connection;

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
    let at = Timestamp::from_millis(1);
    Post { to, key: key.into(), from: None, opens: true, body, at }
}

/// Opens the entity and records these texts, one event each.
async fn write(journal: &Sqlite, entity: Address, texts: &[&str]) {
    journal.post(post(entity, "a")).await.expect("it is taken");
    let boot = Id::from_bytes([9; 16]);
    let claim = Claim { entity, boot, format: 1 };
    let claimed = journal.claim(claim).await.expect("it works").expect("it is there");
    let body = |text: &&str| Body { name: "said".into(), version: 1, bytes: (*text).into() };
    let at = Timestamp::from_millis(2);
    let append = Append {
        events: texts.iter().map(body).collect(),
        ..Append::new(boot, entity, claimed.epoch, claimed.head, at)
    };
    journal.append(Arc::new(append)).await.expect("it works");
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

// --- batches ---

#[test]
fn writes_that_do_not_fit_into_one_batch_keep_their_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { batch_bytes_max: 1_000, ..Options::default() };
    let journal = Sqlite::open(folder.path(), &options).expect("a journal");
    let posts = [400, 400, 400, 5_000, 10, 1_000].into_iter().enumerate().map(|(number, size)| {
        let key = number.to_string();
        let body = Body { name: "said".into(), version: 1, bytes: vec![7; size] };
        journal.post(Post { body, ..post(plan(1), &key) })
    });
    let posted = block(join_all(posts));
    assert!(posted.iter().all(|posted| matches!(posted, Ok(Posted::Taken(_)))), "{posted:?}");
    let waiting = block(journal.inbox(plan(1), Ordinal(0), 10)).expect("it works");
    let keys: Vec<&str> = waiting.iter().map(|waiting| &*waiting.post.key).collect();
    assert_eq!(keys, ["0", "1", "2", "3", "4", "5"]);
}

// --- the audit ---

/// Three turns, each of an entity of its own, with one line each.
fn audited(folder: &Path) -> Sqlite {
    let journal = open(folder);
    for number in 1..=3 {
        block(line(&journal, plan(number), "line")).expect("it works");
    }
    journal
}

async fn line(journal: &Sqlite, entity: Address, text: &str) -> Result<Appended, Error> {
    journal.post(post(entity, "a")).await?;
    let claim = Claim { entity, boot: Id::from_bytes([9; 16]), format: 1 };
    let claimed = journal.claim(claim).await?.expect("it is there");
    let id = Id::from_bytes([claimed.epoch.0 as u8; 16]);
    let at = Timestamp::from_millis(2);
    let audit = vec![text.into()];
    let append = Append::new(id, entity, claimed.epoch, claimed.head, at);
    journal.append(Arc::new(Append { audit, ..append })).await
}

#[test]
fn whoever_changes_the_audit_is_found_at_the_line_he_changed() {
    let rows = [
        ("UPDATE audit SET line = x'00' WHERE position = 2", 2, Fault::Hash),
        ("UPDATE audit SET at = 3 WHERE position = 1", 1, Fault::Hash),
        ("UPDATE audit SET hash = x'00' WHERE position = 3", 3, Fault::Hash),
        ("UPDATE audit SET address = 'nobody' WHERE position = 2", 2, Fault::Unreadable),
        (
            "UPDATE audit SET address = (SELECT address FROM audit WHERE position = 1)
             WHERE position = 2",
            2,
            Fault::Hash,
        ),
        ("DELETE FROM audit WHERE position = 1", 1, Fault::Missing),
        ("DELETE FROM audit WHERE position = 2", 2, Fault::Missing),
        ("DELETE FROM audit WHERE position = 3", 3, Fault::Missing),
        (
            "DELETE FROM audit WHERE position = 1;
             UPDATE audit SET position = position - 1",
            1,
            Fault::Before,
        ),
        (
            "UPDATE audit SET position = 9 WHERE position = 2;
             UPDATE audit SET position = 2 WHERE position = 3;
             UPDATE audit SET position = 3 WHERE position = 9",
            2,
            Fault::Before,
        ),
    ];
    for (change, position, fault) in rows {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = audited(folder.path());
        assert_eq!(
            block(journal.verify_audit()).expect("it works").map(|chain| chain.lines),
            Ok(3)
        );
        tamper(folder.path(), change);
        let broken = Broken { position: Position(position), fault };
        let verified = block(journal.verify_audit()).expect("it works");
        assert_eq!(verified, Err(broken), "{change}");
    }
}

#[test]
fn a_batch_that_is_undone_leaves_no_gap_in_the_audit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = audited(folder.path());
    let trigger = "CREATE TRIGGER bad BEFORE INSERT ON audit WHEN new.line = CAST('bad' AS BLOB)
                   BEGIN SELECT raise(ABORT, 'as it was told'); END";
    tamper(folder.path(), trigger);
    let lines = ["a", "bad", "b", "c"];
    let entities = (4..).map(plan);
    let written = lines.into_iter().zip(entities).map(|(text, at)| line(&journal, at, text));
    let written = block(join_all(written));
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 3, "{written:?}");
    let chain = block(journal.verify_audit()).expect("it works").expect("it is whole");
    assert_eq!(chain.lines, 6);
    drop(journal);
    let journal = open(folder.path());
    block(line(&journal, plan(9), "after")).expect("it works");
    let chain = block(journal.verify_audit()).expect("it works").expect("it is whole");
    assert_eq!(chain.lines, 7);
}

// --- blobs ---

#[test]
fn a_blob_that_the_disk_has_changed_is_never_served_and_can_be_kept_again() {
    let bytes = vec![7; 300_000];
    for damage in [
        "UPDATE blob_parts SET bytes = zeroblob(length(bytes)) WHERE part = 1",
        "DELETE FROM blob_parts WHERE part = 0",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let journal = open(folder.path());
        let at = Timestamp::from_millis(1);
        let blob = block(journal.keep(bytes.clone(), at)).expect("it works");
        tamper(folder.path(), damage);
        let error = block(journal.blob(blob)).expect_err(damage);
        assert!(matches!(error, Error::Spoiled { blob: named, .. } if named == blob), "{error}");
        let again = block(journal.keep(bytes.clone(), at)).expect("it works");
        assert_eq!(again, blob);
        assert!(block(journal.blob(blob)).ok() == Some(Some(bytes.clone())), "{damage}");
    }
}

#[test]
fn half_a_blob_is_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    let at = Timestamp::from_millis(1);
    let blob = block(journal.keep(vec![7; 300_000], at)).expect("it works");
    // As a crash in the middle leaves it.
    tamper(folder.path(), "UPDATE blobs SET whole = 0; DELETE FROM blob_parts WHERE part = 1");
    assert_eq!(block(journal.blob(blob)).ok(), Some(None));
    let retention = Retention { spare_age_min: Duration::ZERO, ..Retention::default() };
    let tidied = block(journal.tidy(Timestamp::from_millis(9), retention)).expect("it works");
    assert_eq!(tidied.blobs, 1);
    let left: i64 = ask(folder.path(), "SELECT count(*) FROM blob_parts");
    assert_eq!(left, 0);
}

// --- what goes ---

fn ask(folder: &Path, sql: &str) -> i64 {
    let connection = Connection::open(folder.join(FILE)).expect("the file is there");
    connection.query_row(sql, [], |row| row.get(0)).expect("it answers")
}

#[test]
fn a_portion_has_a_bound_and_nobody_finds_half_a_history() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    let texts = ["text"; 25];
    block(write(&journal, plan(1), &texts));
    block(write(&journal, plan(2), &texts));
    let blob = block(journal.keep(vec![7; 2_000_000], Timestamp::from_millis(1)));
    blob.expect("it works");
    tamper(folder.path(), "UPDATE entities SET status = 1 WHERE entity = 1");
    block(write(&journal, plan(3), &["one"]));
    let retention = Retention {
        closed_count_max: 0,
        spare_age_min: Duration::ZERO,
        portion_max: 10,
        ..Retention::default()
    };
    let now = Timestamp::from_millis(9);
    let mut portions = 0;
    loop {
        let tidied = block(journal.tidy(now, retention.clone())).expect("it works");
        portions += 1;
        assert!(tidied.rows + tidied.keys <= 10, "{tidied:?}");
        let history = block(journal.history(plan(1), Seq(0), 100)).expect("it is readable");
        assert!(history.is_empty());
        if !tidied.more {
            break;
        }
    }
    assert!((11..20).contains(&portions), "{portions}");
    let left = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM going)
                    + (SELECT count(*) FROM blob_parts) + (SELECT count(*) FROM blobs)";
    assert_eq!(ask(folder.path(), left), 26, "those of whoever is open stay");
    assert_eq!(block(journal.history(plan(2), Seq(0), 100)).map(|all| all.len()).ok(), Some(25));
}

#[test]
fn a_position_is_never_given_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(write(&journal, plan(1), &["one", "two"]));
    tamper(folder.path(), "UPDATE entities SET status = 1");
    let none = Retention { closed_count_max: 0, ..Retention::default() };
    let now = Timestamp::from_millis(9);
    let tidied = block(journal.tidy(now, none.clone())).expect("it works");
    assert_eq!(tidied, Tidied::default(), "it has the newest event of all");
    block(write(&journal, plan(2), &["three"]));
    assert_eq!(block(journal.tidy(now, none)).map(|tidied| tidied.entities).ok(), Some(1));
    assert_eq!(ask(folder.path(), "SELECT max(position) FROM events"), 3);
}

// --- a full disk ---

/// Lets the file have this many pages more than it has now.
async fn leave_room(journal: &Sqlite, pages: u32) {
    let deed = |desk: &writer::Desk<'_>, pages: &u32| {
        let count: u32 =
            desk.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        desk.connection.pragma_update(None, "max_page_count", count + pages)
    };
    journal.writer.write(deed, pages, 0).await.expect("it works");
}

#[test]
fn what_has_no_room_is_refused_and_what_has_is_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(write(&journal, plan(1), &["one"]));
    block(leave_room(&journal, 2));
    let big = Body { name: "said".into(), version: 1, bytes: vec![7; 40_000] };
    let (big, small) = block(async {
        let big = journal.post(Post { body: big, ..post(plan(2), "big") });
        join(big, journal.post(post(plan(1), "small"))).await
    });
    let refused = big.expect_err("it has no room");
    assert!(matches!(&refused, Error::Unavailable(why) if why.starts_with("the disk is full")));
    assert!(matches!(small, Ok(Posted::Taken(_))), "it fits, and pays for nobody");
    block(leave_room(&journal, 1_000));
    block(write(&journal, plan(2), &["one", "two"]));
    let events = block(journal.history(plan(2), Seq(0), 10)).expect("it is readable");
    assert_eq!(events.len(), 2);
}

// --- opening ---

#[test]
fn who_cannot_open_the_journal_is_told_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |options: &Options| {
        let error = Sqlite::open(folder.path(), options).err().expect("it cannot be opened");
        error.to_string().replace(&folder.path().display().to_string(), "FOLDER")
    };
    let missing = Sqlite::open(&folder.path().join("nowhere"), &Options::default());
    assert!(matches!(missing.err(), Some(OpenError::NoFolder { .. })));
    std::fs::write(
        folder.path().join(FILE),
        "a text that is longer than a header of SQLite, for \
        which a hundred bytes are enough, as it happens to be with this one",
    )
    .expect("a file");
    let expected =
        "FOLDER/lares.db is no journal, or is damaged: move it away, and restore a backup";
    assert_eq!(refused(&Options::default()), expected);
    std::fs::remove_file(folder.path().join(FILE)).expect("it is there");
    drop(open(folder.path()));
    let holder = Connection::open(folder.path().join(FILE)).expect("the file is there");
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").expect("it is free");
    let expected = "another program holds FOLDER/lares.db: close it, and start again";
    assert_eq!(refused(&Options { busy_max: Duration::ZERO, ..Options::default() }), expected);
}
