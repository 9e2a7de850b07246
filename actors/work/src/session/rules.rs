//! What follows from what: a session's decisions.

use std::collections::VecDeque;

use domain::id::{Address, Kind};
use runtime::durable::Moment;

use super::Decision;
use super::wire::{Answer, Asked, Begun, Event, PlanEnded, Replied, Turn};
use crate::named;
use crate::plan::{self, Brief};

/// Turns that may wait behind the one that runs.
pub const QUEUE_MAX: usize = 16;

/// Open things only: what was said before is in the history.
#[derive(Debug, Default)]
pub struct State {
    turns: u32,
    running: Option<(u32, Address)>,
    queue: VecDeque<(u32, Brief)>,
}

pub(super) fn ask(state: &State, turn: Turn, moment: &Moment, decision: &mut Decision<'_>) {
    let number = state.turns + 1;
    if state.running.is_some() && QUEUE_MAX <= state.queue.len() {
        let why = format!("{QUEUE_MAX} turns wait already: ask again when some are answered");
        return decision.answer(Answer::Refused(why).bytes());
    }
    decision.answer(Answer::Turn(number).bytes());
    if state.running.is_some() {
        let brief = Some(turn.brief);
        return decision.record(Event::Asked(Asked { turn: number, brief }));
    }
    decision.record(Event::Asked(Asked { turn: number, brief: None }));
    begin(number, turn.brief, moment, decision);
}

/// Of the turn that runs, and of no other.
pub(super) fn reply(state: &State, ended: PlanEnded, decision: &mut Decision<'_>) {
    let PlanEnded { plan, reply } = ended;
    if let Some((turn, _)) = state.running.filter(|(_, running)| *running == plan) {
        decision.record(Event::Replied(Replied { turn, reply }));
    }
}

pub(super) fn settle(state: &State, moment: &Moment, decision: &mut Decision<'_>) {
    if let (None, Some((turn, brief))) = (state.running, state.queue.front()) {
        begin(*turn, brief.clone(), moment, decision);
    }
}

/// Its plan is opened in the same append, under a name that follows from the turn.
fn begin(turn: u32, brief: Brief, moment: &Moment, decision: &mut Decision<'_>) {
    let plan = Address { kind: Kind::Plan, id: named(&format!("{}/{turn}", moment.me)) };
    decision.record(Event::Begun(Begun { turn, plan }));
    decision.open(plan, &plan::Post::Open(brief));
}

impl State {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Asked(Asked { turn, brief }) => {
                self.turns = *turn;
                self.queue.extend(brief.clone().map(|brief| (*turn, brief)));
            }
            Event::Begun(Begun { turn, plan }) => {
                self.running = Some((*turn, *plan));
                self.queue.retain(|(waiting, _)| waiting != turn);
            }
            Event::Replied(Replied { .. }) => self.running = None,
        }
    }
}
