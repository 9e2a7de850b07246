//! The supervision tree as a value: what a person sees when they ask who lives here.

use serde::{Deserialize, Serialize};

/// One actor and everything below it, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its name among its siblings.
    pub id: String,
    /// What it is: `supervisor`, or the kind its specification names.
    pub kind: String,
    pub state: State,
    /// Counts its lives, from 1; 0 while it has not lived yet.
    pub incarnation: u32,
    /// How often its supervisor brought it back by itself.
    pub restarts: u32,
    pub mailbox: Mailbox,
    /// Milliseconds since the present incarnation began.
    pub age_ms: u64,
    /// Why the last incarnation that did not end well ended.
    pub last_error: Option<String>,
    pub children: Vec<Actor>,
}

/// How much waits for an actor, and how much may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    pub depth: u64,
    pub bound: u64,
}

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Starting,
    Running,
    /// Waits for its back-off to elapse, or for a sibling's.
    Restarting,
    Stopping,
    Stopped,
    /// Crashed too often for its own good; stays down until a person acts.
    Quarantined,
}

impl State {
    /// The word a person reads, the same as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Restarting => "restarting",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::Quarantined => "quarantined",
        }
    }
}

/// Shows the tree of this node at any moment, without stopping anyone.
pub trait Census: Send + Sync + 'static {
    /// The root actor with everybody below it.
    fn tree(&self) -> Actor;
}
