//! A node with plans in a simulated world, for the tests of what plans do.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::{Address, Id, Kind};
use domain::journal::{Journal, Post};
use domain::policy::{Act, Policy, Verdict};
use domain::run::{Request, Run};
use domain::time::Timestamp;
use domain::tool::Tools;
use domain::wire::Written;
use futures::executor::block_on;
use kit::world::{Site, World};
use runtime::Supervisor;
use runtime::durable::{Durable, Fittings, Kinds, Lanes, Past, Replayed, past, replay};
use runtime::spec::Strategy;
use serde_json::{Value, json};
use work::plan::{self as entity, Plan, tell};
use work::{Limits, Ports};

pub(crate) const NODE: &str = "a";
/// Longer than any sweep.
pub(crate) const A_WHILE: Duration = Duration::from_secs(30);

/// One node with plans, and nothing else.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) policy: Arc<Strict>,
}

/// Allows everything until it is told to allow nothing.
#[derive(Debug, Default)]
pub(crate) struct Strict(pub(crate) AtomicBool);

impl Policy for Strict {
    fn judge(&self, _act: &Act<'_>) -> Verdict {
        match self.0.load(Ordering::Relaxed) {
            true => Verdict::Denied("nothing is allowed any more".to_owned()),
            false => Verdict::Allowed,
        }
    }
}

fn house(site: &Site<'_>, policy: Arc<Strict>) -> Supervisor {
    let hands = Ports { tools: site.tools(), journal: site.journal() };
    let fittings = Fittings {
        journal: site.journal(),
        boot: site.boot_id(),
        policy,
        lanes: Lanes { permits: [("narrow".into(), 1), ("look".into(), 1)].into(), others: 16 },
        kinds: Kinds::default().with::<Plan>(hands),
    };
    let durable = Durable::new(site, fittings);
    Supervisor::new("root", Strategy::OneForOne).child(durable.as_child())
}

pub(crate) fn stage(seed: u64) -> Stage {
    let mut world = World::new(seed);
    let tools: Rc<RefCell<Option<Arc<dyn Tools>>>> = Rc::default();
    let seen = Rc::clone(&tools);
    let policy = Arc::new(Strict::default());
    let judge = Arc::clone(&policy);
    world.node(NODE, move |site| {
        seen.replace(Some(site.tools()));
        house(site, Arc::clone(&judge))
    });
    let tools = tools.borrow_mut().take().expect("it has booted");
    Stage { world, tools, policy }
}

pub(crate) fn plan(number: u8) -> Address {
    Address { kind: Kind::Plan, id: Id::from_bytes([number; 16]) }
}

impl Stage {
    pub(crate) fn post(&self, to: Address, key: &str, post: &entity::Post) {
        let body = post.write();
        let opens = matches!(post, entity::Post::Open(_));
        let at = Timestamp::from_millis(0);
        let post = Post { to, key: key.into(), from: None, opens, body, at };
        block_on(self.world.journal().post(post)).expect("the journal works");
    }

    /// What a plan has answered to what was posted under a key.
    pub(crate) fn answer(&mut self, number: u8, key: &str) -> entity::Answer {
        let journal = self.world.journal();
        let kept =
            || block_on(journal.answer(plan(number), key.into())).expect("the journal works");
        assert!(self.world.run_until(A_WHILE, |_| kept().is_some()), "nobody has answered {key}");
        let bytes = kept().expect("it was answered");
        serde_json::from_slice(&bytes).expect("an answer can be read")
    }

    pub(crate) fn open(&self, number: u8, rounds: &Value) {
        self.begin(number, json!({"version": 1, "rounds": rounds}).to_string().into());
    }

    /// A plan in whatever form people write one.
    pub(crate) fn begin(&self, number: u8, request: Request) {
        let brief = work::read(&request, &*self.tools, &Limits::default());
        let brief = brief.expect("nothing is wrong with it");
        self.post(plan(number), "open", &entity::Post::Open(brief));
    }

    pub(crate) fn run(&self, number: u8) -> Option<Run> {
        let journal = self.world.journal();
        let history = past::<Plan>(&*journal, plan(number));
        tell::run(plan(number), &block_on(history).expect("the history can be read"))
    }

    pub(crate) fn history(&self, number: u8) -> Vec<Past<entity::Event>> {
        let journal = self.world.journal();
        block_on(past::<Plan>(&*journal, plan(number))).expect("the history can be read")
    }

    /// Goes on until the plan has ended.
    pub(crate) fn finish(&mut self, number: u8) -> Run {
        self.until(number, |run| run.state.is_final())
    }

    pub(crate) fn until(&mut self, number: u8, holds: impl Fn(&Run) -> bool) -> Run {
        let journal = self.world.journal();
        let run = || {
            let history = past::<Plan>(&*journal, plan(number));
            tell::run(plan(number), &block_on(history).expect("the history can be read"))
        };
        let held = self.world.run_until(10 * A_WHILE, |_| run().is_some_and(|run| holds(&run)));
        assert!(held, "it never came to that: {:#?}", run());
        run().expect("it is open")
    }

    pub(crate) fn effects(&self, number: u8, step: &str) -> (u32, u32) {
        let done = self.world.outside().get(&format!("{}/{step}", plan(number))).copied();
        done.map_or((0, 0), |done| (done.requests, done.effects))
    }

    pub(crate) fn check_replay(&self, number: u8) {
        let journal = self.world.journal();
        let replayed = block_on(replay::<Plan>(&*journal, plan(number)));
        let replayed = replayed.expect("the history can be read");
        assert!(matches!(replayed, Replayed::Same { .. }), "{replayed:?}");
    }
}

/// What a plan has recorded, one line for each event.
pub(crate) fn story(stage: &Stage, number: u8) -> String {
    let history = block_on(past::<Plan>(&*stage.world.journal(), plan(number)));
    let history = history.expect("the history can be read");
    history.iter().map(|past| line(&past.event) + "\n").collect()
}

pub(crate) fn line(event: &entity::Event) -> String {
    use entity::Event;
    match event {
        Event::Opened(_) => "opened".to_owned(),
        Event::Planned(planned) if planned.pass == 1 => format!("round {}", planned.round),
        Event::Planned(planned) => format!("round {}, pass {}", planned.round, planned.pass),
        Event::Begun(begun) => format!("{} begun, attempt {}", begun.step, begun.attempt),
        Event::Ended(ended) => format!("{} {}", ended.step, ending(&ended.ending)),
        Event::Rested(rested) => format!("{} rests after attempt {}", rested.step, rested.attempt),
        Event::Doubted(doubted) => format!("{} in doubt, then {:?}", doubted.step, doubted.then),
        Event::Checking(checking) => format!("{} looked at, {}", checking.step, checking.look),
        Event::Unclear(unclear) => format!("{} still unclear, {}", unclear.step, unclear.look),
        Event::Asked(asked) => format!("{} asks", asked.step),
        Event::Settled(settled) => {
            format!("{} happened: {}, says {:?}", settled.step, settled.happened, settled.by)
        }
        Event::Sought(sought) => format!("{} seeks approval {}", sought.step, sought.number),
        Event::Answered(answered) => format!("{} {}", answered.step, answered.verdict.word()),
        Event::Signaled(signaled) => format!("signal {}", signaled.name),
        Event::Given(given) => format!("{} is {} now", given.name, given.value),
        Event::Reused(reused) => format!("{} {}, as recorded", reused.step, ending(&reused.ending)),
        Event::Paused(paused) => format!("paused: {}", paused.reason),
        Event::Resumed(_) => "resumed".to_owned(),
        Event::Undoing(undoing) => format!("undoing, then {:?}", undoing.outcome),
        Event::Cancelling(cancelling) => format!("canceling: {}", cancelling.reason),
        Event::Closed(closed) => {
            let left = closed.left.iter().map(|left| format!("; {} stays", left.step));
            format!("closed, {:?}{}", closed.outcome, left.collect::<String>())
        }
    }
}

pub(crate) fn ending(ending: &entity::Ending) -> String {
    match ending {
        entity::Ending::Done(_) => "done".to_owned(),
        entity::Ending::Failed(failure) => format!("failed: {}", failure.story),
        entity::Ending::Skipped(why) => format!("skipped: {why}"),
        entity::Ending::Stopped(failure) => format!("stopped: {}", failure.story),
    }
}
