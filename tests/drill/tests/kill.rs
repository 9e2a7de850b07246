//! A real node, killed at random: every accepted plan ends, and nothing is lost or done twice.

use std::path::Path;

use drill::kill::{self, Options, Report};

const KILLS: u32 = 5;
const PLANS: u32 = 500;
/// Far fewer than there are, and more than a node that does nothing would have.
const DOUBTS_MIN: usize = 50;
const DOUBTS_OF_WRITTEN_MIN: usize = 5;

#[test]
fn a_node_that_is_killed_at_random_keeps_what_it_has_promised() {
    let report = drill(&Options { kills: KILLS, plans: PLANS, ..options() });
    eprintln!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    // A drill in which nothing was under way has shown nothing.
    assert_eq!(report.unanswered.len(), KILLS as usize, "{report}");
    assert!(report.doubts >= DOUBTS_MIN, "{report}");
    assert!(report.doubts_of_written >= DOUBTS_OF_WRITTEN_MIN, "{report}");
}

#[test]
fn a_history_that_cannot_be_read_is_put_aside_and_the_others_go_on() {
    let report = drill(&Options { kills: 1, plans: 20, spoil: true, ..options() });
    assert!(report.violations.is_empty(), "{report}");
}

fn options() -> Options {
    Options { kills: 0, plans: 1, seed: 1, mutant: None, spoil: false, patience_s: 120 }
}

fn drill(options: &Options) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = Path::new(env!("CARGO_BIN_EXE_drill"));
    kill::run(program, folder.path(), options).expect("the drill can be run")
}
