//! The whole history of an entity, for those who only look.

use domain::id::Address;
use domain::journal::{Error, Journal, Recorded, Seq};

/// The events one read brings.
pub(super) const PAGE: u32 = 1_024;

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
