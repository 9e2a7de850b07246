//! What people and programs ask of a supervisor between two transitions.

use std::sync::Arc;

use super::transition::{Purpose, Step};
use super::{Ordered, State};
use crate::core::{Call, CallId, Effect, Key, Refusal};
use crate::spec::Terms;

impl Ordered {
    pub(super) fn call(&mut self, call: CallId, what: Call) {
        match what {
            Call::Start(id, terms) => self.call_start(call, id, terms),
            Call::Terminate(id) => self.call_terminate(call, &id),
            Call::Restart(id) => match self.find(&id) {
                Ok((key, State::Stopped)) => {
                    self.begin(Purpose::Revive(call, key), [Step::Start(key)]);
                }
                Ok((_, state)) => self.answer(call, Err(busy(state))),
                Err(refusal) => self.answer(call, Err(refusal)),
            },
            Call::Delete(id) => match self.find(&id) {
                Ok((key, State::Stopped)) => {
                    self.forget(key);
                    self.answer(call, Ok(key));
                }
                Ok((_, state)) => self.answer(call, Err(busy(state))),
                Err(refusal) => self.answer(call, Err(refusal)),
            },
        }
    }

    fn call_start(&mut self, call: CallId, id: Arc<str>, terms: Terms) {
        if let Err(what) = terms.check(self.limits.auto_shutdown) {
            return self.answer(call, Err(Refusal::Contradiction(what)));
        }
        match self.find(&id) {
            Ok((_, State::Stopped | State::Restarting | State::Held(_))) => {
                self.answer(call, Err(Refusal::AlreadyPresent));
            }
            Ok((_, State::Starting | State::Running | State::Stopping | State::Ended(_))) => {
                self.answer(call, Err(Refusal::AlreadyStarted));
            }
            Err(_) => {
                let key = self.insert(id, terms);
                self.effects.push(Effect::Adopt(key, call));
                self.begin(Purpose::Start(call, key), [Step::Start(key)]);
            }
        }
    }

    fn call_terminate(&mut self, call: CallId, id: &str) {
        let (key, state) = match self.find(id) {
            Ok(found) => found,
            Err(refusal) => return self.answer(call, Err(refusal)),
        };
        if state == State::Running {
            return self.begin(Purpose::Terminate(call, key), [Step::Stop(key)]);
        }
        self.remove_or_rest(key);
        self.answer(call, Ok(key));
        self.release_held_by(key);
    }

    /// The back-off these children waited with was cancelled: they come back without it.
    fn release_held_by(&mut self, key: Key) {
        let steps: Vec<Step> = self
            .children
            .iter()
            .filter(|(_, child)| child.state == State::Held(key))
            .map(|(held, _)| Step::Start(*held))
            .collect();
        if !steps.is_empty() {
            self.begin(Purpose::Restart, steps);
        }
    }
}

/// Why a child in this state can be neither restarted nor deleted.
fn busy(state: State) -> Refusal {
    match state {
        State::Restarting | State::Held(_) => Refusal::Restarting,
        State::Stopped | State::Starting | State::Running | State::Stopping | State::Ended(_) => {
            Refusal::Running
        }
    }
}
