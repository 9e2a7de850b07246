//! A node with plans as the product has them, over a journal that counts what passes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::BoxFuture;
use domain::blob::Blob;
use domain::id::{Address, Id, Kind};
use domain::journal::{
    Append, Appended, Claim, Claimed, Due, Error, Journal, Ordinal, Post, Posted, Recorded, Seq,
    Status, Unclaimed, Waiting,
};
use domain::policy::TokenBearer;
use domain::time::{Clock, Dice, Timestamp};
use domain::tool::{Call, Contract, Effect, Failure, OnDoubt, Output, Tools};
use domain::wire::Written;
use hdrhistogram::Histogram;
use runtime::durable::{Durable, Lanes, Mail};
use runtime::spec::Strategy;
use runtime::{Node, Phase, Supervisor, SystemClock};
use serde_json::{Value, json};
use store::Sqlite;
use tokio::sync::oneshot;
use work::plan::{Brief, Caps, Post as PlanPost, Task};

/// The one tool: does nothing, and remembers when.
pub(crate) const TRIVIAL: &str = "trivial";

/// What passed the journal since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) posts: AtomicU64,
    pub(crate) claims: AtomicU64,
    pub(crate) appends: AtomicU64,
}

/// The journal, and who waits for the end of which plan.
pub(crate) struct Counted {
    pub(crate) sqlite: Sqlite,
    pub(crate) counts: Counts,
    ends: Mutex<HashMap<Address, oneshot::Sender<()>>>,
}

/// Steps that were done, and the time from each to the next one of its plan.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) done: AtomicU64,
    last: Mutex<HashMap<Box<str>, Instant>>,
    pub(crate) micros: Mutex<Histogram<u64>>,
}

pub(crate) struct Stage {
    node: Node,
    pub(crate) journal: Arc<Counted>,
    pub(crate) steps: Arc<Steps>,
    pub(crate) mail: Mail,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    _durable: Durable,
}

struct Random(AtomicU64);

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
    pub(crate) async fn new(folder: &Path) -> anyhow::Result<Self> {
        let sqlite = Sqlite::open(folder, &store::Options::default())?;
        let journal =
            Arc::new(Counted { sqlite, counts: Counts::default(), ends: Mutex::default() });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let seed = u64::try_from(clock.wall().as_nanos()).unwrap_or(0);
        let dice: Arc<dyn Dice> = Arc::new(Random(AtomicU64::new(seed)));
        let node =
            Node::new(&runtime::Options::default(), Arc::clone(&clock), Arc::clone(&dice), None)?;
        let steps = Arc::new(Steps {
            done: AtomicU64::new(0),
            last: Mutex::default(),
            micros: Mutex::new(Histogram::new(3)?),
        });
        let ports = tree::Ports {
            journal: Arc::clone(&journal) as _,
            boot: Id::roll(clock.now(), &*dice),
            tools: Arc::new(Trivial(Arc::clone(&steps))),
            policy: Arc::new(TokenBearer),
            lanes: Lanes { others: 4_096, ..Lanes::default() },
        };
        let durable = tree::entities(&node, ports);
        let root = Supervisor::new("root", Strategy::OneForOne).child(durable.as_child());
        node.plant(&root)?;
        anyhow::ensure!(node.reached(Phase::Starting).await == Phase::Ready, "the node is up");
        let mail = durable.mail();
        Ok(Stage { node, journal, steps, mail, clock, dice, _durable: durable })
    }

    /// Opens a plan; resolves when it is durable. The receiver hears of its end.
    pub(crate) async fn open(&self, brief: Brief) -> anyhow::Result<oneshot::Receiver<()>> {
        let now = self.clock.now();
        let to = Address { kind: Kind::Plan, id: Id::roll(now, &*self.dice) };
        let (ended, end) = oneshot::channel();
        lock(&self.journal.ends).insert(to, ended);
        let body = PlanPost::Open(brief).write();
        let post = Post { to, key: "open".into(), from: None, opens: true, body, at: now };
        match self.mail.post(post).await? {
            Posted::Taken(_) => Ok(end),
            other @ (Posted::Known(_) | Posted::Refused(_)) => {
                anyhow::bail!("a plan was not taken: {other:?}")
            }
        }
    }

    pub(crate) async fn stop(&self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
    }
}

/// So many trivial steps, one after the other or all at once.
pub(crate) fn brief(steps: usize, in_sequence: bool) -> Brief {
    let task = |number: usize| Task {
        id: format!("s{number}"),
        tool: TRIVIAL.to_owned(),
        args: json!({}),
        digest: format!("{number}"),
        effect: Effect::Keyed,
        after: match number {
            0 => vec![],
            _ if in_sequence => vec![format!("s{}", number - 1)],
            _ => vec![],
        },
        locks: vec![],
        lane: TRIVIAL.to_owned(),
        is_far: false,
        attempts: 1,
        within_ms: 60_000,
        on_doubt: OnDoubt::Ask,
        check: None,
    };
    let caps = Caps { idle_rounds_max: 3, silence_max_ms: 1_000, depth_max: 1 };
    Brief { rounds: vec![(0..steps).map(task).collect()], caps, depth: 0 }
}

struct Trivial(Arc<Steps>);

impl Tools for Trivial {
    fn contracts(&self) -> Vec<Contract> {
        vec![Contract {
            name: TRIVIAL,
            about: "does nothing",
            arguments: json!({"type": "object"}),
            effect: Effect::Keyed,
            lane: TRIVIAL,
            is_far: false,
        }]
    }

    fn faults(&self, _tool: &str, _args: &Value) -> Vec<String> {
        Vec::new()
    }

    fn perform(
        &self,
        call: Call,
        _stop: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<Output, Failure>> {
        self.0.note(&call.key);
        Box::pin(std::future::ready(Ok(Output::default())))
    }
}

impl Steps {
    fn note(&self, key: &str) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let plan = key.split('/').next().unwrap_or(key);
        let before = lock(&self.last).insert(plan.into(), now);
        if let Some(before) = before {
            let micros = u64::try_from((now - before).as_micros()).unwrap_or(u64::MAX);
            let _ = lock(&self.micros).record(micros);
        }
    }

    pub(crate) fn forget(&self) {
        lock(&self.micros).reset();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal for Counted {
    fn post(&self, post: Post) -> BoxFuture<'_, Result<Posted, Error>> {
        self.counts.posts.fetch_add(1, Ordering::Relaxed);
        self.sqlite.post(post)
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Result<Claimed, Unclaimed>, Error>> {
        self.counts.claims.fetch_add(1, Ordering::Relaxed);
        self.sqlite.claim(claim)
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, Error>> {
        self.counts.appends.fetch_add(1, Ordering::Relaxed);
        let closes = (append.status == Status::Closed).then_some(append.entity);
        let appending = self.sqlite.append(append);
        let Some(address) = closes else { return appending };
        Box::pin(async move {
            let appended = appending.await?;
            if let Some(end) = lock(&self.ends).remove(&address) {
                // Whoever waited may have left.
                let _ = end.send(());
            }
            Ok(appended)
        })
    }

    fn keep(&self, bytes: Vec<u8>, at: Timestamp) -> BoxFuture<'_, Result<Blob, Error>> {
        self.sqlite.keep(bytes, at)
    }

    fn blob(&self, blob: Blob) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.sqlite.blob(blob)
    }

    fn history(
        &self,
        entity: Address,
        after: Seq,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, Error>> {
        self.sqlite.history(entity, after, limit)
    }

    fn inbox(
        &self,
        entity: Address,
        after: Ordinal,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Waiting>, Error>> {
        self.sqlite.inbox(entity, after, limit)
    }

    fn answer(
        &self,
        entity: Address,
        key: Arc<str>,
    ) -> BoxFuture<'_, Result<Option<Vec<u8>>, Error>> {
        self.sqlite.answer(entity, key)
    }

    fn due(&self, after: Option<Address>, limit: u32) -> BoxFuture<'_, Result<Vec<Due>, Error>> {
        self.sqlite.due(after, limit)
    }
}
