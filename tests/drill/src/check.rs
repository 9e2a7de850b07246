//! The checker: what the ledger, the trail and the store say of each other. Pure.
//!
//! Nothing that a node says of itself counts: the ledger knows what has happened, the trail what
//! was acknowledged, the store what is recorded, and the three must agree.

mod story;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::id::Address;
use domain::records::State;
use domain::tool::Effect;
use work::plan::{Event, Outcome};

use self::story::{Story, stories};
use crate::ledger::Entry;
use crate::script;
use crate::trail::Said;

/// Everything that a drill has left behind.
#[derive(Debug, Default)]
pub struct Evidence {
    pub ledger: Vec<Entry>,
    /// In the order in which it was said.
    pub trail: Vec<(Address, Said)>,
    pub plans: BTreeMap<Address, Record>,
    /// Processes that nobody has ended.
    pub left_over: Vec<u32>,
}

/// What the store holds of one plan.
#[derive(Debug)]
pub struct Record {
    pub state: State,
    /// Its history, or why it cannot be read.
    pub history: Result<Vec<Happened>, String>,
    /// Where deciding it again comes to something else.
    pub differs: Option<String>,
}

#[derive(Debug)]
pub struct Happened {
    pub seq: u64,
    pub epoch: u64,
    pub event: Event,
}

/// A promise that may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// What was accepted is in the store.
    Accepted,
    /// The same key twice is one command.
    OneCommand,
    /// What was acknowledged to a writer is in the store.
    Kept,
    /// Whoever is superseded writes no more.
    OneWriter,
    /// A history has no gaps.
    NoGaps,
    /// What cannot be read is put aside, and nothing else is.
    PutAside,
    /// What is accepted ends, as its people have answered, and does all of its work.
    Ended,
    /// A history that is decided again comes to the same.
    Replayed,
    /// Nothing is asked of the world that was not recorded before, each time.
    Intended,
    /// Nothing is begun again without a reason in the history.
    Explained,
    /// What is recorded as done has happened.
    NotLost,
    /// What must not happen twice has not.
    Once,
    /// Nothing is begun that somebody should have allowed and has not, exactly it, for this once.
    Allowed,
    /// An approval has one answer, and everybody is told the same.
    OneAnswer,
    /// What was done is taken back, each once and the last first, if its plan does not complete.
    TakenBack,
    /// The ledger knows no key that no step has.
    OwnKeys,
    /// Nobody outlives a node that was killed.
    NothingLeft,
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

/// All that is wrong.
pub fn judge(evidence: &Evidence) -> Vec<Violation> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for entry in &evidence.ledger {
        match entry {
            Entry::Request(key) => counts.entry(key).or_default().requests += 1,
            Entry::Effect(key) => counts.entry(key).or_default().effects += 1,
        }
    }
    let mut court = Court { evidence, counts, begun: BTreeMap::new(), found: Vec::new() };
    court.judge_clients();
    court.judge_writers();
    for (plan, record) in &evidence.plans {
        court.judge_plan(*plan, record);
    }
    court.judge_effects();
    for pid in &evidence.left_over {
        court.find(Rule::NothingLeft, format!("process {pid}"));
    }
    court.found
}

/// How many steps of such plans were under way when their node was killed, as the plans have it.
pub fn doubts(evidence: &Evidence, is_meant: impl Fn(Address) -> bool) -> usize {
    let plans = evidence.plans.iter().filter(|(plan, _)| is_meant(**plan));
    let histories = plans.filter_map(|(_, record)| record.history.as_ref().ok());
    histories.flatten().filter(|happened| matches!(happened.event, Event::Doubted(_))).count()
}

/// The key under which a step is known to the ledger.
fn key(plan: Address, step: &str) -> String {
    format!("{plan}/{step}")
}

/// What the ledger says of one key.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    requests: usize,
    effects: usize,
}

struct Court<'a> {
    evidence: &'a Evidence,
    counts: BTreeMap<&'a str, Counts>,
    /// How often each step was begun, by its key.
    begun: BTreeMap<String, usize>,
    found: Vec<Violation>,
}

impl Court<'_> {
    fn find(&mut self, rule: Rule, what: String) {
        self.found.push(Violation { rule, what });
    }

    fn judge_clients(&mut self) {
        let mut taken: BTreeMap<(Address, bool), BTreeSet<i64>> = BTreeMap::new();
        for (plan, said) in &self.evidence.trail {
            let Said::Accepted { again, ordinal } = *said else { continue };
            taken.entry((*plan, again)).or_default().extend(ordinal);
        }
        for ((plan, _), ordinals) in taken {
            if !self.evidence.plans.contains_key(&plan) {
                self.find(Rule::Accepted, format!("{plan} was accepted and is nowhere"));
            }
            if ordinals.len() > 1 {
                self.find(Rule::OneCommand, format!("{plan} was taken as {ordinals:?}"));
            }
        }
    }

    fn judge_writers(&mut self) {
        let mut claimed: BTreeMap<Address, u64> = BTreeMap::new();
        for (entity, said) in &self.evidence.trail {
            match *said {
                Said::Accepted { .. } | Said::Told { .. } => {}
                Said::Claimed(epoch) => {
                    let before = claimed.insert(*entity, epoch).unwrap_or_default();
                    if epoch <= before {
                        let what = format!("{entity} was claimed as {before} and then as {epoch}");
                        self.find(Rule::OneWriter, what);
                    }
                }
                Said::Recorded { epoch, head } => {
                    let owner = claimed.get(entity).copied().unwrap_or_default();
                    if epoch < owner {
                        let what = format!("{entity} was recorded under {epoch} after {owner}");
                        self.find(Rule::OneWriter, what);
                    }
                    self.judge_kept(*entity, epoch, head);
                }
            }
        }
    }

    fn judge_kept(&mut self, entity: Address, epoch: u64, head: u64) {
        let record = self.evidence.plans.get(&entity);
        let Some(Ok(history)) = record.map(|record| &record.history) else { return };
        let last = history.iter().rfind(|happened| happened.seq <= head);
        // A turn without events stands on those of an earlier one.
        if head > 0 && last.is_none_or(|last| last.seq < head || last.epoch > epoch) {
            let what = format!("{entity} was recorded up to {head} under {epoch}, and is not");
            self.find(Rule::Kept, what);
        }
    }

    fn judge_plan(&mut self, plan: Address, record: &Record) {
        let history = match (&record.history, record.state) {
            (Err(_), State::Quarantined) => return,
            (Err(why), state) => {
                let what = format!("{plan} is {} and cannot be read: {why}", state.name());
                return self.find(Rule::PutAside, what);
            }
            (Ok(_), State::Quarantined) => {
                return self.find(Rule::PutAside, format!("{plan} is put aside and can be read"));
            }
            (Ok(history), State::Open | State::Closed) => history,
        };
        let gap = (1..).zip(history).find(|(expected, happened)| happened.seq != *expected);
        if let Some((expected, _)) = gap {
            self.find(Rule::NoGaps, format!("{plan} has no event {expected}"));
        }
        let epochs = history.windows(2).find(|two| two[1].epoch < two[0].epoch);
        if let Some([_, late]) = epochs {
            let what = format!("{plan} has an event {} of epoch {}", late.seq, late.epoch);
            self.find(Rule::OneWriter, what);
        }
        let expected = self.judge_way(plan, history);
        match history.last().map(|happened| &happened.event) {
            Some(Event::Closed(closed)) if closed.outcome == expected => {}
            Some(Event::Closed(closed)) => {
                let what = format!("{plan} came to {:?}: {:?}", closed.outcome, closed.reason);
                self.find(Rule::Ended, what);
            }
            last => {
                let last = last.map_or("nothing".to_owned(), |event| format!("{event:?}"));
                self.find(Rule::Ended, format!("{plan} has not ended after {last}"));
            }
        }
        if let Some(how) = &record.differs {
            self.find(Rule::Replayed, format!("{plan}: {how}"));
        }
        for (step, story) in stories(history) {
            self.judge_step(&key(plan, step), step, &story);
        }
    }

    /// Returns what it should have come to.
    fn judge_way(&mut self, plan: Address, history: &[Happened]) -> Outcome {
        if !script::is_written(script::number(plan)) {
            return Outcome::Completed;
        }
        let said = self.evidence.trail.iter().filter(|(to, _)| *to == plan);
        let way = written::judge(plan, history, said.map(|(_, said)| *said));
        self.found.extend(way.found);
        way.expected
    }

    fn judge_step(&mut self, key: &str, step: &str, story: &Story) {
        for what in &story.unexplained {
            self.find(Rule::Explained, format!("{key} {what}"));
        }
        let Some(effect) = script::effect(step) else { return };
        let Counts { requests, effects } = self.counts.get(key).copied().unwrap_or_default();
        self.begun.insert(key.to_owned(), story.begun);
        if effect == Effect::Unsafe && requests > 1 + story.absent {
            let what = format!("{key} was asked for {requests} times");
            self.find(Rule::Once, format!("{what}, and found missing {}", story.absent));
        }
        let is_lost = match effect {
            Effect::None => requests == 0,
            Effect::Idempotent | Effect::Keyed | Effect::Unsafe => effects == 0,
        };
        if story.is_done && is_lost {
            self.find(Rule::NotLost, format!("{key} is done, and has not happened"));
        }
    }

    /// Whatever the histories say: the world alone tells of what happened too often, or unasked.
    fn judge_effects(&mut self) {
        for (key, Counts { requests, effects }) in std::mem::take(&mut self.counts) {
            let (plan, step) = key.split_once('/').unwrap_or_default();
            let plan = plan.parse().ok().and_then(|plan: Address| self.evidence.plans.get(&plan));
            let (Some(plan), Some(effect)) = (plan, script::effect(step)) else {
                self.find(Rule::OwnKeys, format!("nobody has a step {key}"));
                continue;
            };
            let begun = self.begun.get(key).copied().unwrap_or_default();
            if plan.history.is_ok() && requests > begun {
                let what = format!("{key} was asked for {requests} times and begun {begun}");
                self.find(Rule::Intended, what);
            }
            let most = match effect {
                Effect::None => 0,
                Effect::Keyed | Effect::Unsafe => 1,
                Effect::Idempotent => usize::MAX,
            };
            if effects > most {
                self.find(Rule::Once, format!("{key} has happened {effects} times"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
