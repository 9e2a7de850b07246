use domain::tree::{Actor, Mailbox, State};
use expect_test::expect;

use super::table;
use crate::text::{age, json};

fn actor(id: &str, kind: &str, age_ms: u64, children: Vec<Actor>) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: kind.to_owned(),
        state: State::Running,
        incarnation: 1,
        restarts: 0,
        mailbox: Mailbox { depth: 0, bound: 256 },
        age_ms,
        last_error: None,
        children,
    }
}

fn house() -> Actor {
    let mut http = actor("http", "http", 250, Vec::new());
    http.state = State::Restarting;
    http.incarnation = 3;
    http.restarts = 2;
    http.mailbox.depth = 17;
    http.last_error = Some("cannot accept\n\u{1b}[2Jconnections".to_owned());
    let timers = actor("timers", "timer", 65_000, Vec::new());
    let upkeep = actor("upkeep", "supervisor", 65_000, vec![timers]);
    let doors = actor("doors", "supervisor", 65_000, vec![http]);
    actor("root", "supervisor", 65_000, vec![upkeep, doors])
}

#[test]
fn a_person_reads_a_table() {
    expect![[r#"
        ACTOR         KIND        STATE       RESTARTS  MAILBOX  AGE    LAST ERROR
        root          supervisor  running     0         0/256    1m 5s  -
        ├─ upkeep     supervisor  running     0         0/256    1m 5s  -
        │  └─ timers  timer       running     0         0/256    1m 5s  -
        └─ doors      supervisor  running     0         0/256    1m 5s  -
           └─ http    http        restarting  2         17/256   250ms  cannot accept  [2Jconnections
    "#]]
    .assert_eq(&table(&house()));
}

#[test]
fn a_program_reads_one_object_on_one_line() {
    let mut alone = house();
    alone.children.clear();
    expect![[r#"
        {"id":"root","kind":"supervisor","state":"running","incarnation":1,"restarts":0,"mailbox":{"depth":0,"bound":256},"age_ms":65000,"last_error":null,"children":[]}
    "#]]
    .assert_eq(&json(&alone).expect("a tree is JSON"));
}

#[test]
fn an_age_shows_its_two_largest_units() {
    let rows = [
        (0, "0ms"),
        (999, "999ms"),
        (59_999, "59s"),
        (60_000, "1m 0s"),
        (3_661_000, "1h 1m"),
        (90_000_000, "1d 1h"),
    ];
    for (ms, expected) in rows {
        assert_eq!(age(ms), expected, "{ms}");
    }
}
