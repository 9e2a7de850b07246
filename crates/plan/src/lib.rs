//! Plans as people write them: read, checked as a whole, and refused with every fault at once.
//!
//! Pure: text goes in, a value or a list of faults comes out. Nothing here runs anything.

pub mod graph;
pub mod script;
