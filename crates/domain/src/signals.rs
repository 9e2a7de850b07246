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
