//! Scripts that a seed decides.

use kit::world::SeededDice;
use serde_json::{Value, json};

const ROUNDS_MAX: u64 = 3;
const STEPS_MAX: u64 = 4;

/// Rounds of steps that wait for each other, share locks and lanes, fail now and then, or say
/// nothing that anybody could rely on.
pub(super) fn random(dice: &SeededDice, tools: &[&str]) -> String {
    let rounds = (0..1 + dice.below(ROUNDS_MAX)).map(|round| steps(round, dice, tools));
    json!({"version": 1, "rounds": rounds.collect::<Vec<Value>>()}).to_string()
}

fn steps(round: u64, dice: &SeededDice, tools: &[&str]) -> Value {
    let mut steps: Vec<Value> = Vec::new();
    for number in 0..1 + dice.below(STEPS_MAX) {
        let mut step = step(dice, tools);
        step["id"] = format!("s{round}{number}").into();
        let before = steps.iter().filter(|_| one_in(3, dice));
        step["after"] = before.map(|before| before["id"].clone()).collect();
        steps.push(step);
    }
    json!({"steps": steps})
}

fn one_in(bound: u64, dice: &SeededDice) -> bool {
    dice.below(bound) == 0
}

fn step(dice: &SeededDice, tools: &[&str]) -> Value {
    if one_in(8, dice) {
        return json!({"tool": "wait", "args": {"ms": 100 + dice.below(15_000)}});
    }
    let tool = dice.pick(tools).copied();
    let takes_ms = 5 + dice.below(if one_in(3, dice) { 6_000 } else { 300 });
    let mut step = json!({
        "tool": tool,
        "args": {"takes_ms": takes_ms},
        "deadline": 8_000,
        "attempts": 1 + dice.below(3),
    });
    match dice.below(7) {
        0 => step["effect"] = "none".into(),
        1 => step["effect"] = "idempotent".into(),
        2 | 3 => step["effect"] = "keyed".into(),
        4 => step["check"] = json!({"tool": "look", "args": {}}),
        5 => step["on_doubt"] = "fail".into(),
        _ => step["on_doubt"] = "ask".into(),
    }
    if one_in(3, dice) {
        step["args"]["says"] = (0..1 + dice.below(2)).map(|_| word(dice)).collect();
    }
    if one_in(8, dice) {
        step["args"]["attaches"] = (1 + dice.below(50_000)).into();
    }
    if one_in(4, dice) {
        let lock = if one_in(2, dice) { "x" } else { "y" };
        step["locks"] = json!([lock]);
        step["args"]["uses"] = lock.into();
    } else if one_in(5, dice) {
        step["lane"] = "narrow".into();
        step["args"]["uses"] = "narrow".into();
    }
    step
}

fn word(dice: &SeededDice) -> Value {
    let words = ["ok", "ok", "busy", "busy", "fail", "fail", "unknown", "silent", "panic"];
    dice.pick(&words).copied().into()
}
