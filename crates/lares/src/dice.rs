//! Chance, from the operating system.

use std::sync::{Mutex, PoisonError};

use domain::time::Dice;
use domain::token::Token;

/// How many rolls one question to the system is good for.
const ROLLS: usize = 64;

/// The bytes of a token: as many as nobody can guess.
const TOKEN_BYTES: usize = 32;

/// The dice of the product: the system's randomness, fetched for many rolls at once.
pub(crate) struct SystemDice {
    waiting: Mutex<Vec<u64>>,
}

impl SystemDice {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(Vec::new()) }
    }
}

impl Dice for SystemDice {
    fn roll(&self) -> u64 {
        // A panic while it was held left a shorter list at worst.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            let mut bytes = [0; ROLLS * size_of::<u64>()];
            fill(&mut bytes);
            let (words, _rest) = bytes.as_chunks();
            waiting.extend(words.iter().copied().map(u64::from_ne_bytes));
        }
        waiting.pop().expect("it was just filled")
    }
}

/// A new token, in hexadecimal digits.
pub(crate) fn token() -> Token {
    let mut bytes = [0; TOKEN_BYTES];
    fill(&mut bytes);
    Token::new(bytes.map(|byte| format!("{byte:02x}")).concat())
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("every system this runs on has randomness once it has booted");
}
