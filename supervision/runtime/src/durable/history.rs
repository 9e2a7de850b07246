//! The whole history of an entity, for those who only look: nobody is woken or waited for.

use domain::BoxError;
use domain::id::Address;
use domain::journal::{Error, Journal, Recorded, Seq};
use domain::time::Timestamp;
use domain::wire::Written;

use super::entity::Entity;

/// The events one read brings.
pub(super) const PAGE: u32 = 1_024;

/// Something that an entity has recorded, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past<V> {
    pub seq: Seq,
    pub at: Timestamp,
    pub event: V,
}

/// Everything that an entity has recorded: committed, never ahead.
pub async fn past<E: Entity>(
    journal: &dyn Journal,
    address: Address,
) -> Result<Vec<Past<E::Event>>, BoxError> {
    let read = |recorded: Recorded| {
        let event = E::Event::read(&recorded.body)?;
        Ok(Past { seq: recorded.seq, at: recorded.at, event })
    };
    whole(journal, address).await?.into_iter().map(read).collect()
}

pub(super) async fn whole(journal: &dyn Journal, address: Address) -> Result<Vec<Recorded>, Error> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Seq(0), |event| event.seq);
        let page = journal.history(address, after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        events.extend(page);
        if is_last {
            return Ok(events);
        }
    }
}
