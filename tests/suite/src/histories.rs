//! Random histories of supervision, in simulated time, held to what every trace must hold.

use std::sync::Mutex;

use kit::history::replay::replay_simulated;
use kit::history::{generate, trial};

/// Another seed sees other histories: `loadtest histories --seed N` runs as many as one likes.
const SEED: u64 = 1;
const COUNT: u64 = 5_000;
const THREADS: u64 = 2;
/// More would only hide the first.
const SHOWN_MAX: usize = 3;

#[test]
fn random_histories_break_no_condition() {
    println!("{COUNT} histories from seed {SEED}");
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (broken, seeds) = (&broken, SEED + thread..SEED + COUNT);
            scope.spawn(move || {
                for seed in seeds.step_by(THREADS as usize) {
                    if let Err(failure) = trial(seed) {
                        broken.lock().expect("nobody panics with it").push(failure);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("nobody panics with it");
    let shown: Vec<String> = broken.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{} of {COUNT} histories:\n{}", broken.len(), shown.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in SEED..SEED + 200 {
        let [one, other] = [(), ()].map(|()| replay_simulated(&generate(seed)));
        let one = one.expect("a history plays to its end");
        assert_eq!(one, other.expect("a history plays to its end"), "seed {seed}");
    }
}
