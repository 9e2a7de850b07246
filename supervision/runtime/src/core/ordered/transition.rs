//! A transition: what it is for, and the steps it takes one after the other.

use std::collections::VecDeque;

use super::{Ordered, State, Waiting};
use crate::core::{CallId, Effect, Key, Refusal, Verdict};
use crate::spec::Restart;

/// The transition under way; its first step is the one being waited for.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) purpose: Purpose,
    steps: VecDeque<Step>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Boot,
    Restart,
    /// Stops who shares the fate of a child in back-off, then waits for attempt `.1`.
    Hold(Key, u32),
    Start(CallId, Key),
    Terminate(CallId, Key),
    /// A person asked for a stopped child to be started again.
    Revive(CallId, Key),
    Close(Verdict),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Stop(Key),
    Start(Key),
}

impl Ordered {
    pub(super) fn begin(&mut self, purpose: Purpose, steps: impl IntoIterator<Item = Step>) {
        self.work = Some(Work { purpose, steps: steps.into_iter().collect() });
        self.advance();
    }

    pub(super) fn close(&mut self, verdict: Verdict) {
        if self.closing() {
            return;
        }
        if let Some(work) = self.work.take() {
            match work.purpose {
                Purpose::Start(call, _)
                | Purpose::Terminate(call, _)
                | Purpose::Revive(call, _) => {
                    self.answer(call, Err(Refusal::Ending));
                }
                Purpose::Boot | Purpose::Restart | Purpose::Hold(..) | Purpose::Close(_) => {}
            }
        }
        for waiting in std::mem::take(&mut self.waiting) {
            if let Waiting::Call(call, _) = waiting {
                self.answer(call, Err(Refusal::Ending));
            }
        }
        self.calls_waiting = 0;
        let steps: Vec<Step> = self.children.keys().rev().map(|key| Step::Stop(*key)).collect();
        self.begin(Purpose::Close(verdict), steps);
    }

    pub(super) fn closing(&self) -> bool {
        self.work.as_ref().is_some_and(|work| matches!(work.purpose, Purpose::Close(_)))
    }

    pub(super) fn next_step(&mut self) {
        if let Some(work) = &mut self.work {
            work.steps.pop_front();
        }
        self.advance();
    }

    /// Takes steps until one has to be waited for, or the transition is complete.
    fn advance(&mut self) {
        while let Some(step) = self.work.as_ref().and_then(|work| work.steps.front().copied()) {
            let waits = match step {
                Step::Stop(key) => self.begin_stop(key),
                Step::Start(key) => self.begin_start(key),
            };
            if waits {
                return;
            }
            if let Some(work) = &mut self.work {
                work.steps.pop_front();
            }
        }
        if let Some(work) = self.work.take() {
            self.complete(work.purpose);
        }
    }

    fn begin_stop(&mut self, key: Key) -> bool {
        let Some(child) = self.children.get_mut(&key) else { return false };
        match child.state {
            State::Starting | State::Running => {
                child.state = State::Stopping;
                self.effects.push(Effect::Stop(key, child.life));
                true
            }
            State::Stopping => true,
            State::Stopped | State::Ended(_) | State::Restarting | State::Held(_) => {
                self.lay_down(key);
                false
            }
        }
    }

    fn begin_start(&mut self, key: Key) -> bool {
        let Some(child) = self.children.get_mut(&key) else { return false };
        child.state = State::Starting;
        child.life += 1;
        self.effects.push(Effect::Start(key, child.life));
        true
    }

    /// A child of the transition under way is down; what that means depends on the transition.
    pub(super) fn lay_down(&mut self, key: Key) {
        let purpose = self.work.as_ref().map(|work| work.purpose);
        let Some(child) = self.children.get_mut(&key) else { return };
        let temporary = child.terms.restart == Restart::Temporary;
        child.state = State::Stopped;
        match purpose {
            Some(Purpose::Hold(..) | Purpose::Restart) if temporary => self.forget(key),
            Some(Purpose::Hold(culprit, _)) => {
                child.state = State::Held(culprit);
                self.effects.push(Effect::Hold(key));
            }
            Some(Purpose::Terminate(..) | Purpose::Close(_)) => self.remove_or_rest(key),
            Some(Purpose::Boot | Purpose::Restart | Purpose::Start(..) | Purpose::Revive(..))
            | None => {}
        }
    }

    fn complete(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Boot => self.effects.push(Effect::Ready),
            Purpose::Restart => {}
            Purpose::Hold(key, attempt) => {
                if let Some(child) = self.children.get(&key) {
                    self.effects.push(Effect::Retry(key, child.life, Some(attempt)));
                }
            }
            Purpose::Start(call, key)
            | Purpose::Terminate(call, key)
            | Purpose::Revive(call, key) => self.answer(call, Ok(key)),
            Purpose::Close(verdict) => {
                self.over = true;
                self.effects.push(Effect::Exit(verdict));
            }
        }
    }
}
