//! What ractor 0.16.5 says of each way to end, and what we make of it.

use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

use super::*;

/// Tells what it reads of the events of its children.
struct Reader;

impl Actor for Reader {
    type Msg = ();
    type State = mpsc::Sender<(u64, Option<Exit>)>;
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        _myself: ActorRef<()>,
        told: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<()>,
        event: SupervisionEvent,
        told: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match read(&event) {
            Told::Started(actor) => told.try_send((actor, None))?,
            Told::Ended(actor, exit) => told.try_send((actor, Some(exit)))?,
            Told::Nothing => {}
        }
        Ok(())
    }
}

/// Ends as it is told to.
struct Ender;

enum How {
    Hang,
    Error,
    Foreign,
    Panic,
    PanicInText,
    PanicWithoutText,
}

impl Actor for Ender {
    type Msg = How;
    type State = ();
    type Arguments = Option<How>;

    async fn pre_start(
        &self,
        myself: ActorRef<How>,
        how: Option<How>,
    ) -> Result<(), ActorProcessingErr> {
        how.map_or(Ok(()), |how| myself.send_message(how).map_err(Into::into))
    }

    async fn handle(
        &self,
        _myself: ActorRef<How>,
        how: How,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match how {
            How::Hang => std::future::pending().await,
            How::Error => Err(Box::new(Failure("it broke".to_owned()))),
            How::Foreign => Err("an error of ractor's own".into()),
            How::Panic => panic!("it panicked"),
            How::PanicInText => panic!("it panicked {} times", 2),
            How::PanicWithoutText => std::panic::panic_any(7_u8),
        }
    }
}

/// How ractor told of an actor that was ended in this way.
async fn told_of(end: impl FnOnce(&ActorRef<How>, &JoinHandle<()>)) -> Exit {
    let (tell, mut told) = mpsc::channel(16);
    let (reader, reading) = Actor::spawn(None, Reader, tell).await.expect("it starts");
    let linked = Actor::spawn_linked(None, Ender, None, reader.get_cell()).await;
    let (actor, running) = linked.expect("it starts");
    assert_eq!(told.recv().await, Some((actor.get_id().pid(), None)), "first its start");
    end(&actor, &running);
    let (id, exit) = told.recv().await.expect("then its end");
    assert_eq!(id, actor.get_id().pid());
    reader.stop(None);
    reading.await.expect("it ends in order");
    exit.expect("an end")
}

fn hear(how: How) -> impl FnOnce(&ActorRef<How>, &JoinHandle<()>) {
    |actor, _| actor.send_message(how).expect("it lives")
}

#[tokio::test]
async fn every_way_to_end_an_actor_of_ractor_is_one_exit_of_ours() {
    let exit = told_of(|actor, _| actor.stop(None)).await;
    assert_eq!((exit.word(), exit), ("shutdown", Exit::Shutdown));
    let exit = told_of(|actor, _| actor.stop(Some(REASON_NORMAL.to_owned()))).await;
    assert_eq!((exit.word(), exit), ("normal", Exit::Normal));
    let exit = told_of(|actor, _| actor.stop(Some("any other reason".to_owned()))).await;
    assert_eq!(exit, Exit::Shutdown);
    let exit = told_of(|actor, _| actor.kill()).await;
    assert_eq!((exit.word(), exit), ("killed", Exit::Killed));
    let exit = told_of(|actor, _| {
        actor.send_message(How::Hang).expect("it lives");
        actor.kill();
    })
    .await;
    assert_eq!(exit, Exit::Killed);
    let exit = told_of(|_, running| running.abort()).await;
    assert_eq!(exit, Exit::Killed, "its task was cancelled");
    let exit = told_of(hear(How::Error)).await;
    assert_eq!((exit.word(), exit), ("error", Exit::Failed("it broke".to_owned())));
    let exit = told_of(hear(How::Foreign)).await;
    assert_eq!(exit, Exit::Panicked("an error of ractor's own".to_owned()));
    let exit = told_of(hear(How::Panic)).await;
    assert_eq!((exit.word(), exit), ("error", Exit::Panicked("it panicked".to_owned())));
    let exit = told_of(hear(How::PanicInText)).await;
    assert_eq!(exit, Exit::Panicked("it panicked 2 times".to_owned()));
    let exit = told_of(hear(How::PanicWithoutText)).await;
    let text = "Unknown panic occurred which couldn't be coerced to a string";
    assert_eq!(exit, Exit::Panicked(text.to_owned()));
}

#[test]
fn only_what_ended_well_is_a_clean_end() {
    let text = String::new;
    let rows = [
        (Exit::Normal, End::Clean),
        (Exit::Shutdown, End::Clean),
        (Exit::Failed(text()), End::Crash),
        (Exit::Panicked(text()), End::Crash),
        (Exit::Killed, End::Crash),
        (Exit::Fenced, End::Crash),
    ];
    for (exit, end) in rows {
        assert_eq!(exit.end(), end, "{exit:?}");
    }
}

#[test]
fn the_version_whose_ways_are_pinned_here_is_the_one_that_is_built() {
    let manifest = include_str!("../../../../Cargo.toml");
    assert!(
        manifest.contains("ractor = { version = \"=0.16.5\""),
        "read ractor's own list of changes, look at these tests, then change the version here"
    );
}
