//! Rules that no mutant breaks, and evidence in which nothing is wrong.

mod written;

use domain::records::State;
use work::plan::{Closed, Event, Outcome};

use super::{Evidence, Happened, Record, Rule, judge};
use crate::ledger::Entry;
use crate::script;
use crate::trail::Said;

#[test]
fn what_agrees_is_not_judged() {
    check(|_| {}, &[]);
}

#[test]
fn a_plan_that_is_nowhere_was_lost() {
    check(|evidence| evidence.plans.clear(), &[Rule::Accepted]);
}

#[test]
fn a_history_that_stops_has_not_ended() {
    check(|evidence| history(evidence).clear(), &[Rule::Kept, Rule::Ended]);
}

#[test]
fn a_number_that_is_missing_is_a_gap() {
    check(|evidence| history(evidence)[0].seq = 2, &[Rule::Kept, Rule::NoGaps]);
}

#[test]
fn a_plan_that_can_be_read_is_not_put_aside() {
    let aside = |evidence: &mut Evidence| record(evidence).state = State::Quarantined;
    check(aside, &[Rule::PutAside]);
}

#[test]
fn an_epoch_that_is_claimed_twice_has_two_writers() {
    check(|evidence| evidence.trail.push((script::plan(1), Said::Claimed(1))), &[Rule::OneWriter]);
}

#[test]
fn what_no_step_has_asked_for_is_noticed() {
    let stray = |evidence: &mut Evidence| evidence.ledger.push(Entry::Effect("x/a".to_owned()));
    check(stray, &[Rule::OwnKeys]);
    let key = format!("{}/a", script::plan(1));
    let unasked = |evidence: &mut Evidence| evidence.ledger.push(Entry::Request(key));
    check(unasked, &[Rule::Intended]);
}

#[test]
fn a_process_that_lives_on_is_noticed() {
    check(|evidence| evidence.left_over.push(7), &[Rule::NothingLeft]);
}

/// Of sound evidence, once it is spoiled, these rules and no others are broken.
fn check(spoil: impl FnOnce(&mut Evidence), broken: &[Rule]) {
    let mut evidence = sound();
    spoil(&mut evidence);
    check_evidence(&evidence, broken);
}

fn check_evidence(evidence: &Evidence, broken: &[Rule]) {
    let found: Vec<Rule> = judge(evidence).iter().map(|violation| violation.rule).collect();
    assert_eq!(found, broken);
}

/// A plan without steps, accepted, recorded and closed.
fn sound() -> Evidence {
    let plan = script::plan(1);
    let event = Event::Closed(Closed { outcome: Outcome::Completed, reason: None, left: vec![] });
    let history = Ok(vec![Happened { seq: 1, epoch: 1, event }]);
    let said = [
        Said::Accepted { again: false, ordinal: Some(1) },
        Said::Claimed(1),
        Said::Recorded { epoch: 1, head: 1 },
    ];
    Evidence {
        trail: said.map(|said| (plan, said)).to_vec(),
        plans: [(plan, Record { state: State::Closed, history, differs: None })].into(),
        ..Evidence::default()
    }
}

fn record(evidence: &mut Evidence) -> &mut Record {
    evidence.plans.values_mut().next().expect("there is one plan")
}

fn history(evidence: &mut Evidence) -> &mut Vec<Happened> {
    record(evidence).history.as_mut().expect("it can be read")
}
