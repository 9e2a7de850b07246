//! Looking at an entity: its history folded once more, so that nobody is woken or waited for.

use domain::BoxError;
use domain::id::Address;
use domain::journal::{Journal, Seq};
use domain::wire::Written;

use super::entity::Entity;

/// The events one read brings.
const PAGE: u32 = 1_024;

/// What this entity shows: committed, never ahead. Nothing if it has recorded nothing.
pub async fn view<E: Entity>(
    journal: &dyn Journal,
    address: Address,
) -> Result<Option<E::View>, BoxError> {
    let mut state = E::State::default();
    let mut head = Seq(0);
    loop {
        let page = journal.history(address, head, PAGE).await?;
        let Some(last) = page.last() else { break };
        let next = last.seq;
        for recorded in &page {
            E::apply(&mut state, &E::Event::read(&recorded.body)?);
        }
        head = next;
        if page.len() < PAGE as usize {
            break;
        }
    }
    Ok((head > Seq(0)).then(|| E::view(&state)))
}
