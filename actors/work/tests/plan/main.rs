//! Plans in a simulated world: what they record and what they do outside, whatever breaks.

mod course;
mod rounds;
mod stage;
