//! Children in order: `one_for_one`, `one_for_all`, `rest_for_one`.

mod calls;
mod transition;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::transition::{Purpose, Step, Work};
use super::{
    CALLS_WAITING_MAX, Call, CallId, Effect, End, Event, Key, Life, Limits, Refusal, RestartLog,
    Verdict, next_attempt,
};
use crate::spec::{AutoShutdown, Restart, Strategy, Terms};

/// A supervisor whose children start from left to right and stop from right to left.
///
/// One transition at a time: exits and calls that come meanwhile wait in the order they came.
#[derive(Debug)]
pub struct Ordered {
    strategy: Strategy,
    limits: Limits,
    children: BTreeMap<Key, Child>,
    ids: HashMap<Arc<str>, Key>,
    next_key: Key,
    restarts: RestartLog,
    work: Option<Work>,
    waiting: VecDeque<Waiting>,
    calls_waiting: usize,
    over: bool,
    effects: Vec<Effect>,
}

#[derive(Debug)]
struct Child {
    id: Arc<str>,
    terms: Terms,
    state: State,
    life: Life,
    /// Quick ends in a row, for its back-off.
    attempts: u32,
    born: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stopped,
    Starting,
    Running,
    Stopping,
    /// Over, and its exit waits to be dealt with.
    Ended(End),
    /// Will be tried again.
    Restarting,
    /// Waits with a sibling in back-off.
    Held(Key),
}

#[derive(Debug)]
enum Waiting {
    Exit(Key),
    Retry(Key, Life),
    Call(CallId, Call),
}

impl Ordered {
    /// Takes the children of the first start; their ids differ and their terms were checked.
    pub fn new(
        strategy: Strategy,
        limits: Limits,
        children: impl IntoIterator<Item = (Arc<str>, Terms)>,
    ) -> Self {
        let mut this = Ordered {
            strategy,
            limits,
            children: BTreeMap::new(),
            ids: HashMap::new(),
            next_key: 0,
            restarts: RestartLog::default(),
            work: None,
            waiting: VecDeque::new(),
            calls_waiting: 0,
            over: false,
            effects: Vec::new(),
        };
        for (id, terms) in children {
            this.insert(id, terms);
        }
        this
    }

    /// Whether nothing is under way, nothing waits and nobody is about to be tried again, unless
    /// after a back-off; never once it is over. Looks at every child.
    pub fn at_rest(&self) -> bool {
        let retries =
            |child: &Child| child.state == State::Restarting && child.terms.backoff.is_none();
        let idle = self.work.is_none() && self.waiting.is_empty();
        !self.over && idle && !self.children.values().any(retries)
    }

    pub fn step(&mut self, at: Duration, event: Event) -> Vec<Effect> {
        if !self.over {
            self.take(at, event);
            self.drain(at);
        } else if let Event::Call(call, _) = event {
            self.effects.push(Effect::Answer(call, Err(Refusal::Ending)));
        }
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, at: Duration, event: Event) {
        match event {
            Event::Begin => {
                let steps: Vec<Step> = self.children.keys().map(|key| Step::Start(*key)).collect();
                self.begin(Purpose::Boot, steps);
            }
            Event::Started(key, life) => self.started(at, key, life),
            Event::StartFailed(key, life) => self.start_failed(key, life),
            Event::Ended(key, life, end) => self.ended(key, life, end),
            Event::Retry(key, life) => self.waiting.push_back(Waiting::Retry(key, life)),
            Event::Call(call, _) if self.closing() => self.answer(call, Err(Refusal::Ending)),
            Event::Call(call, _) if self.calls_waiting >= CALLS_WAITING_MAX => {
                self.answer(call, Err(Refusal::Busy));
            }
            Event::Call(call, what) => {
                self.calls_waiting += 1;
                self.waiting.push_back(Waiting::Call(call, what));
            }
            Event::Stop => self.close(Verdict::Shutdown),
        }
    }

    /// Deals with what waits, for as long as no transition is under way.
    fn drain(&mut self, at: Duration) {
        while self.work.is_none() && !self.over {
            match self.waiting.pop_front() {
                Some(Waiting::Exit(key)) => self.exit(at, key),
                Some(Waiting::Retry(key, life)) => self.retry(at, key, life),
                Some(Waiting::Call(call, what)) => {
                    self.calls_waiting -= 1;
                    self.call(call, what);
                }
                None => return,
            }
        }
    }

    // --- what children report ---

    fn started(&mut self, at: Duration, key: Key, life: Life) {
        let Some(child) = self.current(key, life) else { return };
        if child.state == State::Starting {
            child.state = State::Running;
            child.born = at;
            self.next_step();
        }
    }

    fn start_failed(&mut self, key: Key, life: Life) {
        let Some(child) = self.current(key, life) else { return };
        match child.state {
            State::Starting => child.state = State::Stopped,
            State::Stopping => return self.stopped(key),
            State::Stopped
            | State::Running
            | State::Ended(_)
            | State::Restarting
            | State::Held(_) => return,
        }
        let Some(work) = self.work.take() else { return };
        match work.purpose {
            Purpose::Boot => self.close(Verdict::StartFailed(key)),
            Purpose::Restart | Purpose::Hold(..) => self.start_again(key),
            Purpose::Start(call, _) => {
                self.forget(key);
                self.answer(call, Err(Refusal::StartFailed));
            }
            Purpose::Revive(call, _) => {
                self.effects.push(Effect::Rest(key));
                self.answer(call, Err(Refusal::StartFailed));
            }
            Purpose::Terminate(..) | Purpose::Close(_) => self.work = Some(work),
        }
    }

    fn ended(&mut self, key: Key, life: Life, end: End) {
        let Some(child) = self.current(key, life) else { return };
        match child.state {
            State::Stopping => self.stopped(key),
            State::Running => {
                child.state = State::Ended(end);
                self.waiting.push_back(Waiting::Exit(key));
            }
            State::Starting => self.start_failed(key, life),
            State::Stopped | State::Ended(_) | State::Restarting | State::Held(_) => {}
        }
    }

    fn stopped(&mut self, key: Key) {
        self.lay_down(key);
        self.next_step();
    }

    // --- what follows from an exit ---

    fn exit(&mut self, at: Duration, key: Key) {
        let Some(child) = self.children.get(&key) else { return };
        let State::Ended(end) = child.state else { return };
        match (child.terms.restart, end) {
            (Restart::Permanent, _) | (Restart::Transient, End::Crash) => self.restart(at, key),
            (Restart::Transient, End::Clean) | (Restart::Temporary, _) => {
                let significant = child.terms.significant;
                self.remove_or_rest(key);
                if significant && self.significant_are_gone() {
                    self.close(Verdict::Shutdown);
                }
            }
        }
    }

    fn significant_are_gone(&self) -> bool {
        match self.limits.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self
                .children
                .values()
                .any(|child| child.terms.significant && child.state != State::Stopped),
        }
    }

    fn restart(&mut self, at: Duration, key: Key) {
        let Some(child) = self.children.get_mut(&key) else { return };
        if child.terms.backoff.is_none() {
            return match self.restarts.add(self.limits.intensity, at) {
                true => self.begin_restart(key),
                false => self.give_up(key),
            };
        }
        let lived = at.saturating_sub(child.born);
        match next_attempt(&child.terms, &mut child.attempts, Some(lived)) {
            Some(attempt) => self.hold(key, attempt),
            None => self.give_up(key),
        }
    }

    fn retry(&mut self, at: Duration, key: Key, life: Life) {
        let Some(child) = self.current(key, life) else { return };
        if child.state != State::Restarting {
            return;
        }
        match child.terms.backoff {
            Some(_) => self.begin_restart(key),
            None => self.restart(at, key),
        }
    }

    /// A child failed to start within a restart: it is tried again, and its failure counts.
    fn start_again(&mut self, key: Key) {
        let Some(child) = self.children.get_mut(&key) else { return };
        child.state = State::Restarting;
        if child.terms.backoff.is_none() {
            return self.effects.push(Effect::Retry(key, child.life, None));
        }
        match next_attempt(&child.terms, &mut child.attempts, None) {
            Some(attempt) => self.hold(key, attempt),
            None => self.give_up(key),
        }
    }

    fn begin_restart(&mut self, key: Key) {
        let mut steps = self.stops_of_siblings(key);
        if let Some(child) = self.children.get_mut(&key) {
            child.state = State::Stopped;
        }
        let comes_back = |other: &Key| self.children[other].terms.restart != Restart::Temporary;
        steps.extend(self.shares_fate(key).filter(comes_back).map(Step::Start));
        self.begin(Purpose::Restart, steps);
    }

    /// Stops the siblings that share this child's fate; they wait with it.
    fn hold(&mut self, key: Key, attempt: u32) {
        let steps = self.stops_of_siblings(key);
        if let Some(child) = self.children.get_mut(&key) {
            child.state = State::Restarting;
        }
        self.begin(Purpose::Hold(key, attempt), steps);
    }

    fn stops_of_siblings(&self, key: Key) -> Vec<Step> {
        self.shares_fate(key).rev().filter(|other| *other != key).map(Step::Stop).collect()
    }

    /// Who is restarted together with this child, itself included, in start order.
    fn shares_fate(&self, key: Key) -> impl DoubleEndedIterator<Item = Key> + '_ {
        let range = match self.strategy {
            Strategy::OneForOne => key..key + 1,
            Strategy::OneForAll => 0..self.next_key,
            Strategy::RestForOne => key..self.next_key,
        };
        self.children.range(range).map(|(key, _)| *key)
    }

    fn give_up(&mut self, key: Key) {
        self.effects.push(Effect::GaveUp(key));
        self.remove_or_rest(key);
        self.close(Verdict::Shutdown);
    }

    // --- the list of children ---

    fn insert(&mut self, id: Arc<str>, terms: Terms) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.ids.insert(Arc::clone(&id), key);
        let born = Duration::ZERO;
        let child = Child { id, terms, state: State::Stopped, life: 0, attempts: 0, born };
        self.children.insert(key, child);
        key
    }

    fn find(&self, id: &str) -> Result<(Key, State), Refusal> {
        let key = *self.ids.get(id).ok_or(Refusal::NotFound)?;
        Ok((key, self.children[&key].state))
    }

    fn current(&mut self, key: Key, life: Life) -> Option<&mut Child> {
        self.children.get_mut(&key).filter(|child| child.life == life)
    }

    fn remove_or_rest(&mut self, key: Key) {
        let Some(child) = self.children.get_mut(&key) else { return };
        if child.terms.restart == Restart::Temporary {
            return self.forget(key);
        }
        child.state = State::Stopped;
        child.attempts = 0;
        self.effects.push(Effect::Rest(key));
    }

    fn forget(&mut self, key: Key) {
        if let Some(child) = self.children.remove(&key) {
            self.ids.remove(&child.id);
            self.effects.push(Effect::Forget(key));
        }
    }

    fn answer(&mut self, call: CallId, answer: Result<Key, Refusal>) {
        self.effects.push(Effect::Answer(call, answer));
    }
}
