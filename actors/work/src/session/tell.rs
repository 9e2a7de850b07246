//! The story of a conversation, for people.

use domain::conversation::{self, TurnState};
use domain::id::Address;
use runtime::durable::Past;

use super::wire::Event;

/// Nothing of a session in which nothing was said.
pub fn session(id: Address, history: &[Past<Event>]) -> Option<conversation::Session> {
    let last = history.last()?;
    let mut session = conversation::Session { id, seq: last.seq.0, turns: Vec::new() };
    for past in history {
        match &past.event {
            Event::Asked(asked) => session.turns.push(conversation::Turn {
                number: asked.turn,
                state: TurnState::Queued,
                asked_at: past.at,
                replied_at: None,
                run: None,
                reply: None,
            }),
            Event::Begun(begun) => with(&mut session, begun.turn, |turn| {
                turn.state = TurnState::Running;
                turn.run = Some(begun.plan);
            }),
            Event::Replied(replied) => with(&mut session, replied.turn, |turn| {
                turn.state = TurnState::Replied;
                turn.replied_at = Some(past.at);
                turn.reply = Some(replied.reply.clone());
            }),
        }
    }
    Some(session)
}

fn with(
    session: &mut conversation::Session,
    number: u32,
    change: impl FnOnce(&mut conversation::Turn),
) {
    if let Some(turn) = session.turns.iter_mut().find(|turn| turn.number == number) {
        change(turn);
    }
}
