//! Deciding a history again: with nothing but what was heard, the same must follow.

use domain::BoxError;
use domain::id::Address;
use domain::journal::{Body, Journal, Seq};

use super::entity::{Entity, Moment};
use super::history::whole;
use super::turn::{self, Heed};

/// What came of deciding a history again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// So many turns, and each decided the same, byte by byte.
    Same { turns: u64 },
    /// The first event that differs: what was recorded, and what is decided now.
    Different { seq: Seq, recorded: Option<Body>, decided: Option<Body> },
}

/// Decides the history of an entity again, from what each turn has heard. Nothing is done, asked
/// or recorded; rules that look at anything else than what they are given show here.
pub async fn replay<E: Entity>(
    journal: &dyn Journal,
    address: Address,
) -> Result<Replayed, BoxError> {
    let mut state = E::State::default();
    let mut turns = 0;
    let mut events = whole(journal, address).await?.into_iter().peekable();
    while let Some(first) = events.next() {
        let seq = first.seq;
        let minutes = first.heard.as_deref();
        let minutes = minutes.ok_or_else(|| format!("event {} begins no turn", seq.0))?;
        let Heed { now, came, mut gate } = turn::read_minutes::<E>(minutes, address)?;
        let moment = Moment { me: address, now, epoch: first.epoch };
        let mut recorded = vec![first.body];
        while let Some(more) = events.next_if(|event| event.heard.is_none()) {
            recorded.push(more.body);
        }
        // Whoever is owed runs already, so no job is made.
        let turn = turn::take::<E>(state, came, &moment, &|_| true, &mut gate);
        if let Some(at) = difference(&recorded, &turn.events) {
            let seq = Seq(seq.0 + at as u64);
            let (recorded, decided) = (recorded.get(at).cloned(), turn.events.get(at).cloned());
            return Ok(Replayed::Different { seq, recorded, decided });
        }
        state = turn.state;
        turns += 1;
    }
    Ok(Replayed::Same { turns })
}

fn difference(recorded: &[Body], decided: &[Body]) -> Option<usize> {
    let longer = recorded.len().max(decided.len());
    (0..longer).find(|at| recorded.get(*at) != decided.get(*at))
}
