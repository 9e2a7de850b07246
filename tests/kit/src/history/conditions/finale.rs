//! The condition on the last line.

use std::collections::BTreeMap;

use super::ledger::{Ledger, split};
use super::{Verdict, broken};

/// The last line says of everybody who was ever attempted how the trace left it.
pub(super) fn agrees(
    ledger: &Ledger<'_>,
    line: usize,
    r#final: &BTreeMap<String, &'static str>,
) -> Verdict {
    const NAME: &str = "the last line says how the trace left everybody";
    for path in ledger.attempts.keys() {
        let left = standing(ledger, path);
        match r#final.get(*path) {
            Some(said) if *said == left => {}
            Some(said) => return broken(NAME, line, format!("{path} is {left} and not {said}")),
            None => return broken(NAME, line, format!("{path} is missing")),
        }
    }
    match r#final.keys().find(|path| !ledger.attempts.contains_key(path.as_str())) {
        Some(path) => broken(NAME, line, format!("nobody ever heard of {path}")),
        None => Ok(()),
    }
}

fn standing(ledger: &Ledger<'_>, path: &str) -> &'static str {
    if ledger.alive.contains_key(path) {
        return "running";
    }
    let is_kept = split(path).and_then(|(above, id)| {
        let life = &ledger.lives[ledger.life_at(above)?];
        life.kid(id).filter(|_| !life.is_simple())
    });
    match is_kept {
        Some(_) => "stopped",
        None => "gone",
    }
}
