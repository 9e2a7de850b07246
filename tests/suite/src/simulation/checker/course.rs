//! What must hold of the way that a written plan has gone, whatever broke meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use domain::approval::Verdict;
use runtime::durable::Past;
use serde_json::Value;
use work::plan::wire::{Answered, Begun, Planned, Sought, Undoing};
use work::plan::{Ending, Event, GATE, Outcome, SIGNAL, Source, Task};

use super::frame::{Frame, Named, named};

type Checked = Result<(), String>;

pub(super) fn check(frame: &Frame<'_>, history: &[Past<Event>]) -> Checked {
    if !frame.is_written() {
        return Ok(());
    }
    let mut way = Way::new(frame);
    history.iter().try_for_each(|past| way.go(&past.event))?;
    way.end()
}

/// The way so far.
struct Way<'a> {
    frame: &'a Frame<'a>,
    /// The round that was taken up last, and all that were by how often.
    round: Option<(u32, u32)>,
    passes: BTreeMap<u32, u32>,
    /// The one step that is under way, or in doubt.
    open: Option<&'a str>,
    /// What was asked of people, by its number from 1.
    seals: Vec<Seal<'a>>,
    /// Inputs that were given anew since a person has passed a gate; nothing before the first.
    changed: Option<BTreeSet<&'a str>>,
    begun: BTreeSet<&'a str>,
    /// Signals that nobody has taken yet.
    signals: Vec<(&'a str, &'a Value)>,
    /// What has to be taken back if all fails, in the order in which it was done.
    done: Vec<&'a str>,
    undoing: Option<&'a Undoing>,
    /// What takes it back, in the order in which that has ended.
    undone: Vec<&'a str>,
    stays: Vec<&'a str>,
    is_canceled: bool,
    is_paused: bool,
    is_closed: bool,
}

struct Seal<'a> {
    step: &'a str,
    digest: &'a str,
    verdict: Option<Verdict>,
}

impl<'a> Way<'a> {
    fn new(frame: &'a Frame<'a>) -> Self {
        Way {
            frame,
            round: None,
            passes: BTreeMap::new(),
            open: None,
            seals: Vec::new(),
            changed: None,
            begun: BTreeSet::new(),
            signals: Vec::new(),
            done: Vec::new(),
            undoing: None,
            undone: Vec::new(),
            stays: Vec::new(),
            is_canceled: false,
            is_paused: false,
            is_closed: false,
        }
    }

    fn go(&mut self, event: &'a Event) -> Checked {
        must(!self.is_closed, || "goes on after its end".to_owned())?;
        match event {
            Event::Planned(planned) => self.plan(planned),
            Event::Begun(begun) => self.begin(begun),
            Event::Sought(sought) => self.seek(sought),
            Event::Answered(answered) => self.answer(answered),
            Event::Ended(ended) => self.end_step(&ended.step, &ended.ending),
            Event::Settled(settled) if settled.happened => self.do_step(&settled.step),
            Event::Signaled(signal) => {
                self.signals.push((&signal.name, &signal.data));
                Ok(())
            }
            Event::Given(given) => {
                self.changed.iter_mut().for_each(|changed| {
                    changed.insert(&given.name);
                });
                Ok(())
            }
            Event::Undoing(undoing) => {
                self.is_paused = false;
                let before = self.undoing.replace(undoing);
                must(before.is_none(), || "takes all back twice".to_owned())
            }
            Event::Paused(_) => must(!std::mem::replace(&mut self.is_paused, true), || {
                "pauses while it is paused".to_owned()
            }),
            Event::Resumed(_) => must(std::mem::take(&mut self.is_paused), || {
                "is resumed without a pause".to_owned()
            }),
            Event::Cancelling(_) => {
                self.is_canceled = true;
                Ok(())
            }
            Event::Closed(_) => {
                self.is_closed = true;
                must(self.open.is_none(), || format!("closes while {:?} is open", self.open))
            }
            Event::Opened(_)
            | Event::Rested(_)
            | Event::Doubted(_)
            | Event::Checking(_)
            | Event::Unclear(_)
            | Event::Asked(_)
            | Event::Settled(_)
            | Event::Reused(_) => Ok(()),
        }
    }

    fn plan(&mut self, planned: &Planned) -> Checked {
        let Planned { round, pass } = *planned;
        let held = self.open.is_some() || self.is_paused || self.is_canceled;
        must(!held && self.undoing.is_none(), || format!("takes up round {round} too early"))?;
        self.round = Some((round, pass));
        let before = self.passes.insert(round, pass).unwrap_or(0);
        must(pass == before + 1, || format!("takes up pass {pass} of round {round} after {before}"))
    }

    fn begin(&mut self, begun: &'a Begun) -> Checked {
        let id = begun.step.as_str();
        let other = self.open.filter(|open| *open != id);
        must(other.is_none(), || format!("begins {id} beside {other:?}"))?;
        let is_its_turn = match named(id) {
            Named::Forth { task, pass } => {
                let round = self.round.filter(|(_, taken)| *taken == pass);
                let tasks = round.map_or(&[][..], |(round, _)| self.frame.round(round));
                let held = self.is_canceled || self.is_paused || self.undoing.is_some();
                !held && tasks.iter().any(|known| known.id == task)
            }
            Named::Undo(_) | Named::Rollback(_) => self.undoing.is_some(),
        };
        must(is_its_turn, || format!("begins {id} when it is not its turn"))?;
        self.open = Some(id);
        let task = self.task(id)?;
        let done = begun.filled.as_ref().map_or(&task.digest, |filled| &filled.digest);
        self.check_allowed(task, begun, done)
    }

    /// What was allowed is what is done, and nothing else is.
    fn check_allowed(&mut self, task: &Task, begun: &'a Begun, done: &str) -> Checked {
        let id = &begun.step;
        let is_first = self.begun.insert(id);
        let Some(number) = begun.approval else {
            let is_unasked = task.approval.is_some() || (is_first && self.is_other(task));
            return must(!is_unasked, || format!("begins {id} unasked"));
        };
        let at = (number as usize).wrapping_sub(1);
        let seal = self.seals.get(at).ok_or_else(|| format!("never sought approval {number}"))?;
        let may_ask = task.approval.is_some() || self.changed.is_some();
        let is_allowed = seal.verdict == Some(Verdict::Granted) && may_ask;
        must(is_allowed && seal.step == id, || {
            format!(
                "begins {id} by approval {number}, which is {:?} to {}",
                seal.verdict, seal.step
            )
        })?;
        must(seal.digest == done, || format!("begins {id} as something else than was allowed"))
    }

    /// Whether it would be done with something else than what a gate was about.
    fn is_other(&self, task: &Task) -> bool {
        let Some(changed) = self.changed.as_ref().filter(|_| self.undoing.is_none()) else {
            return false;
        };
        task.uses.iter().any(|used| match &used.of {
            Source::Input(name) => changed.contains(name.as_str()),
            Source::Output(_) | Source::Kept(_) | Source::Lost(_) | Source::Story => false,
        })
    }

    fn seek(&mut self, sought: &'a Sought) -> Checked {
        let Sought { number, step, digest, .. } = sought;
        self.seals.push(Seal { step, digest, verdict: None });
        must(self.seals.len() == *number as usize, || format!("seeks approval {number} too soon"))?;
        must(self.open.is_none(), || format!("seeks an approval of {step}, which is begun"))
    }

    fn answer(&mut self, answered: &Answered) -> Checked {
        let number = answered.number;
        let seal = self.seals.get_mut((number as usize).wrapping_sub(1));
        let seal = seal.ok_or_else(|| format!("has an answer to approval {number}"))?;
        let before = seal.verdict.replace(answered.verdict);
        must(before.is_none() && seal.step == answered.step, || {
            format!("answers approval {number} twice, or for another step")
        })
    }

    fn end_step(&mut self, id: &'a str, ending: &'a Ending) -> Checked {
        match ending {
            Ending::Done(output) => {
                match self.task(id)?.tool.as_str() {
                    SIGNAL => self.take_signal(id, &output.value)?,
                    GATE => self.changed = Some(BTreeSet::new()),
                    _ => {}
                }
                self.do_step(id)
            }
            Ending::Failed(_) | Ending::Stopped(_) => self.leave(id),
            Ending::Skipped(_) => must(self.open.is_none(), || format!("skips {id}, or beside it")),
        }
    }

    /// Each is taken once, the oldest first.
    fn take_signal(&mut self, id: &str, value: &Value) -> Checked {
        let name = self.task(id)?.args["name"].as_str();
        let at = self.signals.iter().position(|(known, _)| Some(*known) == name);
        let at = at.ok_or_else(|| format!("has heard for {id} what nobody has sent"))?;
        let (_, data) = self.signals.remove(at);
        must(data == value, || format!("has heard {value} for {id}, and {data} was sent"))
    }

    fn do_step(&mut self, id: &'a str) -> Checked {
        must(self.open == Some(id), || format!("has done {id}, which is not begun"))?;
        self.open = None;
        match named(id) {
            Named::Forth { .. } if self.task(id)?.undo.is_some() => self.done.push(id),
            Named::Forth { .. } => {}
            Named::Undo(_) | Named::Rollback(_) => self.undone.push(id),
        }
        Ok(())
    }

    /// It has failed, or was stopped, or was never allowed.
    fn leave(&mut self, id: &'a str) -> Checked {
        let other = self.open.take().filter(|open| *open != id);
        must(other.is_none(), || format!("ends {id} beside {other:?}"))?;
        if matches!(named(id), Named::Undo(_) | Named::Rollback(_)) {
            self.undone.push(id);
            self.stays.push(id);
        }
        Ok(())
    }

    /// Whatever was done is taken back once, the last first, unless all went well.
    fn end(&self) -> Checked {
        let is_completed = self.frame.outcome == Outcome::Completed;
        must(!is_completed || self.undoing.is_none(), || "completes what it took back".to_owned())?;
        let done = self.done.iter().rev().filter(|_| !is_completed);
        let undos = done.map(|id| format!("{id}~undo"));
        let rolls_back = self.undoing.is_some_and(|undoing| undoing.rolls_back);
        let rollback = self.frame.course().filter(|_| rolls_back).into_iter();
        let rollback = rollback.flat_map(|course| &course.rollback);
        let expected: Vec<String> =
            undos.chain(rollback.map(|task| format!("{}~rollback", task.id))).collect();
        must(self.undone == expected, || {
            format!("takes back {:?}, not {expected:?}", self.undone)
        })?;
        let left = |id: &&&str| self.frame.closed.left.iter().any(|left| left.step == **id);
        let unsaid = self.stays.iter().find(|id| !left(id));
        must(unsaid.is_none(), || format!("does not say that {unsaid:?} stays"))
    }

    fn task(&self, id: &str) -> Result<&'a Task, String> {
        self.frame.task(id).ok_or_else(|| format!("has no step {id}"))
    }
}

fn must(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}
