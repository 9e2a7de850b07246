//! `lares up`: one node, from its folder to its farewell.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use cli::{DATA_DEFAULT, Exit, Node};
use domain::id::Id;
use domain::time::Clock as _;
use runtime::SystemClock;

use crate::configuration::{self, Configuration};
use crate::failure::Failure;
use crate::folder::{Folder, check_journal};
use crate::house::House;
use crate::journal;
use crate::signals::Signals;
use crate::{dice, log};

/// What may be said after `lares up`. It counts before the configuration file.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The node's own folder, made if missing; `lares.toml` in it is its configuration
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// The loopback address to listen on; port 0 takes any free one [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR:PORT", value_parser = configuration::address)]
    listen: Option<SocketAddr>,
    /// The Postgres server that keeps the journal, as postgres://USER@HOST:PORT/DATABASE; its
    /// password is taken from LARES_STORE_PASSWORD [default: a file in the data folder]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Use a server that may forget what it has acknowledged; the log says so at each start
    #[arg(long)]
    accept_loss: bool,
}

/// How long the whole house may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Runs a node until it is told to stop, or cannot go on.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    skills::close_inherited().context("cannot read /proc/self/fd").map_err(failed)?;
    log::start()?;
    // Before the folder: whoever mistypes an address finds nothing made.
    if let Some(listen) = arguments.listen {
        House::check(listen)?;
    }
    let folder = Folder::claim(&arguments.data)?;
    let mut configuration = Configuration::read(folder.path()).map_err(usage)?;
    if let Some(listen) = arguments.listen {
        configuration.listen = listen;
    }

    if let Some(store) = arguments.store {
        configuration.store.url = store;
    }

    let place = journal::name(journal::place(&configuration.store)?.as_ref());
    check_journal(folder.path(), &place)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime's threads")
        .map_err(failed)?;
    let ended = runtime.block_on(live(&folder, configuration, arguments.accept_loss, &place));
    // What has not ended by now is cut off: the process ends with it.
    runtime.shutdown_background();
    ended
}

async fn live(
    folder: &Folder,
    configuration: Configuration,
    accepts_loss: bool,
    place: &str,
) -> Result<Exit, Failure> {
    // Heard from the start, so that a node told to stop while it boots still says farewell.
    let mut signals = Signals::listen().context("cannot listen for signals").map_err(failed)?;
    let token = dice::token();
    let drain_max = configuration.drain;
    let me = folder.identity(|| Id::roll(SystemClock::new().now(), &dice::SystemDice::new()))?;
    let mut house =
        House::boot(folder.path(), me, configuration, accepts_loss, token.clone()).await?;
    // From the first start that found it on.
    folder.note_journal(place)?;

    let node = Node { pid: std::process::id(), url: format!("http://{}", house.address()), token };
    let announced = match folder.announce(&node) {
        Ok(announced) => announced,
        Err(error) => {
            // What kept it from being announced is what people need to know.
            if let Err(failure) = stop(house, &mut signals).await {
                tracing::warn!(%failure, "it did not stop in order");
            }
            return Err(error.into());
        }
    };
    say(&node.url);

    let ended = tokio::select! {
        biased;
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            match drain(&mut house, drain_max, &mut signals).await {
                Ok(()) => stop(house, &mut signals).await,
                Err(why) => Err(why),
            }
        }
        why = house.gave_up() => Err(why),
    };
    drop(announced);
    ended
}

/// Lets what runs end for so long, while nothing more begins. A second signal, or a house that
/// cannot go on, ends it at once.
async fn drain(house: &mut House, within: Duration, signals: &mut Signals) -> Result<(), Failure> {
    let drained = tokio::time::timeout(within, house.drain());
    let drain = domain::duration::render(within);
    tracing::info!(at_work = house.at_work(), drain, "draining");
    let drained = tokio::select! {
        biased;
        signal = signals.next() => return Err(second(signal)),
        why = house.gave_up() => return Err(why),
        drained = drained => drained,
    };
    if drained.is_err() {
        tracing::warn!(at_work = house.at_work(), drain, "what still runs is cut off now");
    }
    Ok(())
}

/// Stops the house politely, unless it takes too long or a second signal says that it does.
async fn stop(house: House, signals: &mut Signals) -> Result<Exit, Failure> {
    tokio::select! {
        biased;
        signal = signals.next() => Err(second(signal)),
        stopped = tokio::time::timeout(STOP_DEADLINE, house.stop()) => match stopped {
            Ok(()) => Ok(Exit::Done),
            Err(_elapsed) => {
                let deadline = domain::duration::render(STOP_DEADLINE);
                Err(failed(anyhow!("not everyone had stopped after {deadline}: cut off")))
            }
        },
    }
}

fn second(signal: &str) -> Failure {
    failed(anyhow!("ended at once by a second {signal}"))
}

/// The one line that whoever started the node waits for.
fn say(url: &str) {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "lares is listening on {url}").and_then(|()| out.flush());
    if let Err(error) = said {
        // A node whose starter has gone is still a node.
        tracing::warn!(%error, url, "nobody hears that the node is listening");
    }
}

fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Usage, error)
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Failed, error)
}
