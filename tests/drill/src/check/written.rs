//! Whether a workflow has gone the way that its people have allowed, and nothing beyond it.

use std::collections::{BTreeMap, BTreeSet};

use domain::approval::Verdict;
use domain::id::Address;
use work::plan::wire::Begun;
use work::plan::{Ending, Event, Outcome};

use super::{Happened, Rule, Violation};
use crate::script;
use crate::trail::Said;

/// What came of the look.
pub(super) struct Way {
    pub(super) expected: Outcome,
    pub(super) found: Vec<Violation>,
}

/// What a person was asked, and what became of it.
struct Seal<'a> {
    step: &'a str,
    digest: &'a str,
    verdict: Option<Verdict>,
}

struct Judge<'a> {
    plan: Address,
    /// Of what each step does.
    digests: BTreeMap<&'a str, &'a str>,
    /// By their numbers.
    seals: BTreeMap<u32, Seal<'a>>,
    /// What was done, in this order.
    done: Vec<&'a str>,
    signals: usize,
    is_undoing: bool,
    found: Vec<Violation>,
}

pub(super) fn judge(plan: Address, history: &[Happened], said: impl Iterator<Item = Said>) -> Way {
    let (digests, seals) = (BTreeMap::new(), BTreeMap::new());
    let (done, found) = (Vec::new(), Vec::new());
    let mut judge = Judge { plan, digests, seals, done, signals: 0, is_undoing: false, found };
    history.iter().for_each(|happened| judge.hear(&happened.event));
    judge.judge_told(said);
    let expected = judge.judge_done();
    if judge.signals > 1 {
        judge.find(Rule::OneCommand, format!("was signaled {} times", judge.signals));
    }
    Way { expected, found: judge.found }
}

impl<'a> Judge<'a> {
    fn find(&mut self, rule: Rule, what: String) {
        self.found.push(Violation { rule, what: format!("{} {what}", self.plan) });
    }

    fn hear(&mut self, event: &'a Event) {
        match event {
            Event::Opened(opened) => {
                let tasks = opened.brief.rounds.iter().flatten();
                self.digests = tasks.map(|task| (task.id.as_str(), task.digest.as_str())).collect();
            }
            Event::Sought(sought) => {
                let seal = Seal { step: &sought.step, digest: &sought.digest, verdict: None };
                self.seals.insert(sought.number, seal);
            }
            Event::Answered(answered) => {
                let number = answered.number;
                let seal = self.seals.get_mut(&number);
                match seal.map(|seal| seal.verdict.replace(answered.verdict)) {
                    Some(None) => {}
                    Some(Some(_)) => {
                        self.find(Rule::OneAnswer, format!("has two answers to {number}"));
                    }
                    None => self.find(Rule::OneAnswer, format!("never sought {number}")),
                }
            }
            Event::Begun(begun) => self.judge_begun(begun),
            Event::Ended(ended) if matches!(ended.ending, Ending::Done(_)) => {
                self.done.push(&ended.step);
            }
            Event::Settled(settled) if settled.happened => self.done.push(&settled.step),
            Event::Signaled(_) => self.signals += 1,
            Event::Undoing(_) => {
                if std::mem::replace(&mut self.is_undoing, true) {
                    self.find(Rule::TakenBack, "takes all back twice".to_owned());
                }
            }
            Event::Planned(_)
            | Event::Ended(_)
            | Event::Rested(_)
            | Event::Doubted(_)
            | Event::Checking(_)
            | Event::Unclear(_)
            | Event::Asked(_)
            | Event::Settled(_)
            | Event::Given(_)
            | Event::Reused(_)
            | Event::Paused(_)
            | Event::Resumed(_)
            | Event::Cancelling(_)
            | Event::Closed(_) => {}
        }
    }

    fn judge_begun(&mut self, begun: &Begun) {
        let step = begun.step.as_str();
        if step.ends_with("~undo") != self.is_undoing {
            self.find(Rule::TakenBack, format!("begins {step} at the wrong end"));
        }
        let is_allowed = begun.approval.map(|number| {
            let seal = self.seals.get(&number);
            let filled = begun.filled.as_ref().map(|filled| filled.digest.as_str());
            let digest = filled.or_else(|| self.digests.get(step).copied());
            seal.is_some_and(|seal| {
                let is_granted = seal.verdict == Some(Verdict::Granted);
                is_granted && seal.step == step && digest == Some(seal.digest)
            })
        });
        if is_allowed.unwrap_or(!script::ASKED.contains(&step)) {
            return;
        }
        self.find(Rule::Allowed, format!("begins {step} by {:?}", begun.approval));
    }

    /// Of each approval everybody hears what is recorded, and one of them that it was they.
    fn judge_told(&mut self, said: impl Iterator<Item = Said>) {
        let mut firsts: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for said in said {
            let Said::Told { number, by, verdict, is_first } = said else { continue };
            let recorded = self.seals.get(&number).and_then(|seal| seal.verdict);
            if recorded != Some(verdict) {
                let what = format!("said that {number} is {verdict:?}, and it is {recorded:?}");
                self.find(Rule::OneAnswer, what);
            }
            if is_first {
                firsts.entry(number).or_default().insert(by);
            }
        }
        for (number, by) in firsts.into_iter().filter(|(_, by)| 1 < by.len()) {
            self.find(
                Rule::OneAnswer,
                format!("said of {number} to all of {by:?} that it was they"),
            );
        }
    }

    /// All up to the first no, or to the last step if that fails; then what takes it back.
    fn judge_done(&mut self) -> Outcome {
        let is_denied = |step: &str| {
            let mut seals = self.seals.values().filter(|seal| seal.step == step);
            seals.next_back().is_some_and(|seal| seal.verdict != Some(Verdict::Granted))
        };
        let fails = |step: &str| step == "last" && script::fails(script::number(self.plan));
        let goes_well = |step: &&str| !is_denied(step) && !fails(step);
        let forth: Vec<&str> = script::STEPS.into_iter().take_while(goes_well).collect();
        let is_whole = forth.len() == script::STEPS.len();
        let back = forth.iter().rev().filter(|step| !is_whole && script::TAKEN_BACK.contains(step));
        let back: Vec<String> = back.map(|step| format!("{step}~undo")).collect();
        let expected: Vec<&str> =
            forth.iter().copied().chain(back.iter().map(String::as_str)).collect();
        if self.done != expected {
            let what = format!("has done {:?}, not {expected:?}", self.done);
            self.find(Rule::TakenBack, what);
        }
        if is_whole { Outcome::Completed } else { Outcome::Failed }
    }
}
