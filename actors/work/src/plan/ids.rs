//! What the steps of a run are called: after their stage, and after what they are to it.

const MARK: char = '~';
const UNDO: &str = "~undo";
const ROLLBACK: &str = "~rollback";

/// A stage that comes by once more.
pub(crate) fn pass_of(stage: &str, pass: u32) -> String {
    match pass {
        0 | 1 => stage.to_owned(),
        _ => format!("{stage}{MARK}{pass}"),
    }
}

/// The step that takes back what this one does.
pub(crate) fn undo_of(step: &str) -> String {
    format!("{step}{UNDO}")
}

/// A stage of the rollback.
pub(crate) fn rollback_of(stage: &str) -> String {
    format!("{stage}{ROLLBACK}")
}

pub(crate) fn is_rollback(step: &str) -> bool {
    step.ends_with(ROLLBACK)
}

/// The stage that a step is of.
pub(crate) fn stage_of(step: &str) -> &str {
    step.split_once(MARK).map_or(step, |(stage, _)| stage)
}
