//! One suite for each port, run over every adapter of it, the fake included.

mod blobs;
mod both;
mod journal;
mod records;
