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

#[test]
fn a_node_whose_journal_is_on_a_server_keeps_what_it_has_promised_as_well() {
    #[expect(clippy::disallowed_methods, reason = "drill: `tests/with-postgres` says it there")]
    let server = std::env::var("LARES_TEST_POSTGRES");
    let server = server.expect("no server is said: run this with tests/with-postgres --durable");
    let report = drill(&Options { kills: KILLS, plans: PLANS, store: Some(server), ..options() });
    eprintln!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!(report.unanswered.len(), KILLS as usize, "{report}");
    assert!(report.doubts >= DOUBTS_MIN, "{report}");
}

fn options() -> Options {
    let (mutant, store) = (None, None);
    Options { kills: 0, plans: 1, seed: 1, mutant, spoil: false, store, patience_s: 120 }
}

fn drill(options: &Options) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = Path::new(env!("CARGO_BIN_EXE_drill"));
    kill::run(program, folder.path(), options).expect("the drill can be run")
}
