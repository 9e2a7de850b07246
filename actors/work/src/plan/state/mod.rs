//! What a plan knows of itself: the fold of its events.

mod course;
mod step;

use domain::approval::Verdict;
use domain::id::Address;
use domain::mutants::{self, Mutant};
use domain::priority::Priority;
use domain::run::{Effects, Left};
use domain::time::Timestamp;
use domain::tool::{Effect, Output};
use runtime::durable::Past;

use super::ids::{pass_of, undo_of};
use super::wire::{
    Answered, Approval, Asked, Begun, By, Cancelling, Caps, Checking, Closed, Descent, Doubted,
    Ended, Ending, Event, Opened, Outcome, Paused, Planned, Rested, Reused, Settled, Sought, Task,
    Then, Unclear, Undoing,
};
use super::{GATE, WAIT};

pub(super) use course::{Artifact, Course};
pub(super) use step::{Fate, Phase, Seal, Step};

#[derive(Debug, Default)]
pub struct State {
    /// Nothing before it was opened.
    pub(crate) work: Option<Work>,
}

#[derive(Debug)]
pub(crate) struct Work {
    /// Who hears of its end.
    pub(super) by: Option<Address>,
    pub(super) caps: Caps,
    pub(super) priority: Priority,
    /// Those that may still be taken up, each at its number.
    rounds: Vec<Vec<Task>>,
    /// How often one was taken up.
    pub(super) planned: u32,
    /// The way of a written plan, and where it stands on it.
    pub(crate) course: Option<Box<Course>>,
    pub(super) descent: Option<Box<Descent>>,
    /// Rounds in a row that held nothing new, and what was new so far.
    pub(super) idle_rounds: u32,
    pub(super) seen: Vec<String>,
    /// By id: the order in which they are looked at is the same in every life. No map, since most
    /// plans have a handful, and the smallest of maps has room for eleven.
    pub(crate) steps: Vec<Step>,
    /// Of those, looked at in every turn.
    unended: usize,
    failed: usize,
    /// How many approvals were sought, and what became of those that were answered.
    pub(super) sought: u32,
    pub(super) answered: Vec<(u32, Verdict)>,
    /// Until when somebody may say that it goes on.
    pub(super) paused: Option<Timestamp>,
    /// What it will have come to when all is taken back.
    pub(crate) undoing: Option<Undoing>,
    pub(crate) cancelling: Option<Cancelling>,
    pub(crate) outcome: Option<Outcome>,
}

impl State {
    /// What a plan knows that has recorded this.
    pub(crate) fn of(history: &[Past<Event>]) -> Self {
        let mut state = State::default();
        history.iter().for_each(|past| state.apply(&past.event));
        state
    }

    pub(super) fn step(&self, id: &str) -> Option<&Step> {
        self.work.as_ref()?.step(id)
    }

    pub(super) fn apply(&mut self, event: &Event) {
        match (event, &mut self.work) {
            (Event::Opened(Opened { by, brief }), work) => {
                *work = Some(Work {
                    by: *by,
                    caps: brief.caps.clone(),
                    priority: brief.priority,
                    rounds: brief.rounds.clone(),
                    planned: 0,
                    course: brief
                        .course
                        .as_deref()
                        .map(|course| Box::new(Course::new(course, &brief.rounds)))
                        .map(|course| from_another(course, brief.descent.as_deref())),
                    descent: brief.descent.clone(),
                    idle_rounds: 0,
                    seen: Vec::new(),
                    steps: Vec::new(),
                    unended: 0,
                    failed: 0,
                    sought: 0,
                    answered: Vec::new(),
                    paused: None,
                    undoing: None,
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
            Event::Planned(Planned { round, pass }) => self.plan(*round, *pass),
            Event::Undoing(undoing) => self.undo(undoing),
            Event::Paused(Paused { until, .. }) => self.paused = Some(*until),
            Event::Resumed(_) => {
                self.paused = None;
                self.on_course(Course::resume);
            }
            Event::Cancelling(cancelling) => self.cancelling = Some(cancelling.clone()),
            Event::Closed(closed) => self.outcome = Some(closed.outcome),
            Event::Signaled(signal) => self.on_course(|course| course.hear(signal)),
            Event::Given(given) => self.on_course(|course| course.give(given)),
            Event::Sought(Sought { number, step, digest, until, .. }) => {
                self.sought = *number;
                let digest = digest.clone();
                self.at(step, |step| {
                    let seal = Seal { number: *number, digest, verdict: None, note: None };
                    step.seal = Some(Box::new(seal));
                    step.phase = Phase::Seeking { until: *until };
                });
            }
            Event::Answered(Answered { number, step, verdict, note }) => {
                self.answered.push((*number, *verdict));
                self.at(step, |step| {
                    step.phase = Phase::Waiting { not_before: None };
                    if let Some(seal) = &mut step.seal {
                        seal.verdict = Some(*verdict);
                        seal.note.clone_from(note);
                    }
                });
            }
            Event::Reused(Reused { step, ending }) => {
                // What the other run has taken back is taken back in the same way.
                let undo = undo_of(step);
                let was_undone =
                    self.descent.as_ref().is_some_and(|from| from.recorded.contains_key(&undo));
                self.inherit(step, ending);
                self.at(step, |step| step.may_have_happened = may_have_happened(ending));
                self.end(step, ending, was_undone);
            }
            Event::Begun(Begun { step, attempt, until, filled, .. }) => {
                self.begin(step);
                self.at(step, |step| {
                    step.attempt = *attempt;
                    step.filled.clone_from(filled);
                    step.phase = Phase::Running { until: *until };
                });
            }
            Event::Ended(Ended { step, ending, .. }) => {
                self.at(step, |step| {
                    // Whoever is not at it says only why it is not begun again.
                    let is_at_it = matches!(step.phase, Phase::Running { .. });
                    step.may_have_happened |= is_at_it && may_have_happened(ending);
                });
                self.end(step, ending, true);
                // One that the other run was granted asks again, and only the same answer leads on
                // to what that has recorded.
                let is_denied =
                    |step: &Step| step.task.tool == GATE && step.fate() != Some(Fate::Done);
                if self.step(step).is_some_and(is_denied) {
                    self.part();
                }
            }
            Event::Rested(Rested { step, until, failure, .. }) => {
                self.at(step, |step| {
                    step.may_have_happened |= failure.class.may_have_happened();
                    step.phase = Phase::Waiting { not_before: Some(*until) };
                });
            }
            Event::Doubted(Doubted { step, evidence, until, then, spent, .. }) => {
                let (until, then, is_spent) = (*until, *then, *spent);
                let evidence = evidence.clone();
                self.at(step, |step| {
                    step.may_have_happened = true;
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
                if *happened {
                    // Nobody has seen what it has put out.
                    let done = Ending::Done(Output::default());
                    return self.end(step, &done, !mutants::is(Mutant::ForgetSettled));
                }
                let evidence = match by {
                    By::Check => evidence.clone(),
                    By::Person => "a person said that it did not happen".to_owned(),
                };
                self.at(step, |step| {
                    step.may_have_happened = false;
                    let (_, is_spent) = step.doubt();
                    // Whoever says so wants it done, however often it was tried.
                    let is_spent = is_spent && *by == By::Check;
                    step.phase = Phase::Absent { evidence, is_spent, not_before: *until };
                });
            }
        }
    }

    fn plan(&mut self, round: u32, pass: u32) {
        self.planned += 1;
        let at = (round as usize).saturating_sub(1);
        let tasks = match &mut self.course {
            Some(course) => {
                course.leave(&self.steps);
                course.enter(at, pass);
                // Where a plan may come by again, what it left behind is of no more use.
                self.steps.clear();
                self.failed = 0;
                let tasks = self.rounds.get(at).into_iter().flatten();
                match course.looks_back {
                    true => tasks
                        .map(|task| Task { id: pass_of(&task.id, pass), ..task.clone() })
                        .collect(),
                    // Nobody comes by or looks again.
                    false => self.rounds.get_mut(at).map(std::mem::take).unwrap_or_default(),
                }
            }
            None => self.rounds.get_mut(at).map(std::mem::take).unwrap_or_default(),
        };
        // Who waits and looks again does something else each time.
        let is_new = |task: &Task| task.tool == WAIT || !self.seen.contains(&task.digest);
        let is_new = self.course.is_some() || tasks.iter().any(is_new);
        self.idle_rounds = if is_new { 0 } else { self.idle_rounds + 1 };
        self.steps.reserve_exact(tasks.len());
        for task in tasks {
            if self.course.is_none() && !self.seen.contains(&task.digest) {
                self.seen.push(task.digest.clone());
            }
            self.add(task);
        }
    }

    fn add(&mut self, task: Task) {
        self.unended += 1;
        match self.place(&task.id) {
            Ok(place) => {
                let before = std::mem::replace(&mut self.steps[place], Step::new(task));
                self.count_no_more(before.fate());
            }
            Err(place) => self.steps.insert(place, Step::new(task)),
        }
    }

    /// Whatever was done is taken back, one after the other, the last first.
    fn undo(&mut self, undoing: &Undoing) {
        self.undoing = Some(undoing.clone());
        self.paused = None;
        let Some(course) = &mut self.course else { return };
        let tasks = course.undo(undoing.rolls_back);
        self.steps.clear();
        self.failed = 0;
        tasks.into_iter().for_each(|task| self.add(task));
    }

    fn end(&mut self, id: &str, ending: &Ending, is_undoable: bool) {
        let fate = match ending {
            Ending::Done(_) => Fate::Done,
            Ending::Failed(_) => Fate::Failed,
            Ending::Skipped(_) => Fate::Skipped,
            Ending::Stopped(_) => Fate::Stopped,
        };
        let is_undone = self.undoing.is_some();
        let place = self.place(id);
        if let (Some(course), Ok(place)) = (&mut self.course, place) {
            let step = &self.steps[place];
            if step.task.tool == GATE && fate == Fate::Done {
                course.pass_gate();
            }
            course.end(step, ending, is_undone);
            if is_undoable && fate == Fate::Done {
                course.note_done(&step.task);
            }
        }
        self.at(id, |step| step.phase = Phase::Ended(fate));
    }

    /// Whatever this run comes to, what the other one has done is not taken back by it.
    fn inherit(&mut self, id: &str, ending: &Ending) {
        let Some(descent) = self.descent.as_ref().filter(|descent| descent.only.is_none()) else {
            return;
        };
        let (run, place) = (descent.lineage.run, self.place(id));
        let (Some(course), Ok(place), Ending::Done(_)) = (&mut self.course, place, ending) else {
            return;
        };
        if self.steps[place].task.undo.is_some() {
            let why = format!("{run} has done it, and this run takes back what it did itself");
            course.left.push(Left { step: id.to_owned(), why });
        }
    }

    /// What takes it back later is fixed as far as it is known.
    fn begin(&mut self, id: &str) {
        let place = self.place(id);
        let (Some(course), Ok(place)) = (&mut self.course, place) else { return };
        course.begin();
        let step = &mut self.steps[place];
        if let Some(undo) = step.task.undo.as_mut().filter(|_| step.attempt == 0) {
            course.bind_inputs(undo);
        }
        if step.task.tool != GATE {
            self.part();
        }
    }

    /// It has done, or was denied, what the run it began from had not: what that has recorded says
    /// nothing of it any more.
    fn part(&mut self) {
        if let Some(descent) = &mut self.descent {
            descent.recorded.clear();
            descent.resumed = 0;
        }
    }

    fn on_course(&mut self, change: impl FnOnce(&mut Course)) {
        if let Some(course) = &mut self.course {
            change(course);
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

    /// What the run that this one began from has recorded of a step, as long as it goes its way.
    pub(super) fn recorded(&self, step: &str) -> Option<&Ending> {
        self.descent.as_ref()?.recorded.get(step)
    }

    /// What a person is asked before a step begins; nothing where it may begin unasked.
    pub(super) fn asks_first(&self, task: &Task) -> Option<Approval> {
        if let Some(approval) = &task.approval {
            return Some(approval.clone());
        }
        let title = task.called();
        let ask = |about| Some(Approval { about, within_ms: self.caps.silence_max_ms });
        let descent = self.descent.as_ref().map(|descent| descent.lineage.effects);
        if descent == Some(Effects::RequireHuman)
            && !task.is_handless()
            && task.effect != Effect::None
        {
            return ask(format!("do it once more: {title}"));
        }
        let course = self.course.as_ref().filter(|_| self.undoing.is_none())?;
        match course.is_other_than_allowed(task) {
            true => ask(format!("{title}: what was allowed was given something else since")),
            false => None,
        }
    }

    /// What this run has to come to, because it only repeats another one.
    pub(super) fn only(&self) -> Option<&Closed> {
        self.descent.as_ref()?.only.as_ref()
    }

    /// Whether somebody has let the other run go on where this one has paused now.
    pub(super) fn has_resumed(&self) -> bool {
        let resumed = self.course.as_ref().map_or(0, |course| course.resumed);
        self.descent.as_ref().is_some_and(|descent| resumed < descent.resumed)
    }

    /// Whether nothing more is to be begun: what is taken back is taken back all the same.
    pub(super) fn is_canceled(&self) -> bool {
        self.cancelling.is_some() && self.undoing.is_none()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Whether a round follows by itself, where none says which.
    pub(super) fn has_another_round(&self) -> bool {
        (self.planned as usize) < self.rounds.len()
    }

    /// What a round would do.
    pub(super) fn round(&self, at: usize) -> &[Task] {
        self.rounds.get(at).map_or(&[], Vec::as_slice)
    }

    /// Whether all steps of all rounds so far have ended.
    pub(super) fn has_nothing_left(&self) -> bool {
        self.unended == 0
    }
}

/// What was said to the other run is said to this one as well.
fn from_another(mut course: Box<Course>, descent: Option<&Descent>) -> Box<Course> {
    let signals = descent.iter().flat_map(|descent| &descent.signals);
    signals.for_each(|signal| course.hear(signal));
    course
}

fn may_have_happened(ending: &Ending) -> bool {
    match ending {
        Ending::Failed(failure) | Ending::Stopped(failure) => failure.class.may_have_happened(),
        Ending::Done(_) | Ending::Skipped(_) => false,
    }
}
