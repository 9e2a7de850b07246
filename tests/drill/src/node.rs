//! The node that is killed: store, runtime and plans as in the product, with hands that reach the
//! ledger alone. Beside it, in the same process, its client and the people who are asked.
//!
//! It says `ready` and ends when all plans are final, when it is told to, or with whoever started
//! it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use domain::BoxFuture;
use domain::id::{Id, Kind};
use domain::journal::Journal;
use domain::mutants::{self, Mutant};
use domain::policy::TokenBearer;
use domain::records::{Query, Records, State};
use domain::time::{Clock, Dice};
use domain::tool::Tools;
use futures::{StreamExt, TryStreamExt, stream};
use runtime::durable::{Lanes, Mail};
use runtime::spec::Strategy;
use runtime::{Node, Phase, Supervisor, SystemClock};
use tokio::signal::unix::{SignalKind, signal};
use work::{Approvals, Desk, Limits, Runs};

use crate::keeping::{self, Opened};
use crate::people::{Client, People};
use crate::process;
use crate::script;
use crate::tools::Hands;
use crate::trail::{self, Said, Trail, Trailed};
use crate::world::World;

/// Requests that may be under way at a time.
const LANE: u32 = 64;
/// Posts of the client that may be under way at a time.
const POSTS: usize = 16;
/// Between two looks at what is open and what is asked.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) const TRAIL: &str = "trail";
const LOCK: &str = "lock";

/// One life of the node.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Holds its store and its trail.
    #[arg(long)]
    pub folder: PathBuf,
    /// The port of the ledger.
    #[arg(long)]
    pub ledger: u16,
    /// How many plans its client opens.
    #[arg(long)]
    pub plans: u32,
    /// Another one for each life: what it rolls was never rolled before.
    #[arg(long)]
    pub seed: u64,
    /// The client opens all plans under keys of its own, also those that are accepted.
    #[arg(long)]
    pub again: bool,
    /// A promise that this process breaks.
    #[arg(long, value_parser = mutant)]
    pub mutant: Option<Mutant>,
    /// The Postgres server that keeps its journal.
    #[arg(long)]
    pub store: Option<String>,
}

pub(crate) fn mutant(name: &str) -> Result<Mutant, String> {
    let known = || Mutant::ALL.map(Mutant::name).join(", ");
    Mutant::from_name(name).ok_or_else(|| format!("there are {}", known()))
}

/// Lives until all plans are final.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(mutant) = options.mutant {
        mutants::become_one(mutant);
    }
    let _lock = lock(&options.folder)?;
    // The hands of the node before this one are known to be dead from here on.
    World(options.ledger).quiet()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let orphaned = process::orphaned();
        let mut told = signal(SignalKind::terminate())?;
        let (mut house, failed) = House::boot(options).await?;
        process::say("ready")?;
        let ended = tokio::select! {
            ended = house.work(options) => ended,
            how = failed => Err(anyhow!("its journal failed: {how:?}")),
            _ = house.node.reached(Phase::Ready) => Err(anyhow!("it gave up: {}", house.node.why())),
            _ = told.recv() => Ok(()),
            () = orphaned => Ok(()),
        };
        house.stop().await;
        ended
    })
}

/// Never do two nodes have the same folder.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let options = OpenOptions::new().create(true).append(true).open(folder.join(LOCK));
    let lock = options.context("the lock of the folder")?;
    lock.try_lock().context("another node has this folder")?;
    Ok(lock)
}

pub(crate) struct House {
    node: Node,
    records: Arc<dyn Records>,
    pub(crate) mail: Mail,
    pub(crate) runs: Runs,
    pub(crate) approvals: Approvals,
    pub(crate) trail: Trail,
    pub(crate) world: World,
}

impl House {
    /// With what resolves once its journal has failed.
    async fn boot(options: &Options) -> anyhow::Result<(Self, BoxFuture<'static, Option<String>>)> {
        let Opened { journal, records, failed } =
            keeping::open(&options.folder, options.store.as_deref())?;
        let trail = || Trail::open(&options.folder.join(TRAIL));
        let journal: Arc<dyn Journal> = Arc::new(Trailed { journal, trail: trail()? });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dice: Arc<dyn Dice> = Arc::new(Seeded(AtomicU64::new(options.seed)));
        let node =
            Node::new(&runtime::Options::default(), Arc::clone(&clock), Arc::clone(&dice), None)?;
        let tools: Arc<dyn Tools> = Arc::new(Hands { port: options.ledger });
        let ports = tree::Ports {
            journal: Arc::clone(&journal),
            boot: Id::roll(clock.now(), &*dice),
            tools: Arc::clone(&tools),
            policy: Arc::new(TokenBearer),
            lanes: Lanes { others: LANE, ..Lanes::default() },
        };
        let entities = tree::entities(&node, ports);
        let limits = Limits::default();
        let mail = entities.mail();
        let desk = Desk {
            mail: mail.clone(),
            journal,
            records: Arc::clone(&records),
            tools,
            clock,
            dice,
            limits,
        };
        let desk = Arc::new(desk);
        let (runs, approvals) = (Runs { desk: Arc::clone(&desk) }, Approvals { desk });
        let root = Supervisor::new("root", Strategy::OneForOne).child(entities.as_child());
        node.plant(&root)?;
        match node.reached(Phase::Starting).await {
            Phase::Ready => {}
            Phase::Starting | Phase::Stopped | Phase::GaveUp => {
                return Err(anyhow!("it gave up: {}", node.why()));
            }
        }
        let world = World(options.ledger);
        let trail = trail()?;
        Ok((House { node, records, mail, runs, approvals, trail, world }, failed))
    }

    /// The client opens what is not accepted yet, and people answer, until all is final.
    async fn work(&self, options: &Options) -> anyhow::Result<()> {
        let accepted = match options.again {
            true => Vec::new(),
            false => trail::read(&options.folder.join(TRAIL))?,
        };
        let is_accepted = |number: u32| {
            let plan = script::plan(number);
            accepted.iter().any(|(to, said)| *to == plan && matches!(said, Said::Accepted { .. }))
        };
        let client = Client { house: self, again: options.again };
        let opened = stream::iter(1..=options.plans).map(async |number| {
            if !is_accepted(number) {
                client.open(number).await?;
            }
            // Whether this was taken nobody has written down.
            if script::is_written(number) { client.signal(number).await } else { Ok(()) }
        });
        opened.buffer_unordered(POSTS).try_collect::<()>().await?;
        let people = People { house: self };
        loop {
            people.settle().await?;
            people.allow().await;
            let query =
                Query { kind: Some(Kind::Plan), state: Some(State::Open), ..Query::default() };
            if self.records.entities(query, 1).await?.is_empty() {
                return Ok(());
            }
            self.runs.desk.clock.sleep(PAUSE).await;
        }
    }

    async fn stop(&mut self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
    }
}

/// Chance from a seed, as splitmix makes it.
struct Seeded(AtomicU64);

impl Dice for Seeded {
    fn roll(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        splitmix(self.0.fetch_add(step, Ordering::Relaxed))
    }
}

/// Bits that have little to do with those of the seed.
pub(crate) fn splitmix(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
