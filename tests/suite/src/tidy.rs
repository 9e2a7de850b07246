//! The truths of the house that no lint can check, as ordinary tests.
//!
//! Each test gathers every breach before it fails, and says what to do about them. The tables are
//! data: a new package or a new dependency is a new row in `imports.rs` or `owners.rs`.

mod errors;
mod graph;
mod imports;
mod layout;
mod licences;
mod links;
mod manifests;
mod owners;
mod repository;
mod sources;

/// Fails with all breaches at once, and with the way out.
fn demand(breaches: &[String], remedy: &str) {
    assert!(
        breaches.is_empty(),
        "{} found:\n  {}\nWhat to do: {remedy}",
        breaches.len(),
        breaches.join("\n  "),
    );
}
