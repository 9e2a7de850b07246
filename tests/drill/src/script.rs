//! What each plan of the drill does: ten steps of every effect class, beside and after each other.

use domain::id::{Address, Id, Kind};
use domain::tool::Effect;

/// Three keyed, two idempotent, one without effect, three unsafe (two with a check, one that only a
/// person can settle), and one that waits.
pub(crate) const SCRIPT: &str = r#"{"version": 1, "rounds": [
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

/// Requests of one plan that is never disturbed.
pub(crate) const REQUESTS: u64 = 9;

/// What a second request of this step would do; nothing for a step that asks for nothing.
pub(crate) fn effect(step: &str) -> Option<Effect> {
    match step {
        "a" | "e" | "i" => Some(Effect::Keyed),
        "b" | "h" => Some(Effect::Idempotent),
        "c" | "f" | "g" => Some(Effect::Unsafe),
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
