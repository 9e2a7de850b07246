//! What `lares up` boots, and the only place that knows how it is put together.
//!
//! fixme: one door and a census of one actor stand here until there is a tree to supervise them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cli::Exit;
use domain::door::{self, Door};
use domain::time::{Clock, Dice};
use domain::token::Token;
use domain::tree::{Actor, Census, Mailbox, State};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use web::HttpDoor;

use crate::clock::SystemClock;
use crate::configuration::Configuration;
use crate::dice::SystemDice;
use crate::failure::Failure;

/// Everything that runs, from `boot` to `stop`.
pub(crate) struct House {
    address: SocketAddr,
    closing: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), door::Error>>,
}

impl House {
    /// Wires the adapters and starts everyone. It returns when the doors are open.
    pub(crate) async fn boot(configuration: Configuration, token: Token) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let dice: Arc<dyn Dice> = Arc::new(SystemDice::new());
        tracing::debug!(
            wall = ?clock.wall(),
            roll = dice.roll(),
            runtime = ?configuration.runtime,
            "booting"
        );

        let census = Arc::new(Alone { born: clock.monotonic(), clock });
        let options = web::Options { listen: configuration.listen, ..web::Options::default() };
        let door = HttpDoor::bind(options, token, census)
            .map_err(|error| Failure::new(Exit::Usage, error))?;

        let address = door.address();
        let (closing, closed) = oneshot::channel();
        let closed = async {
            closed.await.ok();
        };
        let serving = tokio::spawn(async move { door.serve(Box::pin(closed)).await });
        Ok(Self { address, closing, serving })
    }

    /// Where the door listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the root has given up, with the reason.
    pub(crate) async fn gave_up(&mut self) -> String {
        match (&mut self.serving).await {
            Ok(Ok(())) => "the door closed by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Stops everyone, the last started first, and waits for the end. The caller has a deadline.
    pub(crate) async fn stop(self) {
        self.closing.send(()).ok();
        self.serving.await.ok();
    }
}

/// A census where nobody is counted but the root.
struct Alone {
    clock: Arc<dyn Clock>,
    born: Duration,
}

impl Census for Alone {
    fn tree(&self) -> Actor {
        let age = self.clock.monotonic().saturating_sub(self.born);
        Actor {
            id: "root".to_owned(),
            kind: "supervisor".to_owned(),
            state: State::Running,
            incarnation: 1,
            restarts: 0,
            mailbox: Mailbox { depth: 0, bound: 256 },
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            last_error: None,
            children: Vec::new(),
        }
    }
}
