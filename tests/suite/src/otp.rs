//! The same histories on the real actors and on OTP's own supervisor: no trace may differ.

use kit::history::{against_otp, generate};

const SEED: u64 = 1;
const COUNT: u64 = 300;
/// More would only hide the first.
const SHOWN_MAX: usize = 3;

#[test]
fn otp_tells_the_same_of_every_history() {
    println!("{COUNT} histories from seed {SEED}");
    let histories: Vec<_> = (SEED..SEED + COUNT).map(generate).collect();
    let differences = match against_otp(&histories) {
        Ok(differences) => differences,
        Err(error) => panic!("{error}"),
    };
    let shown: Vec<String> = differences.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    let text = "each trace of ours on the left, OTP's on the right";
    assert!(differences.is_empty(), "{} differ; {text}:\n{}", differences.len(), shown.join("\n"));
}
