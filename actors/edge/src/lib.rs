//! Actors at the edge of the house: who hears the world and answers it.
//!
//! None of them touches the world itself; each works through a port of `domain`.

pub mod http;
