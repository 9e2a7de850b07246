//! A run that tests change as they need it.

use domain::id::{Address, Id, Kind};
use domain::run::{Run, State, Step, StepState};
use domain::time::Timestamp;
use domain::tool::Effect;

/// The one run that there is.
pub(crate) fn id() -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([0; 16]) }
}

/// One that has begun, and has nothing to do.
pub(crate) fn run() -> Run {
    Run {
        id: id(),
        state: State::Running,
        opened_at: Timestamp::from_millis(1_000),
        closed_at: None,
        reason: None,
        quarantined: None,
        seq: 1,
        name: None,
        text: None,
        inputs: [].into(),
        workspace: None,
        lineage: None,
        taken_up: 0,
        steps: vec![],
        left: vec![],
    }
}

/// One that nobody has begun.
pub(crate) fn step(id: &str, tool: &str, effect: Effect) -> Step {
    Step {
        id: id.to_owned(),
        title: String::new(),
        tool: tool.to_owned(),
        effect,
        key: format!("{}/{id}", self::id()),
        state: StepState::Waiting,
        attempts: vec![],
        doubts: vec![],
        approvals: vec![],
        output: None,
        attachments: vec![],
        story: None,
    }
}
