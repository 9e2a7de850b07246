//! Dice that a seed decides, as a port.

use std::sync::Mutex;

use domain::time::Dice;

use super::boot::lock;
use crate::chance::Chance;

/// Dice that fall the same way for the same seed.
#[derive(Debug)]
pub struct SeededDice(Mutex<Chance>);

impl SeededDice {
    pub fn new(seed: u64) -> Self {
        SeededDice(Mutex::new(Chance::new(seed)))
    }

    /// Dice of their own for whoever has this name, so that nobody's rolls shift another's.
    pub(super) fn of(seed: u64, name: &str) -> Self {
        let mix = |mixed: u64, byte| Chance::new(mixed ^ u64::from(byte)).bits();
        SeededDice::new(name.bytes().fold(seed, mix))
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, bound: u64) -> u64 {
        lock(&self.0).below(bound)
    }

    /// One of these; nothing where there is none.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| lock(&self.0).pick(of))
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> u64 {
        lock(&self.0).bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_decide_every_roll() {
        let rolls = |seed, name| {
            let dice = SeededDice::of(seed, name);
            [dice.roll(), dice.roll(), dice.below(10)]
        };
        assert_eq!(rolls(7, "a"), rolls(7, "a"));
        assert_ne!(rolls(7, "a"), rolls(8, "a"));
        assert_ne!(rolls(7, "a"), rolls(7, "b"));
    }
}
