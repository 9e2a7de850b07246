//! A house with plans in it, and the people who use it.
//!
//! People want something, and ask for it again under the same key until they have an answer. When
//! a plan asks what became of a step they look into the book of the outside, and say what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::BoxError;
use domain::id::Address;
use domain::records::{Query, Records, State};
use domain::run::{Error, Runs as _};
use domain::tree::Actor as Described;
use futures::executor::block_on;
use kit::world::{Done, Point, Site, World};
use runtime::durable::{Durable, Past, past};
use runtime::{Actor, Child, Context, Message, Next, Supervisor, Worker};
use work::plan::{Event, Plan, tell};
use work::{Limits, Runs};

use super::{HTTP, NODE, ports, upkeep};

/// Between two looks of people at what has become of their wishes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks later somebody without an answer asks again.
const LOOKS_UNTIL_ASKED_AGAIN: u32 = 8;
/// More than any test opens.
const PLANS_MAX: u32 = 1_000;

/// Something that a person wants, and what they were told.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Open { script: String },
    Cancel { run: Address },
    Settle { run: Address, step: String, happened: bool },
}

#[derive(Debug, Clone)]
struct Wanted {
    wish: Wish,
    /// Looks since it was asked for.
    looks: u32,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Opened(Address),
    Done,
    Refused(String),
}

/// All that people want, by the keys under which they ask.
#[derive(Default)]
pub(super) struct People(Mutex<BTreeMap<String, Wanted>>);

impl People {
    fn wishes(&self) -> MutexGuard<'_, BTreeMap<String, Wanted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish_of(&self, key: &str) -> Option<Wish> {
        self.wishes().get(key).map(|wanted| wanted.wish.clone())
    }

    fn hear(&self, key: &str, answer: Answer) {
        if let Some(wanted) = self.wishes().get_mut(key) {
            wanted.answer.get_or_insert(answer);
        }
    }
}

/// Where people come with their wishes: the door of a node, without its socket.
struct Desk {
    runs: Arc<Runs>,
    people: Arc<People>,
    answered: Point,
}

struct Wished(String);

impl Message for Wished {}

impl Actor for Desk {
    type Message = Wished;

    async fn handle(
        &mut self,
        Wished(key): Wished,
        cx: &mut Context<Wished>,
    ) -> Result<Next, BoxError> {
        let Some(wish) = self.people.wish_of(&key) else { return Ok(Next::Go) };
        let (runs, people) = (Arc::clone(&self.runs), Arc::clone(&self.people));
        let (answered, path) = (self.answered.clone(), cx.path());
        cx.spawn(async move {
            if let Some(answer) = fulfil(&runs, &key, wish).await {
                answered.reach(&path).await;
                people.hear(&key, answer);
            }
        });
        Ok(Next::Go)
    }
}

/// Nothing where nobody can say yet: whoever wants it asks again.
async fn fulfil(runs: &Runs, key: &str, wish: Wish) -> Option<Answer> {
    let key = Some(key.to_owned());
    let told = match wish {
        Wish::Open { script } => runs.open(script.into(), key).await.map(Answer::Opened),
        Wish::Cancel { run } => {
            let canceled = runs.cancel(run, "enough".to_owned(), key).await;
            canceled.map(|()| Answer::Done)
        }
        Wish::Settle { run, step, happened } => {
            runs.settle(run, step, happened, key).await.map(|()| Answer::Done)
        }
    };
    match told {
        Ok(answer) => Some(answer),
        Err(Error::Unavailable(_) | Error::Journal(_)) => None,
        Err(refused) => Some(Answer::Refused(refused.to_string())),
    }
}

fn desk(site: &Site<'_>, durable: &Durable, people: &Arc<People>) -> Child {
    let desk = work::Desk {
        mail: durable.mail(),
        journal: site.journal(),
        records: site.records(),
        tools: site.tools(),
        clock: site.clock(),
        dice: site.dice(),
        limits: Limits::default(),
    };
    let runs = Arc::new(Runs { desk: Arc::new(desk) });
    let (people, answered) = (Arc::clone(people), site.point("answer"));
    let make = move || Desk {
        runs: Arc::clone(&runs),
        people: Arc::clone(&people),
        answered: answered.clone(),
    };
    let (child, handle) = Worker::new("desk", "desk", make).on(site);
    site.wire().listen("desk", move |letter| {
        // Refused, it is asked for again.
        let _ = handle.tell(Wished(letter.text));
    });
    child
}

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

    pub(super) fn open(&mut self, key: &str, script: String) {
        self.wish(key, Wish::Open { script });
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

    /// Says of every step that is asked about what the book of the outside says.
    fn answer_questions(&mut self) {
        let outside = self.world.outside();
        let open = Query { state: Some(State::Open), ..Query::default() };
        for entry in self.entries(open) {
            if self.seen.insert(entry.entity, entry.head.0) == Some(entry.head.0) {
                continue;
            }
            let history = self.history(entry.entity);
            for question in tell::questions(entry.entity, &history) {
                let effects = format!("{}/{}", entry.entity, question.step);
                let happened = outside.get(&effects).is_some_and(|done| 0 < done.effects);
                let times = asked(&history, &question.step);
                let key = format!("settle/{}/{}/{times}", entry.entity, question.step);
                let (run, step) = (entry.entity, question.step);
                self.wish(&key, Wish::Settle { run, step, happened });
            }
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
        self.answer_questions();
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
