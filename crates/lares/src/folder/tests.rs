use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cli::Node;
use domain::token::Token;

use super::{Error, Folder};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let path = parent.path().join("deep/inside");
    let folder = Folder::claim(&path).expect("it can be made");
    assert_eq!(folder.path(), path);
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("lock")), 0o600);
}

#[test]
fn a_folder_has_one_holder_who_is_named() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let first = Folder::claim(parent.path()).expect("nobody holds it");
    let refused = Folder::claim(parent.path()).err().expect("it is held");
    let pid = format!("(pid {})", std::process::id());
    assert!(refused.to_string().contains(&pid), "{refused}");
    drop(first);
    Folder::claim(parent.path()).expect("it is free again");
}

#[test]
fn a_node_can_be_found_while_it_is_announced() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let place = parent.path().join(Node::FILE);
    std::fs::write(&place, "of a node that was killed").expect("the folder is ours");

    let folder = Folder::claim(parent.path()).expect("nobody holds it");
    assert!(!place.exists(), "the old one is still there");
    let url = "http://127.0.0.1:1".to_owned();
    let node = Node { pid: 7, url, token: Token::new("t") };
    let announced = folder.announce(&node).expect("it can be written");
    let text = std::fs::read_to_string(&place).expect("it is there");
    assert_eq!(text, "{\"pid\":7,\"url\":\"http://127.0.0.1:1\",\"token\":\"t\"}\n");
    assert_eq!(mode(&place), 0o600);
    assert!(!parent.path().join("node.json.new").exists());
    drop(announced);
    assert!(!place.exists(), "it can still be found");
}

#[test]
fn a_file_is_no_folder() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    let path = parent.path().join("file");
    std::fs::write(&path, "").expect("the folder is ours");
    for path in [path.clone(), path.join("below")] {
        let refused = Folder::claim(&path).err().expect("it is a file");
        assert!(matches!(refused, Error::Make { .. }), "{refused}");
    }
}
