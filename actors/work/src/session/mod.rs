//! A session: one conversation, answered one turn after the other.
//!
//! hears    Turn (from doors), Ended (from the plan of its turn)
//! records  turn.asked, turn.begun, turn.replied
//! posts    Open to the plan of a turn, in the append that begins it
//! owes     nothing: whoever it waits for posts
//! bounds   16 turns behind the one that runs

mod rules;
pub mod tell;
pub mod wire;

use domain::id::Kind;
use runtime::durable::{self, Bench, Entity, Heard, Job, Moment, Owed};

pub use rules::{QUEUE_MAX, State};
pub use wire::{Answer, Event, PlanEnded, Post, Turn};

type Decision<'a> = durable::Decision<'a, Session>;

#[derive(Debug)]
pub struct Session;

/// A session has no children: this is never made.
#[derive(Debug)]
pub enum Nothing {}

impl Job for Nothing {
    type Outcome = ();
    type Ports = ();

    async fn perform(self, (): (), _bench: Bench<'_>) {
        match self {}
    }
}

impl Entity for Session {
    const KIND: Kind = Kind::Session;
    const FORMAT: u16 = 1;
    type Post = Post;
    type Event = Event;
    type State = State;
    type Key = ();
    type Job = Nothing;
    type Outcome = ();
    type Ports = ();

    fn decide(state: &State, heard: Heard<Self>, moment: &Moment, decision: &mut Decision<'_>) {
        match heard {
            Heard::Posted(_, Post::Turn(turn)) => rules::ask(state, turn, moment, decision),
            Heard::Posted(_, Post::Ended(ended)) => rules::reply(state, ended, decision),
            // It has no children and no moments, and a crash leaves nothing open.
            Heard::Ended((), _) | Heard::Due | Heard::Reborn(_) => {}
        }
    }

    fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
        rules::settle(state, moment, decision);
    }

    fn apply(state: &mut State, event: &Event) {
        state.apply(event);
    }

    fn owed(_state: &State, _moment: &Moment, _owed: &mut Owed<'_, Self>) {}
}
