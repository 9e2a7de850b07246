//! What a plan was to do: the task of each step that may turn up in its history, by its id.

use runtime::durable::Past;
use work::plan::{Brief, Closed, Course, Event, Outcome, Task};

pub(super) struct Frame<'a> {
    brief: &'a Brief,
    pub(super) closed: &'a Closed,
    pub(super) outcome: Outcome,
}

/// What an id says of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A task of a round, when it comes by for this time.
    Forth {
        task: &'a str,
        pass: u32,
    },
    /// What takes back the step of this id.
    Undo(&'a str),
    Rollback(&'a str),
}

pub(super) fn named(id: &str) -> Named<'_> {
    match id.rsplit_once('~') {
        Some((step, "undo")) => Named::Undo(step),
        Some((task, "rollback")) => Named::Rollback(task),
        Some((task, pass)) => {
            let pass = pass.parse().expect("a step is named by its pass");
            Named::Forth { task, pass }
        }
        None => Named::Forth { task: id, pass: 1 },
    }
}

impl<'a> Frame<'a> {
    pub(super) fn of(history: &'a [Past<Event>]) -> Self {
        let Some(Event::Opened(opened)) = history.first().map(|past| &past.event) else {
            panic!("it begins with its opening");
        };
        let Some(Event::Closed(closed)) = history.last().map(|past| &past.event) else {
            panic!("it ends with its closing");
        };
        Frame { brief: &opened.brief, closed, outcome: closed.outcome }
    }

    pub(super) fn course(&self) -> Option<&'a Course> {
        self.brief.course.as_deref()
    }

    pub(super) fn is_written(&self) -> bool {
        self.brief.course.is_some()
    }

    /// Of all that is written down.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.brief.rounds.iter().flatten().map(|task| task.id.as_str())
    }

    /// The tasks of a round, from 1.
    pub(super) fn round(&self, number: u32) -> &'a [Task] {
        let at = (number as usize).checked_sub(1);
        at.and_then(|at| self.brief.rounds.get(at)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn task(&self, id: &str) -> Option<&'a Task> {
        match named(id) {
            Named::Forth { task, .. } => {
                self.brief.rounds.iter().flatten().find(|known| known.id == task)
            }
            Named::Undo(step) => self.task(step)?.undo.as_deref(),
            Named::Rollback(task) => self.course()?.rollback.iter().find(|known| known.id == task),
        }
    }
}
