//! A copy is the journal of one moment, whatever is written meanwhile, and is checked before it
//! counts.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::journal::{Append, Journal, Seq};
use domain::records::{Fault, Records, Unmended};
use futures::future::{join, join_all};
use rusqlite::Connection;
use store::{BackupError, Pace, Sqlite, backup, check, restore};

use common::{at, begin, block, body, id, open, plan};

/// So many entities, each with so many turns, with a blob and lines of the audit among them.
async fn fill(journal: &Sqlite, entities: u8, turns: u64) {
    join_all((1..=entities).map(|number| live(journal, number, turns))).await;
}

async fn live(journal: &Sqlite, number: u8, turns: u64) {
    let blob = journal.keep(vec![number; 265_000], at(1)).await.expect("it works");
    let claimed = begin(journal, plan(number)).await;
    for turn in 0..turns {
        let append = Append {
            events: vec![body(200), body(2_000)],
            audit: vec![b"line".to_vec()],
            blobs: if turn == 0 { vec![blob] } else { vec![] },
            ..Append::new(id(number, turn), plan(number), claimed.epoch, Seq(turn * 2), at(2))
        };
        journal.append(Arc::new(append)).await.expect("it works");
    }
}

fn tamper(file: &Path, sql: &str) {
    let connection = Connection::open(file).expect("the file is there");
    connection.execute_batch("PRAGMA foreign_keys = OFF").expect("it can be done");
    connection.execute_batch(sql).expect("it can be done");
}

#[test]
fn a_copy_that_is_made_under_load_is_the_journal_of_one_moment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(fill(&journal, 3, 20));
    let file = folder.path().join("copy");
    let (done, written) = (std::sync::atomic::AtomicBool::new(false), 10);
    let mut number = 10;
    let checked = std::thread::scope(|scope| {
        let copying = scope.spawn(|| {
            // Slower than the journal grows.
            let pace = Pace { step_pages: 4, pause: Duration::from_millis(2) };
            let checked = journal.backup(&file, pace);
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            checked
        });
        // Somebody writes from before the copy begins until after it is made.
        while !done.load(std::sync::atomic::Ordering::SeqCst) && number < 250 {
            block(live(&journal, number, written));
            number += 1;
        }
        copying.join().expect("it does not panic")
    });
    let checked = checked.expect("it is sound");
    assert!(number < 250, "it ends while somebody writes");
    assert!(checked.entities >= 3 && checked.events >= 3 * 40, "{checked:?}");
    assert_eq!(checked.audit.lines * 2, checked.events, "of each turn all is there or nothing");
    // It stands by itself, and says the same whenever it is asked.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let restored = restore(&file, &elsewhere.path().join("house")).expect("there is nothing");
    assert_eq!(restored, checked);
    let names = |folder: &Path| -> Vec<String> {
        let files = std::fs::read_dir(folder).expect("it is there").map_while(Result::ok);
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(&elsewhere.path().join("house")), ["lares.db"]);
    assert!(!names(folder.path()).iter().any(|name| name.contains("part")));
    let journal = open(&elsewhere.path().join("house"));
    for number in 1..=3 {
        let history = block(journal.history(plan(number), Seq(0), 100)).expect("it is readable");
        assert_eq!(history.len(), 40);
    }
    assert_eq!(block(journal.verify_audit()).expect("it works"), Ok(checked.audit));
    block(live(&journal, 251, 2));
}

#[test]
fn a_damaged_journal_gives_no_copy_and_a_damaged_copy_no_journal() {
    let rows = [
        ("UPDATE events SET body = x'00' WHERE position = 7", "is not what was written"),
        ("DELETE FROM events WHERE seq = 40", "says it has 40 events, and has 39"),
        ("UPDATE entities SET head = 39 WHERE entity = 2", "says it has 39 events, and has 40"),
        ("DELETE FROM entities WHERE entity = 2", "belongs to nobody"),
        ("DELETE FROM blob_parts WHERE part = 1", "checksum differs"),
        ("DELETE FROM blobs", "is missing"),
        ("PRAGMA user_version = 99", "of version 99"),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    block(fill(&open(folder.path()), 2, 20));
    let sound = folder.path().join("sound");
    backup(folder.path(), &sound, Pace::default()).expect("it is sound");
    for (number, (damage, words)) in rows.into_iter().enumerate() {
        let copy = folder.path().join(format!("copy-{number}"));
        std::fs::copy(&sound, &copy).expect("there is room");
        tamper(&copy, damage);
        let error = check(&copy).expect_err(damage).to_string();
        assert!(error.contains(words), "{damage}: {error}");
        let house = folder.path().join(format!("house-{number}"));
        restore(&copy, &house).expect_err(damage);
        assert!(!house.join("lares.db").exists() && !house.join("lares.db.part").exists());
        std::fs::rename(&copy, house.join("lares.db")).expect("it is the same disk");
        backup(&house, &copy, Pace::default()).expect_err(damage);
        assert!(!copy.exists());
    }
}

#[test]
fn what_is_put_aside_for_its_damage_keeps_nobody_from_a_copy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    block(fill(&open(folder.path()), 2, 20));
    let journal = folder.path().join("lares.db");
    tamper(&journal, "UPDATE events SET body = x'00' WHERE position = 7");
    backup(folder.path(), &folder.path().join("one"), Pace::default()).expect_err("it is damaged");
    let of_it = "(SELECT entity FROM events WHERE position = 7)";
    tamper(
        &journal,
        &format!("UPDATE entities SET status = 2, reason = 'x' WHERE entity = {of_it}"),
    );
    backup(folder.path(), &folder.path().join("two"), Pace::default()).expect("that is known");
    tamper(&journal, &format!("UPDATE entities SET status = 1 WHERE entity = {of_it}"));
    backup(folder.path(), &folder.path().join("three"), Pace::default()).expect("it still is");
}

#[test]
fn what_was_damaged_after_it_had_ended_can_be_given_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(fill(&journal, 2, 20));
    let file = folder.path().join("lares.db");
    tamper(&file, "UPDATE entities SET status = 1");
    let sound = block(journal.discard(plan(1), at(9))).expect("it works");
    assert!(matches!(sound, Err(Unmended::Sound { .. })), "{sound:?}");
    let of_it =
        "entity = (SELECT entity FROM entities WHERE id = x'01010101010101010101010101010101')";
    tamper(&file, &format!("UPDATE events SET body = x'00' WHERE seq = 7 AND {of_it}"));
    let refused = journal.backup(&folder.path().join("one"), Pace::default());
    let refused = refused.expect_err("it is damaged").to_string();
    assert!(refused.contains("lares.db is damaged: event 7 of"), "{refused}");
    block(journal.discard(plan(1), at(9))).expect("it works").expect("it is damaged");
    journal.backup(&folder.path().join("two"), Pace::default()).expect("that is known");
}

#[test]
fn a_flipped_bit_anywhere_in_a_copy_is_found_or_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    block(fill(&open(folder.path()), 2, 5));
    let sound = folder.path().join("sound");
    let checked = backup(folder.path(), &sound, Pace::default()).expect("it is sound");
    let bytes = std::fs::read(&sound).expect("it is there");
    let copy = folder.path().join("copy");
    let (mut found, mut same) = (0, 0);
    for place in (0..bytes.len()).step_by(9_973) {
        let mut spoiled = bytes.clone();
        spoiled[place] ^= 0x10;
        std::fs::write(&copy, spoiled).expect("there is room");
        match check(&copy) {
            Err(_) => found += 1,
            Ok(again) => {
                assert_eq!(again, checked, "byte {place}");
                same += 1;
            }
        }
    }
    // The rest lies where nothing is written, or is no history: a time, a reason.
    assert!(found > same, "{found} found, {same} not");
}

#[test]
fn a_folder_is_copied_while_somebody_writes_into_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(fill(&journal, 3, 20));
    let file = folder.path().join("copy");
    let pace = Pace { step_pages: 4, pause: Duration::from_millis(2) };
    let checked = std::thread::scope(|scope| {
        let copying = scope.spawn(|| backup(folder.path(), &file, pace));
        let mut number = 10;
        while !copying.is_finished() && number < 250 {
            block(live(&journal, number, 10));
            number += 1;
        }
        copying.join().expect("it does not panic")
    });
    let checked = checked.expect("it is sound");
    assert!(checked.entities >= 3, "{checked:?}");
    assert_eq!(checked.audit.lines * 2, checked.events, "of each turn all is there or nothing");
}

#[test]
fn one_copy_is_made_at_a_time_and_one_that_fails_is_let_go_of() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(fill(&journal, 3, 20));
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let pace = Pace { step_pages: 1, pause: Duration::from_millis(5) };
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| journal.backup(&one, pace));
        while !folder.path().join("one.part").exists() {
            assert!(!copying.is_finished(), "it is made under another name");
            std::thread::yield_now();
        }
        assert!(matches!(journal.backup(&other, pace), Err(BackupError::Busy)));
        copying.join().expect("it does not panic").expect("it is sound");
    });
    let nowhere = folder.path().join("no folder").join("copy");
    journal.backup(&nowhere, pace).expect_err("there is no such folder");
    tamper(&folder.path().join("lares.db"), "UPDATE events SET body = x'00' WHERE position = 7");
    journal.backup(&other, Pace::default()).expect_err("it is damaged");
    block(live(&journal, 9, 2));
    assert!(!other.exists());
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journal = open(folder.path());
    block(fill(&journal, 1, 2));
    let copy = folder.path().join("copy");
    backup(folder.path(), &copy, Pace::default()).expect("it is sound");
    let again = backup(folder.path(), &copy, Pace::default());
    assert!(matches!(again, Err(BackupError::Exists(path)) if path == copy));
    let live = restore(&copy, folder.path());
    assert!(matches!(live, Err(BackupError::Occupied(path)) if path == folder.path()));
    drop(journal);
    assert!(matches!(restore(&copy, folder.path()), Err(BackupError::Occupied(_))));
    let empty = tempfile::tempdir().expect("a temporary folder");
    let none = backup(empty.path(), &copy, Pace::default());
    assert!(matches!(none, Err(BackupError::NoJournal(_))));
    std::fs::write(empty.path().join("text"), "no journal at all").expect("there is room");
    assert!(restore(&empty.path().join("text"), &empty.path().join("house")).is_err());
}

#[test]
fn the_audit_of_a_copy_names_its_broken_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    block(async {
        let journal = open(folder.path());
        join(live(&journal, 1, 3), live(&journal, 2, 3)).await;
    });
    let copy = folder.path().join("copy");
    backup(folder.path(), &copy, Pace::default()).expect("it is sound");
    tamper(&copy, "DELETE FROM audit WHERE position = 6");
    let checked = check(&copy).expect("all else is sound");
    let broken = checked.audit_broken.expect("it is broken");
    assert_eq!(checked.audit.lines, 5);
    assert_eq!((broken.position.0, broken.fault), (6, Fault::Missing));
}

#[test]
fn an_end_of_the_audit_that_no_line_has_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(open(folder.path()));
    tamper(&folder.path().join("lares.db"), "UPDATE audit_end SET hash = x'01'");
    let checked = backup(folder.path(), &folder.path().join("copy"), Pace::default());
    let broken = checked.expect("all else is sound").audit_broken.expect("it is broken");
    assert_eq!((broken.position.0, broken.fault), (1, Fault::Hash));
}
