//! Where a written plan stands on its way: what was done, what was put out, what was heard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::run::Left;
use domain::tool::{Content, Output};
use serde_json::Value;

use super::step::{Fate, Step};
use crate::brief::digest;
use crate::plan::SIGNAL;
use crate::plan::args::{put, put_input};
use crate::plan::ids::{rollback_of, undo_of};
use crate::plan::wire::{self, Ending, Given, Signaled, Source, Task, Use, Way, When};

#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) ways: Vec<Way>,
    /// Whether a round that was taken up may be of use again.
    pub(crate) looks_back: bool,
    pub(crate) rollback: Vec<Task>,
    pub(crate) passes_max: u32,
    /// The round that is under way, from 0.
    pub(crate) at: Option<usize>,
    /// Of each round: how often it was taken up, how often its failure has led on, and what it
    /// came to last.
    pub(crate) passes: Vec<u32>,
    pub(crate) detours: Vec<u32>,
    pub(crate) last: Vec<Option<Past>>,
    /// Whether the last round that was not skipped went well.
    previous: Option<bool>,
    /// Whether somebody has said that it goes on where it had paused.
    pub(crate) is_resumed: bool,
    /// How often somebody has.
    pub(crate) resumed: u32,
    pub(crate) inputs: BTreeMap<String, wire::Given>,
    pub(crate) inputs_bytes_max: u64,
    /// The inputs that were given since a person has allowed to go on; nothing before the first
    /// gate.
    given_since: Option<BTreeSet<String>>,
    pub(crate) outputs: BTreeMap<String, Artifact>,
    /// What takes back what was done, in the order in which that was done.
    done: Vec<Task>,
    /// What cannot be taken back.
    pub(crate) left: Vec<Left>,
    pub(crate) signals: VecDeque<Signaled>,
    is_begun: bool,
}

/// What a step has put out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Artifact {
    /// In the store, under the hash of what it holds.
    Kept(String),
    /// What a signal has brought.
    Said(Value),
}

/// What a round came to when it was taken up last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) fate: Fate,
    pub(crate) attempts: u32,
}

impl Course {
    pub(super) fn new(course: &wire::Course, tasks: &[Vec<Task>]) -> Self {
        let rounds = course.ways.len();
        let given = |(name, value): (&String, &Value)| {
            let (name, value) = (name.clone(), value.clone());
            (name.clone(), Given { name, value, version: 1 })
        };
        Course {
            looks_back: looks_back(course, tasks),
            ways: course.ways.clone(),
            rollback: course.rollback.clone(),
            passes_max: course.passes_max,
            at: None,
            passes: vec![0; rounds],
            detours: vec![0; rounds],
            last: vec![None; rounds],
            previous: None,
            is_resumed: false,
            resumed: 0,
            inputs: course.inputs.iter().map(given).collect(),
            inputs_bytes_max: course.inputs_bytes_max.unwrap_or(u64::MAX),
            given_since: None,
            outputs: BTreeMap::new(),
            done: Vec::new(),
            left: Vec::new(),
            signals: VecDeque::new(),
            is_begun: false,
        }
    }

    /// The round that was under way has ended.
    pub(super) fn leave(&mut self, steps: &[Step]) {
        let Some(at) = self.at else { return };
        let Some(fate) = fate(steps) else { return };
        let attempts = steps.iter().map(|step| step.attempt).max().unwrap_or(0);
        self.last[at] = Some(Past { fate, attempts });
        if fate != Fate::Skipped {
            self.previous = Some(fate == Fate::Done);
        }
    }

    pub(super) fn enter(&mut self, to: usize, pass: u32) {
        let was_failure = self.at.and_then(|at| self.last[at]).map(|past| past.fate);
        if let (Some(at), Some(Fate::Failed), false) = (self.at, was_failure, self.is_resumed) {
            self.detours[at] += 1;
        }
        self.at = Some(to);
        self.is_resumed = false;
        if let Some(passes) = self.passes.get_mut(to) {
            *passes = pass;
        }
    }

    pub(super) fn begin(&mut self) {
        self.is_begun = true;
    }

    pub(super) fn resume(&mut self) {
        self.is_resumed = true;
        self.resumed += 1;
    }

    pub(super) fn hear(&mut self, signal: &Signaled) {
        self.signals.push_back(signal.clone());
    }

    pub(super) fn give(&mut self, given: &Given) {
        self.inputs.insert(given.name.clone(), given.clone());
        if let Some(given_since) = &mut self.given_since {
            given_since.insert(given.name.clone());
        }
    }

    pub(super) fn end(&mut self, step: &Step, ending: &Ending, is_undone: bool) {
        let Step { task, may_have_happened, .. } = step;
        match ending {
            Ending::Done(output) => self.take(task, output),
            Ending::Failed(failure) | Ending::Stopped(failure) => {
                let stays = task.undo.is_some() || !task.effect.is_repeatable();
                if is_undone || (*may_have_happened && stays) {
                    let (step, why) = (task.id.clone(), failure.story.clone());
                    self.left.push(Left { step, why });
                }
            }
            Ending::Skipped(_) => {}
        }
    }

    fn take(&mut self, task: &Task, output: &Output) {
        if let Some(name) = task.signal() {
            let heard = self.signals.iter().position(|signal| signal.name == name);
            heard.and_then(|at| self.signals.remove(at));
        }
        for name in &task.outputs {
            let found = output.attachments.iter().find(|attachment| attachment.name == *name);
            let artifact = match found.map(|found| &found.content) {
                Some(Content::Kept { blob, .. }) => Artifact::Kept(blob.clone()),
                None if task.tool == SIGNAL => Artifact::Said(output.value.clone()),
                // Whoever uses it is told that it is not there: what an earlier pass has put out is
                // something else.
                Some(Content::Lost { .. } | Content::Bytes(_)) | None => {
                    self.outputs.remove(name);
                    continue;
                }
            };
            self.outputs.insert(name.clone(), artifact);
        }
    }

    /// What takes it back takes back what was done, whatever is given or put out later.
    pub(super) fn note_done(&mut self, task: &Task) {
        if let Some(undo) = &task.undo {
            let mut undo = Task { id: undo_of(&task.id), ..(**undo).clone() };
            self.bind_outputs(&mut undo);
            if undo.uses.is_empty() {
                undo.digest = digest(&undo.tool, &undo.args);
            }
            self.done.push(undo);
        }
    }

    /// From now on this is what the inputs are for a task.
    pub(super) fn bind_inputs(&self, task: &mut Task) {
        let Task { args, uses, .. } = task;
        uses.retain(|used| {
            let Some(name) = used.input() else { return true };
            if let Some(given) = self.inputs.get(name) {
                put_input(args, &used.at, &given.value);
            }
            false
        });
    }

    fn bind_outputs(&self, task: &mut Task) {
        let Task { args, uses, .. } = task;
        uses.retain_mut(|used| {
            let Source::Output(name) = &used.of else { return true };
            match self.outputs.get(name) {
                Some(Artifact::Said(value)) => {
                    put(args, &used.at, value.clone());
                    false
                }
                Some(Artifact::Kept(blob)) => {
                    used.of = Source::Kept(blob.clone());
                    true
                }
                // What others put out under its name later is something else.
                None => {
                    used.of = Source::Lost(name.clone());
                    true
                }
            }
        });
    }

    /// The rounds that may be taken up from here, by all ways that are written down.
    pub(crate) fn ahead(&self) -> BTreeSet<usize> {
        let mut ahead = BTreeSet::new();
        let mut looks: Vec<usize> = self.at.map_or(vec![0], |at| self.next(at).collect());
        while let Some(at) = looks.pop() {
            if at < self.ways.len() && ahead.insert(at) {
                looks.extend(self.next(at));
            }
        }
        ahead
    }

    fn next(&self, at: usize) -> impl Iterator<Item = usize> {
        let way = self.ways.get(at).copied();
        way.into_iter().flat_map(move |way| ends(at, way))
    }

    /// What a gate allows is what comes after it, with what the run is given by then.
    pub(super) fn pass_gate(&mut self) {
        self.given_since = Some(BTreeSet::new());
    }

    /// Whether somebody has allowed what comes now, and it was given something else since.
    pub(crate) fn is_other_than_allowed(&self, task: &Task) -> bool {
        let mut inputs = task.uses.iter().filter_map(Use::input);
        self.given_since.as_ref().is_some_and(|given| inputs.any(|name| given.contains(name)))
    }

    /// What the inputs of the run are now.
    pub(crate) fn given(&self) -> BTreeMap<String, Value> {
        self.inputs.iter().map(|(name, given)| (name.clone(), given.value.clone())).collect()
    }

    /// Whether there is anything to take back.
    pub(crate) fn has_to_undo(&self, rolls_back: bool) -> bool {
        !self.done.is_empty() || (rolls_back && !self.rollback.is_empty())
    }

    /// Whether anything was done that a rollback may be meant for.
    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// What takes it back: each waits for the end of the one before it, whatever that is.
    pub(super) fn undo(&mut self, rolls_back: bool) -> Vec<Task> {
        let done = std::mem::take(&mut self.done).into_iter().rev();
        let rollback = self.rollback.iter().filter(|_| rolls_back);
        let rollback = rollback.map(|task| Task { id: rollback_of(&task.id), ..task.clone() });
        let mut before: Option<String> = None;
        let in_line = |task: Task| {
            let after = before.replace(task.id.clone()).into_iter().collect();
            Task { after, ..task }
        };
        done.chain(rollback).map(in_line).collect()
    }

    /// Whether the round that is under way is to be done at all.
    pub(crate) fn holds(&self) -> Result<(), &'static str> {
        let when = self.at.and_then(|at| self.ways.get(at)).map_or(When::Always, |way| way.when);
        match (when, self.previous) {
            (When::Always, _) | (When::PreviousOk, None | Some(true)) => Ok(()),
            (When::PreviousFailed, Some(false)) => Ok(()),
            (When::PreviousOk, Some(false)) => {
                Err("it is done only if the step before it went well, and that failed")
            }
            (When::PreviousFailed, None | Some(true)) => {
                Err("it is done only if the step before it failed, and that went well")
            }
        }
    }
}

/// The rounds that a way may lead to from its own.
fn ends(at: usize, way: Way) -> impl Iterator<Item = usize> {
    [false, true].into_iter().filter_map(move |has_failed| way.leads(at, has_failed))
}

/// Whether a way leads back, or a step tells of those before it, or is waited for by name.
fn looks_back(course: &wire::Course, tasks: &[Vec<Task>]) -> bool {
    let leads_back = |(at, way): (usize, &Way)| ends(at, *way).any(|to| to <= at);
    let asks =
        |task: &Task| task.tool == SIGNAL || task.uses.iter().any(|used| used.of == Source::Story);
    course.ways.iter().enumerate().any(leads_back) || tasks.iter().flatten().any(asks)
}

/// What a round has come to.
fn fate(steps: &[Step]) -> Option<Fate> {
    let has = |fate| steps.iter().any(|step| step.fate() == Some(fate));
    [Fate::Failed, Fate::Stopped, Fate::Done, Fate::Skipped].into_iter().find(|fate| has(*fate))
}
