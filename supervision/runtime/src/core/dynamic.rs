//! Children of one template that know nothing of each other: any number of them, started and
//! ended at any time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{
    CALLS_WAITING_MAX, Call, CallId, Effect, End, Event, Key, Life, Limits, Refusal, RestartLog,
    Verdict, next_attempt,
};
use crate::spec::{AutoShutdown, Intensity, Restart, Terms};

/// A supervisor of independent children.
///
/// One transition at a time *for each child*: the slow birth of one holds up nobody else. Calls
/// about a child in transition wait in the order they came. All children stop at once.
#[derive(Debug)]
pub struct Dynamic {
    limits: Limits,
    terms: Terms,
    /// With it a child that crashes too often is quarantined, and nobody else is touched.
    per_child: Option<Intensity>,
    children: HashMap<Key, Child>,
    ids: HashMap<Arc<str>, Key>,
    next_key: Key,
    restarts: RestartLog,
    waiting: VecDeque<(CallId, Call)>,
    /// Who must still end before this supervisor is over.
    closing: Option<usize>,
    over: bool,
    effects: Vec<Effect>,
}

#[derive(Debug)]
struct Child {
    id: Arc<str>,
    state: State,
    life: Life,
    attempts: u32,
    born_ms: u64,
    restarts: Option<Box<RestartLog>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its first start, which somebody waits for.
    Starting(CallId),
    /// Comes up again after a crash.
    Reviving,
    Running,
    Stopping(Option<CallId>),
    Restarting,
    Quarantined,
}

impl Dynamic {
    /// The terms hold for every child; they were checked.
    pub fn new(limits: Limits, terms: Terms, per_child: Option<Intensity>) -> Self {
        Dynamic {
            limits,
            terms,
            per_child,
            children: HashMap::new(),
            ids: HashMap::new(),
            next_key: 0,
            restarts: RestartLog::default(),
            waiting: VecDeque::new(),
            closing: None,
            over: false,
            effects: Vec::new(),
        }
    }

    /// Whether no child is in transition and nothing waits; never once it is over. Looks at every
    /// child.
    pub fn at_rest(&self) -> bool {
        let settled = |child: &Child| matches!(child.state, State::Running | State::Quarantined);
        !self.over && self.waiting.is_empty() && self.children.values().all(settled)
    }

    pub fn step(&mut self, at: Duration, event: Event) -> Vec<Effect> {
        match event {
            Event::Begin => self.effects.push(Effect::Ready),
            Event::Started(key, life) => self.started(at, key, life),
            Event::StartFailed(key, life) => self.start_failed(key, life),
            Event::Ended(key, life, end) => self.ended(at, key, life, end),
            Event::Retry(key, life) => self.retry(at, key, life),
            Event::Call(call, _) if self.closing.is_some() => {
                self.answer(call, Err(Refusal::Ending));
            }
            Event::Call(call, what) => self.call(call, what),
            Event::Stop => self.close(),
        }
        std::mem::take(&mut self.effects)
    }

    // --- what children report ---

    fn started(&mut self, at: Duration, key: Key, life: Life) {
        let Some(child) = self.current(key, life) else { return };
        child.born_ms = millis(at);
        match child.state {
            State::Starting(call) => {
                child.state = State::Running;
                self.answer(call, Ok(key));
                self.call_again();
            }
            State::Reviving => {
                child.state = State::Running;
                self.call_again();
            }
            State::Running | State::Stopping(_) | State::Restarting | State::Quarantined => {}
        }
    }

    fn start_failed(&mut self, key: Key, life: Life) {
        let Some(child) = self.current(key, life) else { return };
        match child.state {
            State::Starting(call) => {
                self.forget(key);
                self.answer(call, Err(Refusal::StartFailed));
                self.call_again();
            }
            State::Reviving => self.start_again(key),
            State::Stopping(_) => self.stopped(key),
            State::Running | State::Restarting | State::Quarantined => {}
        }
    }

    fn ended(&mut self, at: Duration, key: Key, life: Life, end: End) {
        let Some(child) = self.current(key, life) else { return };
        match child.state {
            State::Running => self.exit(at, key, end),
            State::Stopping(_) => self.stopped(key),
            State::Starting(_) | State::Reviving => self.start_failed(key, life),
            State::Restarting | State::Quarantined => {}
        }
    }

    fn stopped(&mut self, key: Key) {
        let call = match self.children.get(&key).map(|child| child.state) {
            Some(State::Stopping(call)) => call,
            Some(_) | None => None,
        };
        self.forget(key);
        if let Some(call) = call {
            self.answer(call, Ok(key));
        }
        if let Some(left) = &mut self.closing {
            *left -= 1;
            if *left == 0 {
                self.over = true;
                self.effects.push(Effect::Exit(Verdict::Shutdown));
            }
        } else {
            self.call_again();
        }
    }

    // --- what follows from an exit ---

    fn exit(&mut self, at: Duration, key: Key, end: End) {
        match (self.terms.restart, end) {
            (Restart::Permanent, _) | (Restart::Transient, End::Crash) => self.restart(at, key),
            (Restart::Transient, End::Clean) | (Restart::Temporary, _) => {
                self.forget(key);
                let shut_down = self.terms.significant
                    && match self.limits.auto_shutdown {
                        AutoShutdown::Never => false,
                        AutoShutdown::AnySignificant => true,
                        AutoShutdown::AllSignificant => self.children.is_empty(),
                    };
                if shut_down {
                    self.close();
                }
            }
        }
    }

    fn restart(&mut self, at: Duration, key: Key) {
        if self.terms.backoff.is_some() {
            return self.wait_for_attempt(key, Some(at));
        }
        let Some(child) = self.children.get_mut(&key) else { return };
        let holds = match self.per_child {
            Some(intensity) => child.restarts.get_or_insert_default().add(intensity, at),
            None => self.restarts.add(self.limits.intensity, at),
        };
        match holds {
            true => self.begin(key),
            false => self.give_up(key),
        }
    }

    fn wait_for_attempt(&mut self, key: Key, ended: Option<Duration>) {
        let Some(child) = self.children.get_mut(&key) else { return };
        let lived = ended.map(|at| at.saturating_sub(Duration::from_millis(child.born_ms)));
        match next_attempt(&self.terms, &mut child.attempts, lived) {
            Some(attempt) => {
                child.state = State::Restarting;
                self.effects.push(Effect::Retry(key, child.life, Some(attempt)));
            }
            None => self.give_up(key),
        }
    }

    fn start_again(&mut self, key: Key) {
        if self.terms.backoff.is_some() {
            return self.wait_for_attempt(key, None);
        }
        if let Some(child) = self.children.get_mut(&key) {
            child.state = State::Restarting;
            self.effects.push(Effect::Retry(key, child.life, None));
        }
    }

    fn retry(&mut self, at: Duration, key: Key, life: Life) {
        let backoff = self.terms.backoff.is_some();
        let Some(child) = self.current(key, life) else { return };
        if child.state != State::Restarting {
            return;
        }
        match backoff {
            true => self.begin(key),
            false => self.restart(at, key),
        }
    }

    fn begin(&mut self, key: Key) {
        if let Some(child) = self.children.get_mut(&key) {
            child.state = State::Reviving;
            child.life += 1;
            self.effects.push(Effect::Start(key, child.life));
        }
    }

    fn give_up(&mut self, key: Key) {
        if self.per_child.is_some() {
            if let Some(child) = self.children.get_mut(&key) {
                child.state = State::Quarantined;
                self.effects.push(Effect::Quarantine(key));
            }
            return self.call_again();
        }
        self.effects.push(Effect::GaveUp(key));
        self.forget(key);
        self.close();
    }

    // --- calls ---

    fn call(&mut self, call: CallId, what: Call) {
        match what {
            Call::Start(id, terms) if self.ids.contains_key(&id) => {
                // One that is on its way out makes room; every other answer is known already.
                match self.state_of(&id) {
                    Some(State::Stopping(_)) => self.wait(call, Call::Start(id, terms)),
                    Some(State::Quarantined) => self.answer(call, Err(Refusal::Quarantined)),
                    Some(
                        State::Starting(_) | State::Reviving | State::Running | State::Restarting,
                    )
                    | None => self.answer(call, Err(Refusal::AlreadyStarted)),
                }
            }
            Call::Start(id, _) => {
                let key = self.insert(id, call);
                self.effects.push(Effect::Adopt(key, call));
                self.effects.push(Effect::Start(key, 1));
            }
            Call::Terminate(id) => self.call_terminate(call, id),
            Call::Restart(_) | Call::Delete(_) => self.answer(call, Err(Refusal::Dynamic)),
        }
    }

    fn call_terminate(&mut self, call: CallId, id: Arc<str>) {
        let Some(key) = self.ids.get(&id).copied() else {
            return self.answer(call, Err(Refusal::NotFound));
        };
        let Some(child) = self.children.get_mut(&key) else { return };
        match child.state {
            State::Running => {
                child.state = State::Stopping(Some(call));
                self.effects.push(Effect::Stop(key, child.life));
            }
            State::Restarting | State::Quarantined => {
                self.forget(key);
                self.answer(call, Ok(key));
            }
            State::Starting(_) | State::Reviving | State::Stopping(_) => {
                self.wait(call, Call::Terminate(id));
            }
        }
    }

    fn state_of(&self, id: &str) -> Option<State> {
        let child = self.ids.get(id).and_then(|key| self.children.get(key));
        child.map(|child| child.state)
    }

    fn wait(&mut self, call: CallId, what: Call) {
        if self.waiting.len() < CALLS_WAITING_MAX {
            self.waiting.push_back((call, what));
        } else {
            self.answer(call, Err(Refusal::Busy));
        }
    }

    /// Some transition is complete: whoever waited for it has its turn, in order.
    fn call_again(&mut self) {
        for (call, what) in std::mem::take(&mut self.waiting) {
            self.call(call, what);
        }
    }

    // --- the end ---

    fn close(&mut self) {
        if self.closing.is_some() || self.over {
            return;
        }
        for (call, _) in std::mem::take(&mut self.waiting) {
            self.answer(call, Err(Refusal::Ending));
        }
        let mut keys: Vec<Key> = self.children.keys().copied().collect();
        keys.sort_unstable_by(|left, right| right.cmp(left));
        let mut left = 0;
        for key in keys {
            left += usize::from(self.stop_for_good(key));
        }
        self.closing = Some(left);
        if left == 0 {
            self.over = true;
            self.effects.push(Effect::Exit(Verdict::Shutdown));
        }
    }

    /// Tells whether the child must still be waited for.
    fn stop_for_good(&mut self, key: Key) -> bool {
        let Some(child) = self.children.get_mut(&key) else { return false };
        match child.state {
            State::Starting(call) => {
                child.state = State::Stopping(None);
                self.effects.push(Effect::Stop(key, child.life));
                self.effects.push(Effect::Answer(call, Err(Refusal::Ending)));
                true
            }
            State::Running | State::Reviving => {
                child.state = State::Stopping(None);
                self.effects.push(Effect::Stop(key, child.life));
                true
            }
            State::Stopping(_) => true,
            State::Restarting | State::Quarantined => {
                self.forget(key);
                false
            }
        }
    }

    // --- the list of children ---

    fn insert(&mut self, id: Arc<str>, call: CallId) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.ids.insert(Arc::clone(&id), key);
        let state = State::Starting(call);
        let child = Child { id, state, life: 1, attempts: 0, born_ms: 0, restarts: None };
        self.children.insert(key, child);
        key
    }

    fn current(&mut self, key: Key, life: Life) -> Option<&mut Child> {
        self.children.get_mut(&key).filter(|child| child.life == life)
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

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
