//! What a script comes to at the door: what its tools say counts as if it said so itself.

use domain::BoxFuture;
use domain::run::Error;
use domain::tool::{Call, Contract, Effect, Failure, Output, Tools};
use serde_json::{Value, json};
use work::Limits;

/// One tool of each kind; nobody performs anything here.
struct Shelf;

impl Tools for Shelf {
    fn contracts(&self) -> Vec<Contract> {
        let contract = |name, effect| Contract {
            name,
            about: "",
            arguments: json!({}),
            effect,
            lane: name,
            is_far: false,
        };
        vec![contract("look", Effect::None), contract("pay", Effect::Unsafe)]
    }

    fn faults(&self, _tool: &str, _args: &Value) -> Vec<String> {
        Vec::new()
    }

    fn perform(
        &self,
        _call: Call,
        stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        Box::pin(async {
            stop.await;
            Ok(Output::default())
        })
    }
}

fn faults(step: &Value) -> Vec<String> {
    let script = json!({"version": 1, "rounds": [{"steps": [step]}]}).to_string();
    let limits = Limits::default();
    match work::read(&script.into(), &Shelf, &limits) {
        Err(Error::Faults(faults)) => faults,
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

fn step(tool: &str, more: &Value) -> Value {
    let mut step = json!({"id": "a", "tool": tool, "args": {}});
    let rest = more.as_object().expect("an object").clone();
    step.as_object_mut().expect("an object").extend(rest);
    step
}

#[test]
fn an_unsafe_effect_is_never_repeated_blindly_whoever_says_that_it_is_unsafe() {
    let check = json!({"tool": "look", "args": {}});
    let rows = [
        ("pay", json!({"attempts": 2}), true),
        ("pay", json!({"on_doubt": "repeat"}), true),
        ("look", json!({"effect": "unsafe", "attempts": 2}), true),
        ("pay", json!({"attempts": 1, "on_doubt": "fail"}), false),
        ("pay", json!({"effect": "keyed", "attempts": 2}), false),
        ("pay", json!({"attempts": 2, "check": check}), false),
        ("look", json!({"attempts": 2, "on_doubt": "repeat"}), false),
    ];
    for (tool, more, is_refused) in rows {
        let faults = faults(&step(tool, &more));
        let is_named = faults.iter().any(|fault| fault.contains("never repeated blindly"));
        assert_eq!(
            (is_named, faults.len()),
            (is_refused, usize::from(is_refused)),
            "{tool} {more}"
        );
    }
}

#[test]
fn nobody_waits_longer_than_any_store_can_hold() {
    for ms in [366 * 24 * 60 * 60 * 1_000 + 1, u64::MAX] {
        let faults = faults(&json!({"id": "a", "tool": "wait", "args": {"ms": ms}}));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("at most"), "{faults:?}");
    }
}
