//! Chance from a seed.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::time::Dice;

/// The step of the sequence; odd, so that it visits every number before it repeats.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Dice that fall the same way for the same seed.
#[derive(Debug)]
pub struct SeededDice {
    at: AtomicU64,
}

impl SeededDice {
    pub fn new(seed: u64) -> Self {
        SeededDice { at: AtomicU64::new(seed) }
    }

    /// Dice of their own for whoever has this name, so that nobody's rolls shift another's.
    pub(super) fn of(seed: u64, name: &str) -> Self {
        let named = name.bytes().fold(seed, |mixed, byte| mix(mixed ^ u64::from(byte)));
        SeededDice::new(named)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, bound: u64) -> u64 {
        // The high half of the product: even enough for any bound that a test has.
        ((u128::from(self.roll()) * u128::from(bound)) >> 64) as u64
    }

    /// One of these.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        match from.len() {
            0 => None,
            length => from.get(self.below(length as u64) as usize),
        }
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> u64 {
        mix(self.at.fetch_add(STEP, Ordering::Relaxed))
    }
}

/// Spreads a change of any bit over all of them.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_every_roll() {
        let rolls = |seed, name| {
            let dice = SeededDice::of(seed, name);
            [dice.roll(), dice.roll(), dice.below(10)]
        };
        assert_eq!(rolls(7, "a"), rolls(7, "a"));
        assert_ne!(rolls(7, "a"), rolls(8, "a"));
        assert_ne!(rolls(7, "a"), rolls(7, "b"));
    }

    #[test]
    fn every_number_below_the_bound_falls() {
        let dice = SeededDice::new(1);
        let mut seen = [0_u32; 6];
        for _ in 0..600 {
            seen[dice.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (50..=150).contains(count)), "{seen:?}");
    }
}
