//! Conditions on the order of starts and stops.

use super::episode::Episode;
use super::life::{Item, What};
use super::{Verdict, broken};

/// Siblings are started in the order of their specifications; a failure begins anew.
pub(super) fn starts_from_left_to_right(episode: &Episode<'_, '_>) -> Verdict {
    for pair in episode.items().windows(2) {
        let [one, next] = pair else { continue };
        let both = one.what == What::Up && next.is_attempt();
        if both && next.place <= one.place {
            let what = format!("{} comes before {}", next.id, one.id);
            return broken("starts go from left to right", next.line, what);
        }
    }
    Ok(())
}

/// Siblings are stopped in reverse; those of one template know no order.
pub(super) fn stops_from_right_to_left(episode: &Episode<'_, '_>) -> Verdict {
    if episode.life.is_simple() {
        return Ok(());
    }
    for pair in episode.items().windows(2) {
        let [one, next] = pair else { continue };
        let both = one.is_asked_end() && Item::is_asked_end(next);
        if both && one.place <= next.place {
            let what = format!("{} goes before {}", next.id, one.id);
            return broken("stops go from right to left", next.line, what);
        }
    }
    Ok(())
}
