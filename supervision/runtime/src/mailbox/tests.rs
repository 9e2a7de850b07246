use std::collections::VecDeque;

use super::pieces::PIECE_MAX;
use super::*;

#[test]
fn a_message_that_does_not_fit_below_the_ceiling_keeps_out_no_other() {
    const ROUNDS: u32 = 200_000;
    let ceiling = Ceiling::new(100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                assert!(!ceiling.take(101), "it never fits");
            }
        });
        for _ in 0..ROUNDS {
            assert!(ceiling.take(100), "nobody else has anything");
            ceiling.give_back(100);
        }
    });
}

#[test]
fn the_ceiling_is_reached_and_not_passed() {
    let ceiling = Ceiling::new(100);
    assert!(ceiling.take(60) && ceiling.take(40) && ceiling.take(0));
    assert!(!ceiling.take(1) && !ceiling.take(usize::MAX));
    ceiling.give_back(40);
    assert!(ceiling.take(40));
}

#[test]
fn a_queue_in_pieces_is_a_queue() {
    let mut pieces = Pieces::new();
    let mut model = VecDeque::new();
    // Fills and empties over several pieces, with every remainder of a piece in between.
    for turn in 0..4 * PIECE_MAX {
        for item in 0..turn {
            pieces.push((turn, item));
            model.push_back((turn, item));
        }
        for _ in 0..turn.saturating_sub(turn % 3) {
            assert_eq!(pieces.pop(), model.pop_front());
        }
        assert_eq!(pieces.len(), model.len());
    }
    let left: Vec<_> = pieces.into_iter().flatten().collect();
    assert_eq!(left, Vec::from(model));
}
