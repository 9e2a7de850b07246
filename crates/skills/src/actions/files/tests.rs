use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A folder with a file, and beside it one with a link to the first.
fn linked() -> (TempDir, TempDir) {
    let (outside, inside) = (tempfile::tempdir(), tempfile::tempdir());
    let (outside, inside) = (outside.expect("a folder"), inside.expect("a folder"));
    std::fs::write(outside.path().join("secret"), "hush").expect("it is ours");
    symlink(outside.path(), inside.path().join("folder")).expect("it is new");
    symlink(outside.path().join("secret"), inside.path().join("file")).expect("it is new");
    std::fs::write(inside.path().join("plain"), "text").expect("it is ours");
    (outside, inside)
}

#[test]
fn nothing_is_read_through_what_became_a_link_since_it_was_found() {
    let (_outside, inside) = linked();
    let folder = Folder::open(inside.path()).expect("it is there");
    assert_eq!(folder.read("plain", 9), Holds::Text("text".to_owned()));
    for path in ["file", "folder/secret", "nowhere"] {
        let holds = folder.read(path, 9);
        assert!(matches!(holds, Holds::Nothing(_)), "{path}: {holds:?}");
    }
}

fn find(inside: &TempDir, looks_left: usize, halt: &Halt) -> Result<Found, Unfound> {
    let (wanted, unwanted) = (Globs::new(&["**".to_owned()]), Globs::default());
    let folder = Folder::open(inside.path()).expect("it is there");
    let found = Found::new();
    folder.carry(Search { wanted: &wanted, unwanted: &unwanted, halt, found, looks_left })
}

#[test]
fn so_many_entries_are_looked_at_and_no_more() {
    let (_outside, inside) = linked();
    let halt = Halt::default();
    let found = find(&inside, 3, &halt).expect("there are three");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["file", "folder", "plain"]);
    assert!(matches!(find(&inside, 2, &halt), Err(Unfound::TooMany)));
}

#[test]
fn who_is_told_to_halt_looks_at_nothing_more() {
    let (_outside, inside) = linked();
    let halt = Halt::default();
    halt.ask();
    assert!(matches!(find(&inside, 3, &halt), Err(Unfound::Halted)));
}
