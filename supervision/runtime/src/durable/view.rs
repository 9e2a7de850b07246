//! Looking at an entity: its history folded once more, so that nobody is woken or waited for.

use domain::BoxError;
use domain::id::Address;
use domain::journal::Journal;
use domain::wire::Written;

use super::entity::Entity;
use super::history::whole;

/// What this entity shows: committed, never ahead. Nothing if it has recorded nothing.
pub async fn view<E: Entity>(
    journal: &dyn Journal,
    address: Address,
) -> Result<Option<E::View>, BoxError> {
    let events = whole(journal, address).await?;
    let mut state = E::State::default();
    for recorded in &events {
        E::apply(&mut state, &E::Event::read(&recorded.body)?);
    }
    Ok((!events.is_empty()).then(|| E::view(&state)))
}
