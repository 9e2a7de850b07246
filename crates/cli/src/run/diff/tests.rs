use domain::run::{Attempt, State, StepState};
use domain::time::Timestamp;
use domain::tool::Effect;
use expect_test::expect;
use serde_json::json;

use super::*;
use crate::story::sample;

fn step(id: &str, state: StepState, attempts: u32, output: Value) -> Step {
    let at = Timestamp::from_millis(7);
    let attempt = |number| Attempt {
        number,
        begun_at: at,
        ended_at: Some(at),
        outcome: Some("done".to_owned()),
        story: None,
    };
    Step {
        attempts: (1..=attempts).map(attempt).collect(),
        output: Some(output),
        state,
        ..sample::step(id, "shell", Effect::Unsafe)
    }
}

fn given(value: Value) -> Given {
    Given { value, version: 1 }
}

#[test]
fn what_two_runs_have_not_in_common_is_told_step_by_step() {
    let mut a = sample::run();
    a.state = State::Completed;
    a.inputs = [("tag".to_owned(), given(json!("v1"))), ("x".to_owned(), given(json!(1)))].into();
    a.steps = vec![
        step("same", StepState::Done, 1, json!({"exit": 0})),
        step("build", StepState::Done, 1, json!({"exit": 0, "stdout": "one\n", "z": 1})),
        step("only-a", StepState::Done, 1, json!(null)),
    ];
    let mut b = a.clone();
    b.state = State::Failed;
    b.inputs = [("tag".to_owned(), given(json!("v2")))].into();
    b.steps = vec![
        step("only-b", StepState::Skipped, 0, json!(null)),
        step("build", StepState::Failed, 3, json!({"exit": 0, "stdout": "two", "z": 2})),
        step("same", StepState::Done, 1, json!({"exit": 0})),
    ];
    let compared = compare(&a, &b);
    assert!(!compared.is_same);
    expect![[r#"
        A is pln_00000000000000000000000000, B is pln_00000000000000000000000000

        WHERE        WHAT           IN A            IN B
        the run      state          completed       failed
        input tag    value          v1              v2
        input x      value          1               (is not there)
        step build   state          done            failed
        step build   attempts       1               3
        step build   output.stdout  one             two
        step only-a  state          done            (is not there)
        step only-b  state          (is not there)  skipped
    "#]]
    .assert_eq(&tell(&compared));
}

#[test]
fn a_run_is_the_same_as_one_that_did_the_same_at_another_time() {
    let a = sample::run();
    let mut b = a.clone();
    b.opened_at = Timestamp::from_millis(99_999);
    b.seq += 3;
    assert_eq!(tell(&compare(&a, &b)), "the same\n");
}

#[test]
fn values_part_at_the_first_place_where_they_are_not_alike() {
    let rows = [
        (json!(1), json!(1), None),
        (json!(1), json!("1"), Some("o")),
        (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), Some("o.b")),
        (json!({"a": 1}), json!({"a": 1, "b": 3}), Some("o.b")),
        (json!([1, {"x": 2}]), json!([1, {"x": 3}]), Some("o[1].x")),
        (json!([1]), json!([1, 2]), Some("o[1]")),
        (json!({"a": 1}), json!([1]), Some("o")),
    ];
    for (a, b, expected) in rows {
        let place = first(&a, &b, "o".to_owned()).map(|(place, _, _)| place);
        assert_eq!(place.as_deref(), expected, "{a} {b}");
    }
}
