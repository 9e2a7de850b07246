//! What `lares up` boots: the adapters, the node, and the tree that is planted on it.

use std::net::SocketAddr;
use std::sync::Arc;

use cli::Exit;
use domain::door::Door;
use domain::token::Token;
use runtime::{Node, Phase, SystemClock};
use web::HttpDoor;

use crate::configuration::Configuration;
use crate::dice::SystemDice;
use crate::failure::Failure;

/// Everything that runs, from `boot` to `stop`.
pub(crate) struct House {
    address: SocketAddr,
    node: Node,
}

impl House {
    /// Refuses an address that the door would never listen on.
    pub(crate) fn check(listen: SocketAddr) -> Result<(), Failure> {
        let options = web::Options { listen, ..web::Options::default() };
        options.validate().map_err(|error| Failure::new(Exit::Usage, error))
    }

    /// Wires the adapters and starts everyone. It returns when the doors are open.
    pub(crate) async fn boot(configuration: Configuration, token: Token) -> Result<Self, Failure> {
        let clock = Arc::new(SystemClock::new());
        let dice = Arc::new(SystemDice::new());
        let node = Node::new(&configuration.runtime, clock, dice, None)
            .map_err(|error| Failure::new(Exit::Failed, error))?;

        let options = web::Options { listen: configuration.listen, ..web::Options::default() };
        let door = HttpDoor::bind(options, token, node.census())
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let address = door.address();

        let root = tree::root(&node, &tree::Ports { http: Arc::new(door) });
        node.plant(&root).map_err(|error| Failure::new(Exit::Failed, error))?;
        match node.reached(Phase::Starting).await {
            Phase::Ready => Ok(Self { address, node }),
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

    /// Resolves when the root has given up, with the reason.
    pub(crate) async fn gave_up(&mut self) -> String {
        self.node.reached(Phase::Ready).await;
        self.node.why()
    }

    /// Stops everyone, the last started first, and waits for the end. The caller has a deadline.
    pub(crate) async fn stop(self) {
        self.node.stop();
        self.node.reached(Phase::Ready).await;
    }
}
