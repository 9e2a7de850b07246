//! Names of what the house reports: log events and metrics, each written once, here.

/// An actor's incarnation ended in a way its supervisor had not asked for.
pub const ACTOR_CRASHED: &str = "actor.crashed";
/// A supervisor reached its intensity and gave up.
pub const SUPERVISOR_GAVE_UP: &str = "supervisor.gave_up";
/// A handler held its thread past the watchdog's threshold and was fenced.
pub const ACTOR_FENCED: &str = "actor.fenced";
/// A thread that was written off came back.
pub const THREAD_RETURNED: &str = "thread.returned";
/// A dynamic child crashed too often and stays down.
pub const ACTOR_QUARANTINED: &str = "actor.quarantined";
/// The node's beat came late: its threads were not free.
pub const BEAT_LATE: &str = "beat.late";
/// What had been kept for long enough has gone.
pub const JOURNAL_TIDIED: &str = "journal.tidied";
/// It could not be removed, and is tried again.
pub const JOURNAL_UNTIDY: &str = "journal.untidy";

/// Names of events and posts, as they are written down: they never change.
pub mod written {
    pub const PLAN_OPEN: &str = "plan.open";
    pub const PLAN_CANCEL: &str = "plan.cancel";
    pub const PLAN_SETTLE: &str = "plan.settle";
    pub const PLAN_ANSWER: &str = "plan.answer";
    pub const PLAN_SIGNAL: &str = "plan.signal";
    pub const PLAN_GIVE: &str = "plan.give";
    pub const PLAN_RESUME: &str = "plan.resume";

    pub const SESSION_TURN: &str = "session.turn";
    pub const SESSION_PLAN_ENDED: &str = "session.plan_ended";
    pub const TURN_ASKED: &str = "turn.asked";
    pub const TURN_BEGUN: &str = "turn.begun";
    pub const TURN_REPLIED: &str = "turn.replied";

    pub const PLAN_OPENED: &str = "plan.opened";
    pub const PLAN_PLANNED: &str = "plan.planned";
    pub const STEP_BEGUN: &str = "step.begun";
    pub const STEP_ENDED: &str = "step.ended";
    pub const STEP_RESTED: &str = "step.rested";
    pub const STEP_DOUBTED: &str = "step.doubted";
    pub const STEP_CHECKING: &str = "step.checking";
    pub const STEP_UNCLEAR: &str = "step.unclear";
    pub const STEP_ASKED: &str = "step.asked";
    pub const STEP_SETTLED: &str = "step.settled";
    pub const APPROVAL_SOUGHT: &str = "approval.sought";
    pub const APPROVAL_ANSWERED: &str = "approval.answered";
    pub const SIGNAL_TAKEN: &str = "signal.taken";
    pub const INPUT_GIVEN: &str = "input.given";
    pub const STEP_REUSED: &str = "step.reused";
    pub const PLAN_PAUSED: &str = "plan.paused";
    pub const PLAN_RESUMED: &str = "plan.resumed";
    pub const PLAN_UNDOING: &str = "plan.undoing";
    pub const PLAN_CANCELLING: &str = "plan.cancelling";
    pub const PLAN_CLOSED: &str = "plan.closed";
}
