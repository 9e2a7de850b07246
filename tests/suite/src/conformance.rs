//! One suite for each port, run over every adapter of it, the fake included.

mod adapters;
mod blobs;
mod copies;
mod journal;
mod leases;
mod records;
