//! What `lares up` boots: the adapters, the node, and the tree that is planted on it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cli::Exit;
use domain::BoxFuture;
use domain::door::Door;
use domain::id::Id;
use domain::journal::Journal;
use domain::policy::TokenBearer;
use domain::time::{Clock, Dice};
use domain::token::Token;
use domain::tool::Tools;
use runtime::{Node, Phase, SystemClock};
use skills::Toolbox;
use skills::guard::Verb;
use store::Sqlite;
use web::HttpDoor;

use crate::configuration::Configuration;
use crate::dice::SystemDice;
use crate::environment;
use crate::failure::Failure;

/// What every guard of a tool holds while anything of that tool lives.
const HANDS: &str = "guards.lock";
/// Guards end within a second of their node; a machine may be slow.
const HANDS_WITHIN: Duration = Duration::from_secs(20);

/// Everything that runs, from `boot` to `stop`.
pub(crate) struct House {
    address: SocketAddr,
    node: Node,
    failed: BoxFuture<'static, Option<String>>,
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
        configuration: Configuration,
        token: Token,
    ) -> Result<Self, Failure> {
        let hands = std::path::absolute(folder.join(HANDS));
        let hands = hands.map_err(|error| Failure::new(Exit::Usage, error))?;
        // Whoever is still at work for the node before this one ends first: from then on all that
        // was under way is known to be over.
        let down = skills::hands_down(&hands, HANDS_WITHIN).await;
        down.map_err(|error| Failure::new(Exit::Usage, error))?;
        let sqlite = Sqlite::open(folder, &store::Options::default());
        let sqlite = Arc::new(sqlite.map_err(|error| Failure::new(Exit::Usage, error))?);
        let failed = sqlite.failed();

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
        let journal: Arc<dyn Journal> = Arc::clone(&sqlite) as _;
        let ports = tree::Ports {
            journal: Arc::clone(&journal),
            boot: Id::roll(clock.now(), &*dice),
            tools: Arc::clone(&tools),
            policy: Arc::new(TokenBearer),
            lanes: configuration.lanes.board(),
        };
        let entities = tree::entities(&node, ports);
        let (mail, limits) = (entities.mail(), configuration.runs.clone());
        let sessions = work::Sessions {
            mail: mail.clone(),
            journal: Arc::clone(&journal),
            tools: Arc::clone(&tools),
            clock: Arc::clone(&clock),
            dice: Arc::clone(&dice),
            limits: limits.clone(),
        };
        let runs = work::Runs { mail, journal, records: sqlite, tools, clock, dice, limits };

        let options = web::Options { listen: configuration.listen, ..web::Options::default() };
        let shown = web::Ports {
            census: node.census(),
            runs: Arc::new(runs),
            sessions: Arc::new(sessions),
        };
        let door = HttpDoor::bind(options, token, shown)
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let address = door.address();

        let root = tree::root(&node, &entities, Arc::new(door));
        node.plant(&root).map_err(|error| Failure::new(Exit::Failed, error))?;
        match node.reached(Phase::Starting).await {
            Phase::Ready => Ok(Self { address, node, failed }),
            Phase::Starting | Phase::Stopped | Phase::GaveUp => {
                let why = node.why();
                Err(Failure::new(Exit::RootGaveUp, anyhow::anyhow!("the root gave up: {why}")))
            }
        }
    }

    /// Where the door listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the house cannot go on, with the reason: its root has given up, or its disk
    /// has not confirmed a write, after which nobody knows what it holds.
    pub(crate) async fn gave_up(&mut self) -> String {
        let House { node, failed, .. } = self;
        tokio::select! {
            biased;
            Some(how) = failed => format!("the journal cannot be trusted any more: {how}"),
            _ended = node.reached(Phase::Ready) => node.why(),
        }
    }

    /// Stops everyone, the last started first, and waits for the end. The caller has a deadline.
    pub(crate) async fn stop(self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
    }
}
