//! The word that opens the door of one running node.

use serde::{Deserialize, Serialize};

/// What a caller must show to be let in.
///
/// It lives as long as its node: every start makes a new one. It has no `Debug` and no `Display`,
/// so that it reaches a log or a message only where someone writes `expose` by hand.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }

    /// The word itself, for the moment it is sent or compared.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
