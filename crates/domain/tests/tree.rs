//! The tree as others read it: what leaves a node as JSON is a promise.

use domain::tree::{Actor, Mailbox, State};
use serde_json::{Value, json};

#[test]
fn an_actor_is_written_with_every_key_and_its_children_inside() {
    let mailbox = Mailbox { depth: 1, bound: 256 };
    let child = Actor {
        id: "http".to_owned(),
        kind: "door".to_owned(),
        state: State::Restarting,
        incarnation: 2,
        restarts: 1,
        mailbox,
        age_ms: 7,
        last_error: Some("panicked".to_owned()),
        children: Vec::new(),
    };
    let written = serde_json::to_value(&child).expect("plain data");
    let expected = json!({
        "id": "http", "kind": "door", "state": "restarting", "incarnation": 2, "restarts": 1,
        "mailbox": {"depth": 1, "bound": 256}, "age_ms": 7, "last_error": "panicked",
        "children": [],
    });
    assert_eq!(written, expected);

    let root = Actor { children: vec![child], last_error: None, ..root() };
    let written = serde_json::to_value(&root).expect("plain data");
    assert_eq!(written["children"][0], expected);
    assert_eq!(written["last_error"], Value::Null);
}

#[test]
fn a_state_is_the_same_word_for_people_and_on_the_wire() {
    let states = [
        State::Starting,
        State::Running,
        State::Restarting,
        State::Stopping,
        State::Stopped,
        State::Quarantined,
    ];
    for state in states {
        assert_eq!(serde_json::to_value(state).expect("plain data"), json!(state.word()));
    }
}

fn root() -> Actor {
    Actor {
        id: "root".to_owned(),
        kind: "supervisor".to_owned(),
        state: State::Running,
        incarnation: 1,
        restarts: 0,
        mailbox: Mailbox { depth: 0, bound: 256 },
        age_ms: 0,
        last_error: None,
        children: Vec::new(),
    }
}
