//! When the next portion is due, and what is worth a line.

use std::time::Duration;

use domain::records::Tidied;

/// Between two portions of which the first says that there is more: the writer is free meanwhile.
const BREATH: Duration = Duration::from_millis(20);

pub(super) fn pause(tidied: Tidied, every: Duration) -> Duration {
    if tidied.more { BREATH } else { every }
}

pub(super) fn add(gone: &mut Tidied, tidied: Tidied) {
    let Tidied { keys, entities, rows, blobs, more: _ } = tidied;
    gone.keys = gone.keys.saturating_add(keys);
    gone.entities = gone.entities.saturating_add(entities);
    gone.rows = gone.rows.saturating_add(rows);
    gone.blobs = gone.blobs.saturating_add(blobs);
}

pub(super) fn is_worth_a_line(gone: &Tidied) -> bool {
    *gone != Tidied { more: gone.more, ..Tidied::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_follow_each_other_while_there_is_more() {
        let every = Duration::from_secs(300);
        let rows = [(false, every), (true, BREATH)];
        for (more, expected) in rows {
            assert_eq!(pause(Tidied { more, ..Tidied::default() }, every), expected);
        }
    }

    #[test]
    fn what_went_is_added_up_and_nothing_is_not_told() {
        let mut gone = Tidied::default();
        assert!(!is_worth_a_line(&gone));
        add(&mut gone, Tidied { more: true, ..Tidied::default() });
        assert!(!is_worth_a_line(&gone));
        let portion = Tidied { keys: 1, entities: 2, rows: 3, blobs: u32::MAX, more: true };
        add(&mut gone, portion);
        add(&mut gone, portion);
        assert_eq!(gone, Tidied { keys: 2, entities: 4, rows: 6, blobs: u32::MAX, more: false });
        assert!(is_worth_a_line(&gone));
    }
}
