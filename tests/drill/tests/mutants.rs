//! The checker, judged: each promise is broken on purpose, and it must be noticed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::mutants::Mutant;
use drill::check::{self, Rule};
use drill::kill::{self, Options};

const PROGRAM: &str = env!("CARGO_BIN_EXE_drill");
/// Drills until what only some moments show has shown itself.
const DRILLS_MAX: u64 = 5;

#[test]
fn a_writer_that_is_not_refused_by_its_epoch_is_noticed() {
    assert!(!of_two_writers(None).contains(&Rule::OneWriter));
    assert!(of_two_writers(Some(Mutant::NoEpochCheck)).contains(&Rule::OneWriter));
}

#[test]
fn an_answer_before_the_commit_is_noticed() {
    check(Mutant::AckBeforeCommit, &[Rule::Kept, Rule::Accepted, Rule::Intended]);
}

#[test]
fn a_key_that_is_taken_twice_is_noticed() {
    check(Mutant::NoInboxDedupe, &[Rule::OneCommand]);
}

#[test]
fn an_outcome_before_its_effect_is_noticed() {
    check(Mutant::OutcomeBeforeEffect, &[Rule::NotLost]);
}

#[test]
fn a_history_that_is_begun_afresh_is_noticed() {
    check(Mutant::EmptyOnUnreadable, &[Rule::PutAside]);
}

#[test]
fn an_unsafe_step_that_is_repeated_is_noticed() {
    check(Mutant::RepeatUnsafe, &[Rule::Once, Rule::Explained]);
}

#[test]
fn an_answer_that_counts_twice_is_noticed() {
    check(Mutant::AnswerTwice, &[Rule::OneAnswer]);
}

#[test]
fn what_is_not_taken_back_since_it_was_in_doubt_is_noticed() {
    check(Mutant::ForgetSettled, &[Rule::TakenBack]);
}

/// Some drill of this mutant breaks one of these rules.
fn check(mutant: Mutant, rules: &[Rule]) {
    let mut found = BTreeSet::new();
    for seed in 1..=DRILLS_MAX {
        let spoil = mutant == Mutant::EmptyOnUnreadable;
        // What only a doubt shows in a plan that fails needs more of both.
        let (kills, plans) = if mutant == Mutant::ForgetSettled { (3, 100) } else { (1, 20) };
        let mutant = Some(mutant);
        // A plan that is forgotten again and again never ends.
        let options = Options { kills, plans, seed, mutant, spoil, store: None, patience_s: 10 };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let report = kill::run(Path::new(PROGRAM), folder.path(), &options);
        let violations = report.expect("the drill can be run").violations;
        found.extend(violations.iter().map(|violation| violation.rule));
        if rules.iter().any(|rule| found.contains(rule)) {
            eprintln!("{mutant:?} was found by {found:?} in drill {seed}");
            return;
        }
    }
    panic!("{mutant:?} was not noticed by {rules:?}, only by {found:?}");
}

/// What is found where a superseded writer writes on.
fn of_two_writers(mutant: Option<Mutant>) -> BTreeSet<Rule> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(PROGRAM);
    command.arg("writers").arg("--folder").arg(folder.path()).stdin(Stdio::null());
    if let Some(mutant) = mutant {
        command.args(["--mutant", mutant.name()]);
    }
    assert!(command.status().expect("it can be started").success());
    let evidence = drill::gather(folder.path(), &folder.path().join("ledger"));
    let found = check::judge(&evidence.expect("it has left something"));
    found.into_iter().map(|violation| violation.rule).collect()
}
