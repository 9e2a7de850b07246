//! What each plan of the drill does. Most are scripts: ten steps of every effect class, beside and
//! after each other. One in five is a workflow, which asks, hears, waits, and takes back what it did.

use domain::id::{Address, Id, Kind};
use domain::tool::Effect;

/// Three keyed, two idempotent, one without effect, three unsafe (two with a check, one that only a
/// person can settle), and one that waits.
const SCRIPT: &str = r#"{"version": 1, "rounds": [
    {"steps": [
        {"id": "a", "tool": "pay", "args": {"what": "a"}, "effect": "keyed"},
        {"id": "b", "tool": "pay", "args": {"what": "b"}, "effect": "idempotent"},
        {"id": "c", "tool": "pay", "args": {"what": "c"}, "effect": "unsafe", "after": ["a"],
         "check": {"tool": "look", "args": {}}},
        {"id": "d", "tool": "pay", "args": {"what": "d"}, "effect": "none", "after": ["a"]},
        {"id": "e", "tool": "pay", "args": {"what": "e"}, "effect": "keyed", "after": ["b"]},
        {"id": "w", "tool": "wait", "args": {"ms": 5}, "after": ["e"]},
        {"id": "f", "tool": "pay", "args": {"what": "f"}, "effect": "unsafe", "after": ["w"],
         "check": {"tool": "look", "args": {}}}
    ]},
    {"steps": [
        {"id": "g", "tool": "pay", "args": {"what": "g"}, "effect": "unsafe"},
        {"id": "h", "tool": "pay", "args": {"what": "h"}, "effect": "idempotent"},
        {"id": "i", "tool": "pay", "args": {"what": "i"}, "effect": "keyed", "after": ["g"]}
    ]}
]}"#;

/// A workflow; how its last step goes depends on its number.
const WORKFLOW: &str = r#"
name: drill
steps:
  - {name: make, command: pay, effect: keyed, compensation: {command: pay, effect: keyed}}
  - {name: hear, type: signal, signal: go, timeout: 10m}
  - {name: move, command: pay, check: {tool: look}, compensation: {command: pay, check: {tool: look}}}
  - {name: rest, type: wait, for: 20ms}
  - {name: gate, type: approval_gate, timeout: 10m}
  - name: ship
    command: pay
    approval_required: yes
    check: {tool: look}
    compensation: {command: pay, effect: keyed}
  - {name: last, command: LAST, check: {tool: look}}
"#;

/// The steps of a workflow, in their order.
pub(crate) const STEPS: [&str; 7] = ["make", "hear", "move", "rest", "gate", "ship", "last"];
/// What of it is taken back if it does not complete.
pub(crate) const TAKEN_BACK: [&str; 3] = ["make", "move", "ship"];
/// What nobody begins unasked.
pub(crate) const ASKED: [&str; 2] = ["gate", "ship"];
pub(crate) const SIGNAL: &str = "go";

/// One plan of so many is a workflow, and one of so many workflows fails.
const WRITTEN_EVERY: u32 = 5;
const FAILS_EVERY: u32 = 2;

/// The least requests of one plan that is never disturbed: a script's, and a workflow's, which
/// makes as many if it completes as if it is denied.
const REQUESTS: u64 = 9;
const REQUESTS_OF_WRITTEN: u64 = 4;

/// The least requests of so many plans.
pub(crate) fn requests(plans: u32) -> u64 {
    let written = u64::from(plans / WRITTEN_EVERY);
    (u64::from(plans) - written) * REQUESTS + written * REQUESTS_OF_WRITTEN
}

pub(crate) fn is_written(number: u32) -> bool {
    number.is_multiple_of(WRITTEN_EVERY)
}

/// Whether the last step of this workflow fails.
pub(crate) fn fails(number: u32) -> bool {
    number.is_multiple_of(WRITTEN_EVERY * FAILS_EVERY)
}

pub(crate) fn text(number: u32) -> String {
    match (is_written(number), fails(number)) {
        (false, _) => SCRIPT.to_owned(),
        (true, fails) => WORKFLOW.replace("LAST", if fails { "fail" } else { "pay" }),
    }
}

/// What a second request of this step would do; nothing for a step that asks for nothing.
pub(crate) fn effect(step: &str) -> Option<Effect> {
    match step {
        "a" | "e" | "i" | "make" | "make~undo" | "ship~undo" => Some(Effect::Keyed),
        "b" | "h" => Some(Effect::Idempotent),
        "c" | "f" | "g" | "move" | "move~undo" | "ship" | "last" => Some(Effect::Unsafe),
        "d" => Some(Effect::None),
        _ => None,
    }
}

/// The plan of this number: the same for every node and for whoever judges them.
pub(crate) fn plan(number: u32) -> Address {
    let mut bytes = *b"kill drill  0000";
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    // Ids begin with a time, and the highest bits of that are never set.
    bytes[0] = 1;
    Address { kind: Kind::Plan, id: Id::from_bytes(bytes) }
}

/// The number of a plan, as its id says it.
pub(crate) fn number(plan: Address) -> u32 {
    let [.., a, b, c, d] = plan.id.to_bytes();
    u32::from_be_bytes([a, b, c, d])
}
