//! The plans that are carried out, as people would write them.

use std::path::Path;

use super::ledger::{Ledger, word};

/// The signal that runs wait for.
pub(super) const SIGNAL: &str = "go";
/// The step that waits for it, and the one that a person allows.
pub(super) const HEARS: &str = "hear";
pub(super) const ALLOWED: &str = "allowed";
/// How long a command is at work beside its effect, in seconds of the shell: long enough that a
/// kill finds some before and some after it.
const DWELL: &str = "0.2";

/// Steps of one plan whose effects are in the ledger.
pub(super) const EFFECTS: usize = 4;

/// Six steps: four unsafe effects, each with a check, a rest, and a signal; one effect is allowed
/// by a person first.
pub(super) fn restarted(ledger: &Ledger) -> String {
    let write = format!("echo \"$LARES_KEY\" >> {}", ledger.word());
    let (early, late) = (format!("{write}; sleep {DWELL}"), format!("sleep {DWELL}; {write}"));
    let check = format!("grep -qxF \"$LARES_KEY\" {}", ledger.word());
    let effect = |name: &str, command: &str, more: &str| {
        let (command, check) = (text(command), text(&check));
        format!("  - {{name: {name}, command: {command}, check: {check}{more}}}\n")
    };
    [
        "name: verify restarts\nsteps:\n",
        &effect("first", &early, ""),
        "  - {name: rest, type: wait, for: 200ms}\n",
        &format!("  - {{name: {HEARS}, type: signal, signal: {SIGNAL}, timeout: 300}}\n"),
        &effect("second", &late, ""),
        &effect(ALLOWED, &early, ", approval_required: true"),
        &effect("last", &late, ""),
    ]
    .concat()
}

/// How the last step of a plan fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    /// It says no.
    ByCode,
    /// Something kills its process.
    BySignal,
}

/// Two effects that can be taken back, and a step that fails.
pub(super) fn undone(ledger: &Ledger, fails: Fails) -> String {
    let ledger = ledger.word();
    let effect = |name: &str| {
        let command = text(&format!("echo {name} >> {ledger}"));
        let undo = text(&format!("echo undo {name} >> {ledger}"));
        format!("  - {{name: {name}, command: {command}, compensation: {undo}}}\n")
    };
    let command = match fails {
        Fails::ByCode => "exit 1",
        Fails::BySignal => "kill -KILL $$",
    };
    let check = text(&format!("grep -qxF fails {ledger}"));
    let last = format!("  - {{name: fails, command: {}, check: {check}}}\n", text(command));
    ["name: verify compensations\nsteps:\n", &effect("a"), &effect("b"), &last].concat()
}

/// A command that ends once it may, and one that follows it.
pub(super) fn patient(ledger: &Ledger, may_end: &Path) -> String {
    let (ledger, may_end) = (ledger.word(), word(may_end));
    let patient = format!(
        "echo begun >> {ledger}; until [ -e {may_end} ]; do sleep 0.05; done; \
         echo ended >> {ledger}"
    );
    let next = format!("echo next >> {ledger}");
    format!(
        "name: verify drain\nsteps:\n  - {{name: patient, command: {}}}\n  \
         - {{name: next, command: {}}}\n",
        text(&patient),
        text(&next)
    )
}

/// A plan that can be told from others in the bytes of a store, which may wait for a signal.
pub(super) fn marked(mark: &str, waits: bool) -> String {
    // More than once: a word may be cut in two where it is kept.
    let marks = [mark; 3].join(" ");
    let wait = match waits {
        true => format!("  - {{name: {HEARS}, type: signal, signal: {SIGNAL}, timeout: 300}}\n"),
        false => String::new(),
    };
    format!(
        "name: verify damage\ndescription: {}\nsteps:\n  - {{name: a, command: echo a}}\n{wait}",
        text(&marks)
    )
}

/// As a text of YAML, whatever is in it.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
