//! A workflow that was denied half way, and has taken back what it had done.

use domain::approval::Verdict;
use domain::records::State;
use domain::time::Timestamp;
use domain::tool::Output;
use work::plan::wire::{Answered, Begun, Ended, Sought, Undoing};
use work::plan::{Closed, Ending, Event, Outcome};

use super::check_evidence;
use crate::check::{Evidence, Happened, Record, Rule};
use crate::ledger::Entry;
use crate::script;
use crate::trail::Said;

/// Any workflow.
const NUMBER: u32 = 5;

fn begun(step: &str, approval: Option<u32>) -> Event {
    let (step, until) = (step.to_owned(), Timestamp::from_millis(1));
    Event::Begun(Begun { step, attempt: 1, until, filled: None, approval })
}

fn done(step: &str) -> [Event; 2] {
    let ending = Ending::Done(Output::default());
    let ended = Ended { step: step.to_owned(), attempt: 1, ending };
    [begun(step, None), Event::Ended(ended)]
}

fn answered(verdict: Verdict) -> Event {
    let step = "gate".to_owned();
    Event::Answered(Answered { number: 1, step, verdict, note: None })
}

fn history() -> Vec<Event> {
    let (step, digest) = ("gate".to_owned(), "of the gate".to_owned());
    let until = Timestamp::from_millis(1);
    let sought = Event::Sought(Sought { number: 1, step, digest, about: None, args: None, until });
    let reason = Some("it was denied".to_owned());
    let outcome = Outcome::Failed;
    let undoing = Undoing { outcome, reason: reason.clone(), rolls_back: false };
    let closed = Event::Closed(Closed { outcome, reason, left: vec![] });
    let mut history: Vec<Event> = ["make", "hear", "move", "rest"].map(done).concat();
    history.extend([sought, answered(Verdict::Denied), Event::Undoing(undoing)]);
    history.extend(["move~undo", "make~undo"].map(done).concat());
    history.push(closed);
    history
}

fn evidence(history: Vec<Event>, told: &[Said]) -> Evidence {
    let plan = script::plan(NUMBER);
    let happened = |(seq, event)| Happened { seq, epoch: 1, event };
    let history = (1..).zip(history).map(happened).collect();
    let paid = ["make", "move", "move~undo", "make~undo"].map(|step| {
        let key = format!("{plan}/{step}");
        [Entry::Request(key.clone()), Entry::Effect(key)]
    });
    let record = Record { state: State::Closed, history: Ok(history), differs: None };
    Evidence {
        ledger: paid.concat(),
        trail: told.iter().map(|said| (plan, *said)).collect(),
        plans: [(plan, record)].into(),
        left_over: vec![],
    }
}

fn told(by: u32, verdict: Verdict, is_first: bool) -> Said {
    Said::Told { number: 1, by, verdict, is_first }
}

#[test]
fn what_is_denied_and_taken_back_is_not_judged() {
    let told = [told(1, Verdict::Denied, true), told(2, Verdict::Denied, false)];
    check_evidence(&evidence(history(), &told), &[]);
}

#[test]
fn an_approval_has_one_answer_for_everybody() {
    let other = told(1, Verdict::Granted, true);
    check_evidence(&evidence(history(), &[other]), &[Rule::OneAnswer]);
    let two = [told(1, Verdict::Denied, true), told(2, Verdict::Denied, true)];
    check_evidence(&evidence(history(), &two), &[Rule::OneAnswer]);
    let mut twice = history();
    twice.insert(10, answered(Verdict::Denied));
    check_evidence(&evidence(twice, &[]), &[Rule::OneAnswer]);
}

#[test]
fn what_nobody_has_allowed_is_not_begun() {
    for approval in [None, Some(1), Some(2)] {
        let mut unasked = history();
        unasked.insert(10, begun("gate", approval));
        check_evidence(&evidence(unasked, &[]), &[Rule::Allowed]);
    }
}

#[test]
fn what_was_done_is_taken_back_once_and_after_the_rest() {
    let mut kept = history();
    // The end of the last that takes something back.
    kept.remove(kept.len() - 2);
    check_evidence(&evidence(kept, &[]), &[Rule::TakenBack]);
    let mut early = history();
    let [begun, _] = done("make~undo");
    early.insert(8, begun);
    early.remove(early.len() - 3);
    check_evidence(&evidence(early, &[]), &[Rule::TakenBack]);
}
