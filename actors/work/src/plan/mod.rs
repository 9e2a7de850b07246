//! A plan: the steps that answer one request, carried to one outcome.
//!
//! hears    Open, Cancel, Settle, Answer, Signal, Give, Resume (posts); the outcomes of its steps
//!          and their checks; Due; Reborn
//! records  plan.*: opened, planned, signaled, given, paused, resumed, undoing, cancelling, closed;
//!          step.*: begun, ended, rested, doubted, unclear, checking, asked, settled, reused;
//!          approval.*: sought, answered
//! posts    Ended to whoever opened it, if that was a session
//! owes     each step that runs, each check of a step in doubt; permits for those that are ready;
//!          a wake for whatever waits for a moment
//! bounds   what its brief says: steps, attempts, time, passes, inputs, rounds that repeat
//!          themselves, silence; 64 signals that nobody waits for yet
//! fails    a script with its first step that fails for good: what runs then ends, and nothing more
//!          begins; a written plan where its routes say so, after it has taken back what it did

mod args;
mod ids;
mod rules;
mod state;
pub mod tell;
pub mod wire;

use domain::id::Kind;
use domain::tool::{Failure, Output};
use runtime::durable::{self, Entity, Heard, Moment};
use serde::{Deserialize, Serialize};

pub(crate) use args::{put, put_input};
pub(crate) use ids::{is_rollback, stage_of, undo_of};
pub use state::State;
pub use wire::{
    Answer, Approval, Brief, Cancel, Caps, Check, Closed, Course, Descent, Ending, Event, Give,
    Outcome, Post, Resume, Said, Settle, Signal, Signaled, Source, Task, Text, To, Use, Way, When,
};

use crate::step::{Ports, Step};

/// The tools that need no hand: one waits for a moment, one for a signal, one for nothing but the
/// approval of its step, and one is not there yet.
pub const WAIT: &str = "wait";
pub const SIGNAL: &str = "signal";
pub const GATE: &str = "gate";
pub const MISSING: &str = "missing";

/// Why a step was never begun that a cancel has kept from it.
pub(crate) const CANCELED: &str = "the run was canceled";

type Decision<'a> = durable::Decision<'a, Plan>;
type Owed<'a> = durable::Owed<'a, Plan>;

#[derive(Debug)]
pub struct Plan;

/// Names one child for good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub step: String,
    pub attempt: u32,
    pub mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Act,
    /// Whether it has happened; how often that was asked.
    Check(u32),
}

impl Entity for Plan {
    const KIND: Kind = Kind::Plan;
    const FORMAT: u16 = 2;
    type Post = Post;
    type Event = Event;
    type State = State;
    type Key = Key;
    type Job = Step;
    type Outcome = Result<Output, Failure>;
    type Ports = Ports;

    fn decide(state: &State, heard: Heard<Self>, moment: &Moment, decision: &mut Decision<'_>) {
        match heard {
            Heard::Posted(from, Post::Open(brief)) => {
                rules::open(state, from, brief, moment, decision);
            }
            Heard::Posted(_, Post::Cancel(cancel)) => {
                rules::cancel(state, cancel, moment, decision)
            }
            Heard::Posted(_, Post::Settle(settle)) => {
                rules::settle_doubt(state, settle, moment, decision)
            }
            Heard::Posted(_, Post::Answer(said)) => rules::answer(state, said, decision),
            Heard::Posted(_, Post::Signal(signal)) => rules::hear(state, signal, decision),
            Heard::Posted(_, Post::Give(give)) => rules::give(state, give, decision),
            Heard::Posted(_, Post::Resume(resume)) => {
                rules::resume(state, resume, moment, decision)
            }
            Heard::Ended(key, ended) => rules::end(state, key, ended, moment, decision),
            // Whatever waits for a moment looks at the time itself.
            Heard::Due => {}
            Heard::Reborn(before) => rules::be_reborn(state, before, moment, decision),
        }
    }

    fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
        rules::settle(state, moment, decision);
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn owed(state: &State, moment: &Moment, owed: &mut Owed<'_>) {
        rules::owed(state, moment, owed);
    }

    fn asks(state: &State) -> bool {
        rules::asks(state)
    }
}
