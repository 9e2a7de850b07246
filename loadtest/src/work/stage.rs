//! A node with plans and sessions as the product has them, over a journal that counts what passes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use domain::id::{Address, Id, Kind};
use domain::journal::{Body, Post, Posted};
use domain::policy::TokenBearer;
use domain::records::{Query, Records, State};
use domain::time::{Clock, Dice};
use domain::tool::Tools;
use domain::tree::Actor;
use domain::wire::Written;
use runtime::durable::{Durable, Lanes, Mail};
use runtime::spec::Strategy;
use runtime::{Node, Phase, Supervisor, SystemClock};
use store::Sqlite;
use tokio::sync::oneshot;
use work::plan::{Brief, Post as PlanPost};
use work::session::{Post as SessionPost, Turn};

use super::counted::Counted;

/// A lane of one: whoever holds it holds up all others that want it.
pub(crate) const NARROW: &str = "narrow";
/// Plans that one look brings.
const PAGE: u32 = 256;

pub(crate) struct Stage {
    node: Node,
    pub(crate) journal: Arc<Counted>,
    mail: Mail,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
    _durable: Durable,
}

pub(crate) struct Random(AtomicU64);

impl Random {
    pub(crate) fn new() -> Self {
        Random(AtomicU64::new(wall_us()))
    }
}

impl Dice for Random {
    fn roll(&self) -> u64 {
        // A step of splitmix64: ids need to differ, and no more.
        let mut word = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
}

impl Stage {
    pub(crate) async fn new(folder: &Path, tools: Arc<dyn Tools>) -> anyhow::Result<Self> {
        let sqlite = Sqlite::open(folder, &store::Options::default())?;
        let journal = Arc::new(Counted::new(sqlite));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dice: Arc<dyn Dice> = Arc::new(Random::new());
        let node =
            Node::new(&runtime::Options::default(), Arc::clone(&clock), Arc::clone(&dice), None)?;
        let ports = tree::Ports {
            journal: Arc::clone(&journal) as _,
            boot: Id::roll(clock.now(), &*dice),
            tools,
            policy: Arc::new(TokenBearer),
            lanes: Lanes { permits: [(NARROW.into(), 1)].into(), others: 4_096 },
        };
        let durable = tree::entities(&node, ports);
        let root = Supervisor::new("root", Strategy::OneForOne).child(durable.as_child());
        node.plant(&root)?;
        anyhow::ensure!(node.reached(Phase::Starting).await == Phase::Ready, "the node is up");
        let mail = durable.mail();
        Ok(Stage { node, journal, mail, clock, dice, _durable: durable })
    }

    /// Opens a plan; resolves when it is durable. The receiver hears of its end.
    pub(crate) async fn open(&self, brief: Brief) -> anyhow::Result<oneshot::Receiver<()>> {
        let to = self.roll(Kind::Plan);
        self.post(to, true, PlanPost::Open(brief).write()).await
    }

    /// Says something in a new session; the receiver hears of the reply.
    pub(crate) async fn say(
        &self,
        brief: Brief,
    ) -> anyhow::Result<(Address, oneshot::Receiver<()>)> {
        let to = self.roll(Kind::Session);
        let replied = self.post(to, true, SessionPost::Turn(Turn { brief }).write()).await?;
        Ok((to, replied))
    }

    /// Says something more.
    pub(crate) async fn say_more(
        &self,
        to: Address,
        brief: Brief,
    ) -> anyhow::Result<oneshot::Receiver<()>> {
        self.post(to, false, SessionPost::Turn(Turn { brief }).write()).await
    }

    /// All plans of the journal that stand so.
    pub(crate) async fn plans(&self, state: Option<State>) -> anyhow::Result<Vec<Address>> {
        let mut plans = Vec::new();
        let mut before = None;
        loop {
            let query = Query { kind: Some(Kind::Plan), state, before, ..Query::default() };
            let entries = self.journal.sqlite.entities(query, PAGE).await?;
            let Some(last) = entries.last() else { return Ok(plans) };
            before = Some(last.place);
            plans.extend(entries.iter().map(|entry| entry.entity));
        }
    }

    /// How many entities are actors now.
    pub(crate) fn seated(&self) -> usize {
        fn find(actor: &Actor) -> Option<usize> {
            match actor.id == "entities" {
                true => Some(actor.children.len()),
                false => actor.children.iter().find_map(find),
            }
        }
        find(&self.node.census().tree()).unwrap_or(0)
    }

    fn roll(&self, kind: Kind) -> Address {
        Address { kind, id: Id::roll(self.clock.now(), &*self.dice) }
    }

    async fn post(
        &self,
        to: Address,
        opens: bool,
        body: Body,
    ) -> anyhow::Result<oneshot::Receiver<()>> {
        let end = self.journal.end(to);
        let now = self.clock.now();
        let key = Id::roll(now, &*self.dice).to_string().into();
        let post = Post { to, key, from: None, opens, body, at: now };
        match self.mail.post(post).await? {
            Posted::Taken(_) => Ok(end),
            other @ (Posted::Known(_) | Posted::Refused(_)) => {
                anyhow::bail!("a post was not taken: {other:?}")
            }
        }
    }

    pub(crate) async fn stop(&self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
    }
}

/// The same clock in every process of this machine.
pub(crate) fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
