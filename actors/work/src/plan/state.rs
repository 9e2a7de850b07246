//! What a plan knows of itself: the fold of its events.

use std::collections::VecDeque;

use domain::id::Address;
use domain::time::Timestamp;

use super::WAIT;
use super::wire::{
    Asked, Begun, By, Cancelling, Caps, Checking, Doubted, Ended, Ending, Event, Opened, Outcome,
    Rested, Settled, Task, Then, Unclear,
};

#[derive(Debug, Default)]
pub struct State {
    /// Nothing before it was opened.
    pub(super) work: Option<Work>,
}

#[derive(Debug)]
pub(super) struct Work {
    /// Who hears of its end.
    pub(super) by: Option<Address>,
    pub(super) caps: Caps,
    /// Those that were not taken up yet.
    pub(super) rounds: VecDeque<Vec<Task>>,
    pub(super) planned: u32,
    /// Rounds in a row that held nothing new, and what was new so far.
    pub(super) idle_rounds: u32,
    pub(super) seen: Vec<String>,
    /// By id: the order in which they are looked at is the same in every life. No map, since most
    /// plans have a handful, and the smallest of maps has room for eleven.
    pub(super) steps: Vec<Step>,
    /// Of those, looked at in every turn.
    unended: usize,
    failed: usize,
    pub(super) cancelling: Option<Cancelling>,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) task: Task,
    /// Attempts that were begun; the one a crash has cut off counts once.
    pub(super) attempt: u32,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// For others, for a permit, or for this moment.
    Waiting {
        not_before: Option<Timestamp>,
    },
    Running {
        until: Timestamp,
    },
    /// Nobody knows what became of it, and until then somebody may be at it.
    InDoubt {
        evidence: String,
        until: Timestamp,
        then: Then,
        is_spent: bool,
        /// How often its check was asked.
        looks: u32,
    },
    /// Its check is asked for this many times now.
    Checking {
        evidence: String,
        look: u32,
        is_spent: bool,
    },
    /// A person is asked.
    Asked {
        until: Timestamp,
        is_spent: bool,
    },
    /// It was found not to have happened.
    Absent {
        evidence: String,
        is_spent: bool,
        not_before: Option<Timestamp>,
    },
    Ended(Fate),
}

/// How a step has ended, as far as the others care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Failed,
    Skipped,
    Stopped,
}

impl Step {
    fn new(task: Task) -> Self {
        Step { task, attempt: 0, phase: Phase::Waiting { not_before: None } }
    }

    pub(super) fn fate(&self) -> Option<Fate> {
        match self.phase {
            Phase::Ended(fate) => Some(fate),
            Phase::Waiting { .. }
            | Phase::Running { .. }
            | Phase::InDoubt { .. }
            | Phase::Checking { .. }
            | Phase::Asked { .. }
            | Phase::Absent { .. } => None,
        }
    }

    /// Whether the thing it locks may not be touched by others: it is at it, or may be.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Waiting { .. } | Phase::Ended(_))
    }
}

impl State {
    pub(super) fn apply(&mut self, event: &Event) {
        match (event, &mut self.work) {
            (Event::Opened(Opened { by, brief }), work) => {
                *work = Some(Work {
                    by: *by,
                    caps: brief.caps.clone(),
                    rounds: brief.rounds.iter().cloned().collect(),
                    planned: 0,
                    idle_rounds: 0,
                    seen: Vec::new(),
                    steps: Vec::new(),
                    unended: 0,
                    failed: 0,
                    cancelling: None,
                    outcome: None,
                });
            }
            (event, Some(work)) => work.apply(event),
            // Its history begins with its opening; whatever else it may be is no reason to stop.
            (_, None) => {}
        }
    }
}

impl Work {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Opened(_) => {}
            Event::Planned(_) => self.plan(),
            Event::Cancelling(cancelling) => self.cancelling = Some(cancelling.clone()),
            Event::Closed(closed) => self.outcome = Some(closed.outcome),
            Event::Begun(Begun { step, attempt, until }) => {
                self.at(step, |step| {
                    step.attempt = *attempt;
                    step.phase = Phase::Running { until: *until };
                });
            }
            Event::Ended(Ended { step, ending, .. }) => {
                let fate = match ending {
                    Ending::Done(_) => Fate::Done,
                    Ending::Failed(_) => Fate::Failed,
                    Ending::Skipped(_) => Fate::Skipped,
                    Ending::Stopped(_) => Fate::Stopped,
                };
                self.at(step, |step| step.phase = Phase::Ended(fate));
            }
            Event::Rested(Rested { step, until, .. }) => {
                self.at(step, |step| step.phase = Phase::Waiting { not_before: Some(*until) });
            }
            Event::Doubted(Doubted { step, evidence, until, then, spent, .. }) => {
                let (until, then, is_spent) = (*until, *then, *spent);
                let evidence = evidence.clone();
                self.at(step, |step| {
                    step.phase = Phase::InDoubt { evidence, until, then, is_spent, looks: 0 };
                });
            }
            Event::Unclear(Unclear { step, look, until, .. }) => {
                let (until, looks) = (*until, *look);
                self.at(step, |step| {
                    let (evidence, is_spent) = step.doubt();
                    let then = Then::Check;
                    step.phase = Phase::InDoubt { evidence, until, then, is_spent, looks };
                });
            }
            Event::Checking(Checking { step, look }) => {
                self.at(step, |step| {
                    let (evidence, is_spent) = step.doubt();
                    step.phase = Phase::Checking { evidence, look: *look, is_spent };
                });
            }
            Event::Asked(Asked { step, until, .. }) => {
                self.at(step, |step| {
                    let (_, is_spent) = step.doubt();
                    step.phase = Phase::Asked { until: *until, is_spent };
                });
            }
            Event::Settled(Settled { step, happened, by, evidence, until }) => {
                let evidence = match by {
                    By::Check => evidence.clone(),
                    By::Person => "a person said that it did not happen".to_owned(),
                };
                self.at(step, |step| {
                    let (_, is_spent) = step.doubt();
                    // Whoever says so wants it done, however often it was tried.
                    let is_spent = is_spent && *by == By::Check;
                    step.phase = match happened {
                        true => Phase::Ended(Fate::Done),
                        false => Phase::Absent { evidence, is_spent, not_before: *until },
                    };
                });
            }
        }
    }

    fn plan(&mut self) {
        self.planned += 1;
        let round = self.rounds.pop_front().unwrap_or_default();
        // Who waits and looks again does something else each time.
        let is_new = |task: &Task| task.tool == WAIT || !self.seen.contains(&task.digest);
        let is_new = round.iter().any(is_new);
        self.idle_rounds = if is_new { 0 } else { self.idle_rounds + 1 };
        self.steps.reserve_exact(round.len());
        for task in round {
            if !self.seen.contains(&task.digest) {
                self.seen.push(task.digest.clone());
            }
            self.unended += 1;
            match self.place(&task.id) {
                Ok(place) => {
                    let before = std::mem::replace(&mut self.steps[place], Step::new(task));
                    self.count_no_more(before.fate());
                }
                Err(place) => self.steps.insert(place, Step::new(task)),
            }
        }
    }

    pub(super) fn step(&self, id: &str) -> Option<&Step> {
        self.place(id).ok().map(|place| &self.steps[place])
    }

    fn place(&self, id: &str) -> Result<usize, usize> {
        self.steps.binary_search_by(|step| step.task.id.as_str().cmp(id))
    }

    fn at(&mut self, id: &str, change: impl FnOnce(&mut Step)) {
        let Ok(place) = self.place(id) else { return };
        let step = &mut self.steps[place];
        let before = step.fate();
        change(step);
        let after = step.fate();
        self.unended += usize::from(after.is_none());
        self.failed += usize::from(after == Some(Fate::Failed));
        self.count_no_more(before);
    }

    fn count_no_more(&mut self, fate: Option<Fate>) {
        self.unended -= usize::from(fate.is_none());
        self.failed -= usize::from(fate == Some(Fate::Failed));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Whether all steps of all rounds so far have ended.
    pub(super) fn has_nothing_left(&self) -> bool {
        self.unended == 0
    }
}

impl Step {
    /// Whether the attempt that is in doubt counts.
    pub(super) fn is_spent(&self) -> bool {
        self.doubt().1
    }

    /// What is known of a step in doubt, and whether its attempt is spent.
    fn doubt(&self) -> (String, bool) {
        match &self.phase {
            Phase::InDoubt { evidence, is_spent, .. }
            | Phase::Checking { evidence, is_spent, .. }
            | Phase::Absent { evidence, is_spent, .. } => (evidence.clone(), *is_spent),
            Phase::Asked { is_spent, .. } => (String::new(), *is_spent),
            Phase::Waiting { .. } | Phase::Running { .. } | Phase::Ended(_) => {
                (String::new(), false)
            }
        }
    }
}
