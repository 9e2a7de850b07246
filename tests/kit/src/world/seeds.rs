//! Which worlds a test visits.

/// The seeds from 1 to `count`. Without changing the test, the variable `SEED` names the only one,
/// to replay a failure, and `SEEDS` says how many, to search for one.
pub fn seeds(count: u64) -> Vec<u64> {
    match (asked("SEED"), asked("SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, more) => (1..=more.unwrap_or(count)).collect(),
    }
}

/// Whether one world alone is visited, to see what went wrong there.
pub(super) fn is_replayed() -> bool {
    asked("SEED").is_some()
}

#[expect(clippy::disallowed_methods, reason = "kit: a person asks for seeds; no product code runs")]
fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is `{text}`, which is no whole number")))
}
