//! Written plans that a seed decides: workflows one after the other, and blueprints that lead back.

use kit::world::SeededDice;
use serde_json::{Value, json};

use super::stage::SIGNAL_NAME;

const STEPS_MAX: u64 = 6;
const TIMEOUT_S: u64 = 8;
/// Long enough for every fault, and for people to come by.
const SILENCE: &str = "10m";

/// Steps that fail, ask, wait and hear, and much of which is to be taken back.
pub(super) fn random(dice: &SeededDice) -> String {
    let plan = if one_in(3, dice) { blueprint(dice) } else { workflow(dice) };
    plan.to_string()
}

fn one_in(bound: u64, dice: &SeededDice) -> bool {
    dice.below(bound) == 0
}

fn workflow(dice: &SeededDice) -> Value {
    let count = 2 + dice.below(STEPS_MAX - 1);
    let steps: Vec<Value> = (0..count)
        .map(|number| {
            let mut step = step(dice);
            step["name"] = format!("s{number}").into();
            let ways = ["abort", "continue", "rollback"];
            step["on_failure"] = dice.pick(&ways).copied().into();
            step
        })
        .collect();
    let rollback: Vec<Value> = (0..1 + dice.below(2))
        .map(|number| json!({"name": format!("r{number}"), "command": command(dice), "effect": "keyed"}))
        .collect();
    let inputs = json!({"tag": {"type": "text", "default": "v1"}});
    json!({"name": "a workflow", "inputs": inputs, "steps": steps, "rollback": rollback})
}

fn step(dice: &SeededDice) -> Value {
    let mut step = match dice.below(8) {
        0 => json!({"type": "wait", "for": format!("{}s", 1 + dice.below(8))}),
        1 => json!({"type": "signal", "signal": SIGNAL_NAME, "timeout": SILENCE}),
        2 => {
            let timeout = if one_in(4, dice) { "2s" } else { SILENCE };
            json!({"type": "approval_gate", "command": about(dice), "timeout": timeout})
        }
        _ => {
            let mut step = json!({"command": command(dice), "timeout": TIMEOUT_S});
            promise(&mut step, dice);
            if one_in(2, dice) {
                let mut undo = json!({"command": command(dice), "timeout": TIMEOUT_S});
                promise(&mut undo, dice);
                step["compensation"] = undo;
            }
            if one_in(3, dice) {
                step["approval"] = json!({"about": about(dice), "timeout": SILENCE});
            }
            step
        }
    };
    if one_in(4, dice) {
        step["condition"] = dice.pick(&["previous.ok", "previous.failed"]).copied().into();
    }
    step
}

fn about(dice: &SeededDice) -> Value {
    let abouts = ["go", "go", "go", "go", "no", "enough"];
    dice.pick(&abouts).copied().into()
}

/// What a second time would do, and what is done about that.
fn promise(step: &mut Value, dice: &SeededDice) {
    match dice.below(5) {
        0 => step["effect"] = "idempotent".into(),
        1 | 2 => step["effect"] = "keyed".into(),
        3 => step["check"] = json!({"tool": "look", "args": {}}),
        _ => return,
    }
    step["retry_limit"] = dice.below(3).into();
}

fn command(dice: &SeededDice) -> String {
    let words = ["ok", "ok", "ok", "ok", "busy", "fail", "unknown"];
    let says: Vec<Value> =
        (0..1 + dice.below(2)).map(|_| dice.pick(&words).copied().into()).collect();
    json!({"takes_ms": 5 + dice.below(2_000), "says": says}).to_string()
}

/// Stages whose failures lead back to any of those before them, or to a pause.
fn blueprint(dice: &SeededDice) -> Value {
    let count = 2 + dice.below(3);
    let stages: Vec<Value> = (0..count)
        .map(|number| {
            let inputs = json!({"command": command(dice), "env": {"TAG": {"from": "tag"}}});
            let mut stage =
                json!({"id": format!("s{number}"), "action": "shell", "inputs": inputs});
            stage["timeout"] = TIMEOUT_S.into();
            promise(&mut stage, dice);
            if one_in(2, dice) {
                let inputs = json!({"command": command(dice)});
                let undo = json!({"action": "shell", "inputs": inputs, "effect": "keyed"});
                stage["compensation"] = undo;
            }
            if one_in(4, dice) {
                stage["approval"] = json!({"about": about(dice), "timeout": SILENCE});
            }
            let back = format!("s{}", dice.below(number + 1));
            let ways = [back.as_str(), back.as_str(), "paused", "fail"];
            stage["on_failure"] = dice.pick(&ways).copied().into();
            stage
        })
        .collect();
    let inputs = json!({"tag": {"type": "text", "default": "v1"}});
    json!({"version": 1, "name": "a blueprint", "inputs": inputs, "stages": stages})
}
