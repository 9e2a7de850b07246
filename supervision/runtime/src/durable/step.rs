//! A child of an entity: performs one job, and says what it came to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::id::Address;
use domain::{BoxError, BoxFuture};
use tokio::sync::oneshot;

use super::entity::{Bench, Ended, Entity, Job};
use super::house::{House, PAUSE};
use super::lanes::Permit;
use super::shell::Knock;
use crate::spec::{Restart, Shutdown};
use crate::{Actor, Bounds, Class, Context, Exit, Handle, Message, Next, Refused, Why, Worker};

/// How long an outcome waits for a place with its entity before it asks for one again.
const SAID_WITHIN: Duration = Duration::from_secs(60);

/// The one thing a step hears, once it is up.
pub(super) struct Perform;

impl Message for Perform {}

struct Step<E: Entity> {
    key: E::Key,
    number: u64,
    job: Option<(E::Job, BoxFuture<'static, ()>)>,
    ports: E::Ports,
    entity: Handle<Knock<E>>,
    /// Its outcome was told.
    said: Arc<AtomicBool>,
}

/// A child at its work.
pub(super) struct Running {
    pub(super) number: u64,
    /// Asks it to end; so does dropping this, when nobody is left to hear of its end.
    pub(super) stop: Option<oneshot::Sender<()>>,
    /// Back in its lanes when the end of the child was heard.
    pub(super) permit: Option<Permit>,
}

/// Has a child started, which nobody waits for, and sees to it that its entity hears what became of
/// it in any case.
pub(super) fn start<E: Entity>(
    house: &Arc<House>,
    me: Address,
    (key, job): (E::Key, E::Job),
    ports: &E::Ports,
    cx: &Context<Knock<E>>,
) -> (u64, oneshot::Sender<()>) {
    let number = house.add_child(me);
    let (entity, ports, its_key) = (cx.myself(), ports.clone(), key.clone());
    let (stop, stopped) = oneshot::channel();
    let stopped: BoxFuture<'static, ()> = Box::pin(async { drop(stopped.await) });
    let job = Mutex::new(Some((job, stopped)));
    let said = Arc::new(AtomicBool::new(false));
    let (has_said, heir, node) = (Arc::clone(&said), cx.myself(), Arc::clone(cx.node()));
    let crew = cx.incarnation.crew();
    let make = move || Step {
        key: its_key.clone(),
        number,
        job: job.lock().unwrap_or_else(PoisonError::into_inner).take(),
        ports: ports.clone(),
        entity: entity.clone(),
        said: Arc::clone(&said),
    };
    let mourn = move |exit: Option<&Exit>| {
        if has_said.load(Ordering::Acquire) {
            return;
        }
        let (threads, clock) = (Arc::clone(&node.threads), Arc::clone(&node.clock));
        let exit = exit.map(ToString::to_string);
        threads.spawn_beside(crew, Class::Adapter, async move {
            let knock = match exit {
                Some(why) => Knock::Ended(key, number, Box::new(Ended::Lost(why))),
                None => {
                    clock.sleep(PAUSE).await;
                    Knock::Unstarted(key, number)
                }
            };
            tell(&heir, knock).await;
        });
    };
    let worker = Worker::new(&House::child_id(me, number), "step", make)
        .restart(Restart::Temporary)
        .shutdown(Shutdown::Brutal)
        // Where the sockets are that its calls wait for.
        .class(Class::Adapter)
        .mailbox(Bounds { messages_max: 1, ..Bounds::default() })
        .mourned(mourn);
    let (child, handle) = worker.beside(cx);
    // By its supervisor, and not by itself as it comes up: in one go with that it would have woken
    // the supervisor, and whatever it does next would hold the thread that the supervisor is to run
    // on.
    house.steps.start_and(child, move || {
        if handle.tell(Perform).is_err() {
            handle.kill();
        }
    });
    (number, stop)
}

/// Tells an entity what it must hear, for as long as it lives: a full mailbox is waited for, while
/// the journal that the entity waits for is away.
async fn tell<E: Entity>(entity: &Handle<Knock<E>>, mut knock: Knock<E>) {
    while let Err(Refused { message, why: Why::Late }) =
        entity.tell_within(knock, SAID_WITHIN).await
    {
        knock = message;
    }
}

impl<E: Entity> Actor for Step<E> {
    type Message = Perform;

    async fn handle(
        &mut self,
        Perform: Perform,
        cx: &mut Context<Perform>,
    ) -> Result<Next, BoxError> {
        let (job, stop) = self.job.take().ok_or("a step is performed once")?;
        let outcome = job.perform(self.ports.clone(), Bench { cx, stop }).await;
        let ended = Box::new(Ended::Said(outcome));
        let said = Knock::Ended(self.key.clone(), self.number, ended);
        tell(&self.entity, said).await;
        self.said.store(true, Ordering::Release);
        Ok(Next::Done)
    }
}
