//! A house with plans in it, and the people who use it.
//!
//! People want something, and ask for it again under the same key until they have an answer. When
//! a plan asks what became of a step they look into the book of the outside, and say what is true;
//! whatever else a plan waits for they do as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::id::Address;
use domain::records::{Query, Records, State};
use domain::run::{Awaits, Run, StepState};
use domain::tree::Actor as Described;
use futures::executor::block_on;
use kit::world::{Done, Site, World};
use runtime::Supervisor;
use runtime::durable::{Past, past};
use serde_json::json;
use work::plan::{Event, Plan, SIGNAL, tell};

use super::people::{Answer, People, Wanted, Wish, desk};
use super::{HTTP, NODE, ports, upkeep};

/// Between two looks of people at what has become of their wishes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks later somebody without an answer asks again.
const LOOKS_UNTIL_ASKED_AGAIN: u32 = 8;
/// More than any test opens.
const PLANS_MAX: u32 = 1_000;
/// Rounds after which nobody resumes a plan any more.
const TAKEN_UP_MAX: u32 = 10;
/// What every plan of these tests calls what it waits for.
pub(super) const SIGNAL_NAME: &str = "go";

fn house(site: &Site<'_>, people: &Arc<People>) -> Supervisor {
    let durable = tree::entities(site, ports(site));
    tree::root(site, &durable, upkeep(site), site.door(HTTP)).child(desk(site, &durable, people))
}

/// A world, its people, and who of its nodes is there for them.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) people: Arc<People>,
    nodes: Vec<&'static str>,
    /// The node whose desk people go to.
    pub(super) asks: &'static str,
    /// The plans with a question, by what they had recorded when it was looked for.
    seen: BTreeMap<Address, u64>,
}

impl Stage {
    pub(super) fn new(seed: u64) -> Self {
        let (world, people) = (World::new(seed), Arc::default());
        let mut stage = Stage { world, people, nodes: vec![], asks: NODE, seen: BTreeMap::new() };
        stage.node(NODE);
        stage.world.run_for(Duration::ZERO);
        stage
    }

    pub(super) fn node(&mut self, name: &'static str) {
        self.nodes.push(name);
        let people = Arc::clone(&self.people);
        self.world.node(name, move |site| house(site, &people));
    }

    // --- what people want ---

    pub(super) fn wish(&mut self, key: &str, wish: Wish) {
        let wanted = Wanted { wish, looks: 0, answer: None };
        self.people.wishes().entry(key.to_owned()).or_insert(wanted);
        self.world.send(self.asks, "desk", key);
    }

    pub(super) fn open(&mut self, key: &str, plan: String) {
        self.wish(key, Wish::Open { plan });
    }

    /// What each of them was told, so far.
    pub(super) fn answers(&self) -> BTreeMap<String, Option<Answer>> {
        let wishes = self.people.wishes();
        wishes.iter().map(|(key, wanted)| (key.clone(), wanted.answer.clone())).collect()
    }

    fn ask_again(&mut self) {
        let mut again = Vec::new();
        for (key, wanted) in self.people.wishes().iter_mut() {
            wanted.looks += 1;
            if wanted.answer.is_none() && wanted.looks.is_multiple_of(LOOKS_UNTIL_ASKED_AGAIN) {
                again.push(key.clone());
            }
        }
        for key in again {
            self.world.send(self.asks, "desk", key);
        }
    }

    /// Does whatever a plan waits for, once it has recorded that it does.
    fn attend(&mut self) {
        let open = Query { state: Some(State::Open), ..Query::default() };
        for entry in self.entries(open) {
            if self.seen.insert(entry.entity, entry.head.0) == Some(entry.head.0) {
                continue;
            }
            let history = self.history(entry.entity);
            self.answer_questions(entry.entity, &history);
            if let Some(run) = tell::run(entry.entity, &history) {
                let wishes = [wanted_approvals(&run), wanted_signals(&run), wanted_resume(&run)];
                for (key, wish) in wishes.into_iter().flatten() {
                    self.wish(&key, wish);
                }
            }
        }
    }

    /// Says of every step that is asked about what the book of the outside says. Before it is
    /// asked something may still be under way: whoever looked then would not know.
    fn answer_questions(&mut self, run: Address, history: &[Past<Event>]) {
        let outside = self.world.outside();
        let questions = tell::questions(run, history).into_iter();
        for question in questions.filter(|question| question.awaits == Awaits::Person) {
            let step = question.step;
            let effects = format!("{run}/{step}");
            let happened = outside.get(&effects).is_some_and(|done| 0 < done.effects);
            let times = asked(history, &step);
            let key = format!("settle/{run}/{step}/{times}");
            self.wish(&key, Wish::Settle { run, step, happened });
        }
    }

    // --- time ---

    /// Goes on, with people and whoever starts processes again at their work, for so long.
    pub(super) fn go_on(&mut self, span: Duration) {
        let end = self.world.now() + span;
        loop {
            self.world.run_for(LOOK_EVERY.min(end - self.world.now()));
            self.look();
            if end <= self.world.now() {
                return;
            }
        }
    }

    fn look(&mut self) {
        for name in &self.nodes {
            if !self.world.runs(name) {
                self.world.boot_again(name);
            }
        }
        self.ask_again();
        self.attend();
    }

    /// Goes on until everybody has an answer and every plan has ended; no longer than `most`.
    pub(super) fn finish(&mut self, most: Duration) {
        let end = self.world.now() + most;
        while !self.is_over() {
            assert!(self.world.now() < end, "not over: {}", self.open_stories());
            self.go_on(LOOK_EVERY);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let is_answered = self.people.wishes().values().all(|wanted| wanted.answer.is_some());
        let open = Query { state: Some(State::Open), ..Query::default() };
        is_answered && self.entries(open).is_empty()
    }

    // --- looking ---

    pub(super) fn entries(&self, query: Query) -> Vec<domain::records::Entry> {
        let entries = block_on(self.world.journal().entities(query, PLANS_MAX));
        entries.expect("the shelf itself is always there")
    }

    pub(super) fn plans(&self) -> BTreeSet<Address> {
        self.entries(Query::default()).into_iter().map(|entry| entry.entity).collect()
    }

    pub(super) fn history(&self, plan: Address) -> Vec<Past<Event>> {
        let history = block_on(past::<Plan>(&*self.world.journal(), plan));
        history.expect("the history can be read")
    }

    pub(super) fn done(&self, plan: Address, step: &str) -> Done {
        self.world.outside().get(&format!("{plan}/{step}")).copied().unwrap_or_default()
    }

    /// The paths of whoever lives below the root of a node.
    pub(super) fn everybody(&self, node: &str) -> Vec<String> {
        let mut paths = Vec::new();
        if let Some(root) = self.world.tree(node) {
            root.children.iter().for_each(|child| walk(child, "root", &mut paths));
        }
        paths
    }

    fn open_stories(&self) -> String {
        let open = Query { state: Some(State::Open), ..Query::default() };
        let plans = self.entries(open).into_iter().map(|entry| {
            let events: Vec<String> = self.history(entry.entity).iter().map(short).collect();
            format!("{entry:?}\n{}", events.join("\n"))
        });
        let unanswered = self.answers().into_iter().filter(|(_, answer)| answer.is_none());
        let keys: Vec<String> = unanswered.map(|(key, _)| key).collect();
        let who: Vec<_> = self.nodes.iter().map(|name| self.everybody(name)).collect();
        format!("{who:#?}\nunanswered: {keys:?}\n{}", plans.collect::<Vec<_>>().join("\n"))
    }
}

/// A person allows what is asked, unless it says `no`, and has enough of a run that asks `enough`.
fn wanted_approvals(run: &Run) -> Vec<(String, Wish)> {
    let asked = run.steps.iter().filter(|step| step.state == StepState::AwaitsApproval);
    let asked = asked.filter_map(|step| step.approvals.last());
    let wanted = asked.map(|approval| match approval.about.as_str() {
        "enough" => (format!("enough/{}", run.id), Wish::Cancel { run: run.id }),
        about => {
            let (approval, granted) = (approval.id, about != "no");
            (format!("allow/{approval}"), Wish::Allow { approval, granted })
        }
    });
    wanted.collect()
}

/// Some come before anybody waits for them, and some after that.
fn wanted_signals(run: &Run) -> Vec<(String, Wish)> {
    let is_early = |step: &&domain::run::Step| {
        step.tool == SIGNAL && matches!(step.state, StepState::Waiting | StepState::Running)
    };
    let wanted = run.steps.iter().filter(is_early).map(|step| {
        let (name, data) = (SIGNAL_NAME.to_owned(), json!({ "for": step.id }));
        (format!("signal/{}/{}", run.id, step.id), Wish::Signal { run: run.id, name, data })
    });
    wanted.collect()
}

/// Whoever has resumed it so often has enough of it.
fn wanted_resume(run: &Run) -> Vec<(String, Wish)> {
    let (run, at, state) = (run.id, run.taken_up, run.state);
    let wanted = match at <= TAKEN_UP_MAX {
        true => (format!("resume/{run}/{at}"), Wish::Resume { run, at: Some(at) }),
        false => (format!("enough/{run}"), Wish::Cancel { run }),
    };
    (state == domain::run::State::Paused).then_some(wanted).into_iter().collect()
}

fn walk(actor: &Described, above: &str, paths: &mut Vec<String>) {
    let path = format!("{above}/{}", actor.id);
    actor.children.iter().for_each(|child| walk(child, &path, paths));
    paths.push(path);
}

pub(super) fn short(past: &Past<Event>) -> String {
    let mut text = format!("{} {:?}", past.at.as_millis(), past.event);
    text.truncate(text.char_indices().nth(200).map_or(text.len(), |(at, _)| at));
    text
}

/// How often a person was asked about a step.
fn asked(history: &[Past<Event>], id: &str) -> usize {
    let is_asked =
        |past: &&Past<Event>| matches!(&past.event, Event::Asked(asked) if asked.step == id);
    history.iter().filter(is_asked).count()
}
