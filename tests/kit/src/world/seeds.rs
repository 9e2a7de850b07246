//! Which worlds a test visits.

/// The seeds from 1 to `count`, or the one that the variable `SEED` names: so a failure is
/// replayed without changing the test.
pub fn seeds(count: u64) -> Vec<u64> {
    match asked() {
        Some(seed) => vec![seed],
        None => (1..=count).collect(),
    }
}

#[expect(clippy::disallowed_methods, reason = "kit: a person replays a seed; no product code runs")]
fn asked() -> Option<u64> {
    let text = std::env::var("SEED").ok()?;
    let seed = text.parse();
    Some(seed.unwrap_or_else(|_| panic!("SEED is `{text}`, and a seed is a whole number")))
}
