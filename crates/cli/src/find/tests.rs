use clap::Parser;
use domain::token::Token;

use super::{Find, address};
use crate::Exit;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    find: Find,
}

#[test]
fn an_address_is_a_scheme_a_host_and_a_port() {
    let rows = [
        ("http://127.0.0.1:7878", Some("http://127.0.0.1:7878")),
        ("http://127.0.0.1:7878/", Some("http://127.0.0.1:7878")),
        ("http://[::1]:7878", Some("http://[::1]:7878")),
        ("http://localhost", Some("http://localhost")),
        ("127.0.0.1:7878", None),
        ("localhost:7878", None),
        ("", None),
        ("http://", None),
        ("http://127.0.0.1:99999", None),
        ("https://127.0.0.1:7878", None),
        ("http://127.0.0.1:7878/v1", None),
        ("http://127.0.0.1:7878/?a", None),
        ("http://me:secret@127.0.0.1:7878", None),
    ];
    for (text, expected) in rows {
        assert_eq!(address(text).ok().as_deref(), expected, "{text:?}");
    }
}

#[test]
fn an_address_and_a_folder_exclude_each_other() {
    let line = ["lares", "--url", "http://localhost:1", "--data", "here"];
    assert!(Line::try_parse_from(line).is_err());
}

/// Looks in a folder with this `node.json`, and returns the exit with its text, or the address.
fn look(node: Option<&str>) -> Result<String, (Exit, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().to_str().expect("its path is text");
    if let Some(node) = node {
        std::fs::write(folder.path().join("node.json"), node).expect("the folder is ours");
    }
    let line = Line::try_parse_from(["lares", "--data", data]).expect("a good line");
    let found = line.find.find(Some(Token::new("of another node")));
    found
        .map(|found| format!("{} {}", found.url, found.token.expect("it is there").expose()))
        .map_err(|error| (error.exit(), error.to_string().replace(data, "DATA")))
}

#[test]
fn a_folder_tells_where_its_node_is() {
    let own = std::process::id();
    let node = format!(r#"{{"pid": {own}, "url": "http://127.0.0.1:1", "token": "its own"}}"#);
    assert_eq!(look(Some(&node)), Ok("http://127.0.0.1:1 its own".to_owned()));
}

#[test]
fn a_folder_without_a_living_node_says_how_to_start_one() {
    let (exit, text) = look(None).expect_err("nobody is there");
    assert_eq!(exit, Exit::Absent);
    assert_eq!(text, "no node is running in DATA: start one with `lares up --data DATA`");

    // No process has the highest id there is.
    let node = format!(r#"{{"pid": {}, "url": "http://127.0.0.1:1", "token": "t"}}"#, u32::MAX);
    let (exit, text) = look(Some(&node)).expect_err("it is dead");
    assert_eq!(exit, Exit::Absent);
    assert!(text.contains("has ended") && text.contains("`lares up --data DATA`"), "{text}");

    let (exit, text) = look(Some("{")).expect_err("it is garbled");
    assert_eq!(exit, Exit::Failed);
    assert!(text.starts_with("DATA/node.json is not what a node writes"), "{text}");
}
