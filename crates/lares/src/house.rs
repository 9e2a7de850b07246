//! What `lares up` boots: the adapters, the node, and the tree that is planted on it.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use cli::Exit;
use domain::BoxFuture;
use domain::door::Door;
use domain::id::Id;
use domain::journal::Error;
use domain::lease::NodeId;
use domain::policy::TokenBearer;
use domain::time::{Clock, Dice};
use domain::token::Token;
use domain::tool::Tools;
use runtime::durable::Durable;
use runtime::{Node, Phase, SystemClock};
use skills::guard::Verb;
use skills::{Toolbox, hands};
use web::HttpDoor;

use crate::code;
use crate::configuration::Configuration;
use crate::dice::SystemDice;
use crate::environment;
use crate::failure::Failure;
use crate::journal::{self, Opened};

/// What every guard of a tool holds while anything of that tool lives.
pub(crate) const HANDS: &str = "guards.lock";
/// Guards end within a second of their node; a machine may be slow.
const HANDS_WITHIN: Duration = Duration::from_secs(20);

/// Everything that runs, from `boot` to `stop`.
pub(crate) struct House {
    address: SocketAddr,
    node: Node,
    entities: Durable,
    door: Arc<HttpDoor>,
    failed: BoxFuture<'static, Failure>,
    /// Given back in the end, so that nobody waits for it.
    lease: Option<upkeep::lease::Plan>,
}

impl House {
    /// Refuses an address that the door would never listen on.
    pub(crate) fn check(listen: SocketAddr) -> Result<(), Failure> {
        let options = web::Options { listen, ..web::Options::default() };
        options.validate().map_err(|error| Failure::new(Exit::Usage, error))
    }

    /// Wires the adapters and starts everyone. It returns when the doors are open.
    pub(crate) async fn boot(
        folder: &Path,
        me: NodeId,
        configuration: Configuration,
        accepts_loss: bool,
        token: Token,
    ) -> Result<Self, Failure> {
        let hands = std::path::absolute(folder.join(HANDS));
        let hands = hands.map_err(|error| Failure::new(Exit::Usage, error))?;
        // Whoever is still at work for the node before this one ends first: from then on all that
        // was under way is known to be over.
        let down = skills::hands_down(&hands, HANDS_WITHIN).await;
        down.map_err(handed)?;
        let Opened { journal, records, leases, backup, failed } =
            journal::open(folder, &configuration.store, accepts_loss)?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dice: Arc<dyn Dice> = Arc::new(SystemDice::new());
        let node = Node::new(&configuration.runtime, Arc::clone(&clock), Arc::clone(&dice), None)
            .map_err(|error| Failure::new(Exit::Failed, error))?;

        let tools = skills::Options {
            environment: environment::of_tools(),
            ..skills::Options::new(Verb::of_this_program(&[crate::GUARD]), hands)
        };
        let tools = Toolbox::new(tools).map_err(|error| Failure::new(Exit::Failed, error))?;
        let tools: Arc<dyn Tools> = Arc::new(tools);
        let boot = Id::roll(clock.now(), &*dice);
        if let Some(leases) = &leases {
            leases.begin(me, boot, upkeep::lease::LASTS).await.map_err(unleased)?;
        }
        let ports = tree::Ports {
            journal: Arc::clone(&journal),
            boot,
            tools: Arc::clone(&tools),
            policy: Arc::new(TokenBearer),
            lanes: configuration.lanes.board(),
        };
        let entities = tree::entities(&node, ports);
        let mail = entities.mail();
        let desk = Arc::new(work::Desk {
            mail: mail.clone(),
            journal: Arc::clone(&journal),
            records: Arc::clone(&records),
            tools,
            clock: Arc::clone(&clock),
            dice,
            limits: configuration.runs.clone(),
        });
        let bell: web::Bell = Arc::new(move |address| mail.ring(address));

        let defaults = web::Options::default();
        let options = web::Options {
            listen: configuration.listen,
            // Whatever may be in a script comes through the door.
            body_bytes_max: defaults.body_bytes_max.max(configuration.runs.script_bytes_max),
            ..defaults
        };
        let shown = web::Ports {
            census: node.census(),
            runs: Arc::new(work::Runs { desk: Arc::clone(&desk) }),
            approvals: Arc::new(work::Approvals { desk: Arc::clone(&desk) }),
            sessions: Arc::new(work::Sessions { desk }),
            records: Arc::clone(&records),
            journal,
            backup,
            clock,
            bell,
        };
        let door = HttpDoor::bind(options, token, shown)
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let door = Arc::new(door);
        let address = door.address();

        let (losing, mut lost) = tokio::sync::watch::channel(false);
        let lost = async move { lost.wait_for(|lost| *lost).await.is_ok() };
        let losing = Arc::new(move || {
            losing.send_replace(true);
        });
        let lease =
            leases.map(|leases| upkeep::lease::Plan { leases, node: me, boot, lost: losing });
        let failed = Box::pin(async move {
            tokio::select! {
                how = failed => unsynced(&how),
                true = lost => another(me),
                else => pending().await,
            }
        });
        let plan = configuration.retention.plan();
        let upkeep = tree::Upkeep { records, plan, lease: lease.clone() };
        let root = tree::root(&node, &entities, upkeep, Arc::clone(&door) as Arc<dyn Door>);
        node.plant(&root).map_err(|error| Failure::new(Exit::Failed, error))?;
        match node.reached(Phase::Starting).await {
            Phase::Ready => Ok(Self { address, node, entities, door, failed, lease }),
            Phase::Starting | Phase::Stopped | Phase::GaveUp => Err(root_gave_up(&node.why())),
        }
    }

    /// Where the door listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the house cannot go on, with the reason: its root has given up, its disk has
    /// not confirmed a write, after which nobody knows what it holds, or another process has begun
    /// as this node.
    pub(crate) async fn gave_up(&mut self) -> Failure {
        let House { node, failed, .. } = self;
        tokio::select! {
            biased;
            failure = failed => failure,
            _ended = node.reached(Phase::Ready) => root_gave_up(&node.why()),
        }
    }

    /// Takes in nothing that begins work and begins nothing more, until the next start. What is
    /// returned resolves when nothing runs any more, which may be never.
    pub(crate) fn drain(&self) -> BoxFuture<'static, ()> {
        // First the door: what it lets in from now on would only wait.
        self.door.close_intake();
        self.entities.drain();
        Box::pin(self.entities.drained())
    }

    /// How many steps and checks run.
    pub(crate) fn at_work(&self) -> usize {
        self.entities.at_work()
    }

    /// Stops everyone, the last started first, and waits for the end. The caller has a deadline.
    pub(crate) async fn stop(self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
        let Some(upkeep::lease::Plan { leases, node, boot, .. }) = self.lease else { return };
        if let Err(error) = leases.end(node, boot).await {
            tracing::warn!(%error, "the lease is not given back: others wait for its end");
        }
    }
}

fn unsynced(how: &str) -> Failure {
    let error = anyhow!(
        "the disk has not confirmed a write ({how}), and nobody knows what it holds: look at the \
         disk, then start the node again"
    );
    Failure::new(Exit::RootGaveUp, error).coded(code::UNSYNCED)
}

fn another(me: NodeId) -> Failure {
    let error = anyhow!(
        "another process has begun as this node, {me}: its data folder was copied, and each node \
         needs one of its own"
    );
    Failure::new(Exit::RootGaveUp, error).coded(code::SAME_NODE)
}

fn unleased(error: Error) -> Failure {
    let error = anyhow!(error).context("the journal does not take this node in");
    Failure::new(Exit::Failed, error)
}

fn root_gave_up(why: &str) -> Failure {
    let error =
        anyhow!("the root gave up: {why}; whoever manages this process should start it again");
    Failure::new(Exit::RootGaveUp, error).coded(code::ROOT_GAVE_UP)
}

fn handed(error: hands::Error) -> Failure {
    let code = match &error {
        hands::Error::Up { .. } => Some(code::HANDS_UP),
        hands::Error::File { .. } => None,
    };
    Failure::new(Exit::Usage, error).coded(code)
}
