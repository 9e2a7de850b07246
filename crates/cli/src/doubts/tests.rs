use domain::run::Question;
use expect_test::expect;
use serde_json::json;

use super::*;
use crate::story::sample;

fn question(step: &str, awaits: Awaits) -> Question {
    Question {
        run: sample::id(),
        step: step.to_owned(),
        tool: "shell".to_owned(),
        args: json!({"command": "pg_restore shop.dump"}),
        begun_at: Some(Timestamp::from_millis(0)),
        since: Timestamp::from_millis(1_000),
        evidence: "it was under way when its node or its plan was cut off".to_owned(),
        hands: Some("no process of it is left that could go on".to_owned()),
        awaits,
    }
}

#[test]
fn a_person_reads_what_is_known_and_what_each_answer_means() {
    let doubts = Doubts {
        doubts: vec![
            question("a", Awaits::Person),
            question("b", Awaits::Quiet { until: Timestamp::from_millis(4_000_000) }),
            question("c", Awaits::Check),
        ],
    };
    expect![[r#"
        pln_00000000000000000000000000/a
          was begun    shell: pg_restore shop.dump
                       6m 40s ago
          in doubt     for 6m 39s
          is known     it was under way when its node or its plan was cut off
                       no process of it is left that could go on
          next         look at what it works on, and say which it is:
          it was done  lares doubt settle pln_00000000000000000000000000/a --happened
                       the step is done, and what comes after it begins
          it was not   lares doubt settle pln_00000000000000000000000000/a --did-not
                       the step is done once more: if it was done after all, it is done twice

        pln_00000000000000000000000000/b
          was begun    shell: pg_restore shop.dump
                       6m 40s ago
          in doubt     for 6m 39s
          is known     it was under way when its node or its plan was cut off
                       no process of it is left that could go on
          next         for 1h 0m it may still be going on: look again then
          it was done  lares doubt settle pln_00000000000000000000000000/b --happened
                       the step is done, and what comes after it begins
          it was not   lares doubt settle pln_00000000000000000000000000/b --did-not
                       the step is done once more: if it was done after all, it is done twice

        pln_00000000000000000000000000/c
          was begun    shell: pg_restore shop.dump
                       6m 40s ago
          in doubt     for 6m 39s
          is known     it was under way when its node or its plan was cut off
                       no process of it is left that could go on
          next         its check is asked: there is nothing for you to do yet
    "#]]
    .assert_eq(&tell(&doubts, Timestamp::from_millis(400_000)));
}

#[test]
fn where_nothing_is_in_doubt_that_is_said() {
    let none = Doubts { doubts: vec![] };
    assert_eq!(tell(&none, Timestamp::from_millis(0)), "nothing is in doubt\n");
}
