//! How an incarnation ended: a closed list, and the one place where ractor's events become it.

use ractor::SupervisionEvent;

use crate::core::End;

/// How an incarnation ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exit {
    /// By itself, its work done.
    #[error("normal")]
    Normal,
    /// By itself because it was told to, or a supervisor that came to its end.
    #[error("shutdown")]
    Shutdown,
    /// Its handler returned an error.
    #[error("failed: {0}")]
    Failed(String),
    /// Its handler, one of its tasks or its blocking work panicked.
    #[error("panicked: {0}")]
    Panicked(String),
    /// It was killed: brutally, after its deadline, or from outside.
    #[error("killed")]
    Killed,
    /// Its handler held a thread past the watchdog's threshold; it may still run, and is cut off.
    #[error("fenced: its handler held a thread for too long")]
    Fenced,
}

impl Exit {
    pub(crate) fn end(&self) -> End {
        match self {
            Exit::Normal | Exit::Shutdown => End::Clean,
            Exit::Failed(_) | Exit::Panicked(_) | Exit::Killed | Exit::Fenced => End::Crash,
        }
    }

    /// The word by which a trace knows it: all crashes of a handler are one to OTP.
    pub fn word(&self) -> &'static str {
        match self {
            Exit::Normal => "normal",
            Exit::Shutdown => "shutdown",
            Exit::Failed(_) | Exit::Panicked(_) => "error",
            Exit::Killed => "killed",
            Exit::Fenced => "fenced",
        }
    }
}

/// The reason with which an actor of ours asks ractor to stop by itself, its work done.
pub(crate) const REASON_NORMAL: &str = "normal";

/// An error a handler returned; a ractor failure of any other type is a panic's text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

/// What a ractor event tells a supervisor, of the actor with this number.
pub(crate) enum Told {
    Started(u64),
    Ended(u64, Exit),
    Nothing,
}

/// Reads a ractor event. ractor's reasons are strings; a table test pins them to its version.
pub(crate) fn read(event: &SupervisionEvent) -> Told {
    match event {
        SupervisionEvent::ActorStarted(who) => Told::Started(who.get_id().pid()),
        SupervisionEvent::ActorTerminated(who, _, reason) => {
            Told::Ended(who.get_id().pid(), from_reason(reason.as_deref()))
        }
        SupervisionEvent::ActorFailed(who, error) => {
            let exit = match error.downcast_ref::<Failure>() {
                Some(failure) => Exit::Failed(failure.0.clone()),
                None => Exit::Panicked(error.to_string()),
            };
            Told::Ended(who.get_id().pid(), exit)
        }
        SupervisionEvent::ProcessGroupChanged(_) => Told::Nothing,
    }
}

fn from_reason(reason: Option<&str>) -> Exit {
    match reason {
        Some(REASON_NORMAL) => Exit::Normal,
        Some("killed" | "actor_task_cancelled") => Exit::Killed,
        Some(_) | None => Exit::Shutdown,
    }
}

#[cfg(test)]
mod tests;
