//! What a worker is: an actor of ours, and the ractor actor that carries it.

use std::any::Any;
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::{BoxError, time};
use futures::FutureExt;
use ractor::{ActorCell, ActorProcessingErr, ActorRef};

use crate::child::Birth;
use crate::exit::{Failure, REASON_NORMAL};
use crate::handle::Handle;
use crate::incarnation::{self, Doing, Hand, Incarnation};
use crate::mailbox::{Mailbox, Message, Post, Wake};
use crate::node::Shared;
use crate::threads::Class;
use crate::{names, patience};

/// The messages one look at the mailbox may handle before others on the thread get a turn.
const BATCH_MAX: u32 = 64;

/// What a handler wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next message.
    Go,
    /// Nothing more: its work is done.
    Done,
    /// To end as if it had been asked to.
    Shutdown,
}

/// Why an actor is about to end in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Its supervisor asked; the deadline of its specification runs.
    Asked,
    /// It said so itself.
    Own,
}

/// State and time behind a mailbox: hears one message after the other.
///
/// An error crashes the incarnation, and so does a panic; its supervisor decides what follows.
/// Nothing slow is awaited here: it is started as a task or as a child that answers by message.
pub trait Actor: Send + Sized + 'static {
    type Message: Message;

    /// Makes ready; the supervisor goes on with the next sibling once this has returned.
    fn init(
        &mut self,
        _cx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        ready(Ok(()))
    }

    fn handle(
        &mut self,
        message: Self::Message,
        cx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<Next, BoxError>> + Send;

    /// Tidies up before an end in good order; after a crash or a kill it is not called.
    fn leave(
        &mut self,
        _why: Leave,
        _cx: &mut Context<Self::Message>,
    ) -> impl Future<Output = ()> + Send {
        ready(())
    }
}

/// What an actor may do beyond its own state; everything it starts here ends with it.
pub struct Context<M: Message> {
    incarnation: Arc<Incarnation>,
    mailbox: Arc<Mailbox<M>>,
    node: Arc<Shared>,
}

/// Why a port call or blocking work came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    #[error("the call was not done within {0:?}")]
    Late(Duration),
    #[error("this incarnation was cut off")]
    Fenced,
}

impl<M: Message> Context<M> {
    /// Its ids from the root down.
    pub fn path(&self) -> String {
        self.incarnation.seat.path()
    }

    pub fn clock(&self) -> Arc<dyn time::Clock> {
        Arc::clone(&self.node.clock)
    }

    pub fn dice(&self) -> Arc<dyn time::Dice> {
        Arc::clone(&self.node.dice)
    }

    /// A handle to itself.
    pub fn myself(&self) -> Handle<M> {
        Handle::new(Arc::clone(&self.mailbox), Arc::clone(&self.node))
    }

    /// Starts a task that ends with this incarnation; a panic in it crashes the actor.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let hand = self.incarnation.hand();
        let task = Arc::clone(&self.incarnation).run_task(hand, work);
        self.incarnation.keep_task(spawn_here(task));
    }

    /// Runs blocking work on a thread of its own, under a counted permit of the node.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unserved> {
        if self.incarnation.is_fenced() {
            return Err(Unserved::Fenced);
        }
        let hand = self.incarnation.hand();
        if !self.node.threads.is_split() {
            return Ok(self.incarnation.enter_blocking(work));
        }
        let permits = Arc::clone(&self.node.blocking);
        let permit = permits.acquire_owned().await.map_err(|_| Unserved::Fenced)?;
        let incarnation = Arc::clone(&self.incarnation);
        let running = spawn_blocking_here(move || {
            let output = incarnation.enter_blocking(work);
            drop((permit, hand));
            output
        });
        running.await.map_err(|error| incarnation::panic_again(error))
    }

    /// Calls a port. The call goes on when the actor is killed meanwhile, and keeps it from being
    /// over, but never beyond this deadline.
    pub async fn call<T: Send + 'static>(
        &self,
        deadline: Duration,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Unserved> {
        if self.incarnation.is_fenced() {
            return Err(Unserved::Fenced);
        }
        let hand = self.incarnation.hand();
        let clock = Arc::clone(&self.node.clock);
        let incarnation = Arc::clone(&self.incarnation);
        let (done, answer) = tokio::sync::oneshot::channel();
        let caller = Arc::clone(&incarnation);
        let bounded = caller.run_task(hand, async move {
            let output = patience::within(call, deadline, &*clock).await;
            let _ = done.send(output);
        });
        drop(incarnation);
        spawn_here(bounded);
        match answer.await {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err(Unserved::Late(deadline)),
            // The task ends without an answer only by a panic, and that kills this actor.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes a name that nobody else on this node has; it is freed when this incarnation is over.
    pub fn claim(&self, name: &str) -> Result<(), names::Taken> {
        let entry: Box<dyn Any + Send + Sync> = Box::new(self.myself());
        names::claim(&self.node.names, name, entry, &self.incarnation)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where an actor's task is spawned")]
fn spawn_here(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
    tokio::spawn(task).abort_handle()
}

#[expect(clippy::disallowed_methods, reason = "the one place where blocking work is spawned")]
fn spawn_blocking_here<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// Brings up incarnations of one worker; kept by its specification.
pub(crate) struct Cradle<A: Actor, F> {
    pub(crate) make: F,
    pub(crate) mailbox: Arc<Mailbox<A::Message>>,
    pub(crate) node: Arc<Shared>,
}

impl<A, F> Birth for Cradle<A, F>
where
    A: Actor,
    F: Fn() -> A + Send + Sync + 'static,
{
    fn bear(
        self: Arc<Self>,
        incarnation: Arc<Incarnation>,
        class: Class,
        start_deadline: Duration,
        parent: ActorCell,
    ) -> Result<ActorCell, String> {
        let (place, crew) = self.node.threads.place(class);
        let cx = Context {
            incarnation: Arc::clone(&incarnation),
            mailbox: Arc::clone(&self.mailbox),
            node: Arc::clone(&self.node),
        };
        let hand = incarnation.hand();
        let serial = incarnation.serial;
        let in_flight = InFlight { mailbox: Arc::clone(&self.mailbox), serial, is_held: false };
        let cradle: Arc<dyn Make<A>> = self;
        let desk = Desk { actor: None, cradle, start_deadline, in_flight, cx, hand };
        let _on_its_threads = place.enter();
        // ractor runs `pre_start` in the caller; ours returns at once, so the future is ready.
        let spawned = ractor::Actor::spawn_linked(None, Worker::<A>::new(), desk, parent);
        let (actor, _) = spawned
            .now_or_never()
            .ok_or("the start of an actor did not return at once")?
            .map_err(|error| error.to_string())?;
        incarnation.settle_in(actor.get_cell(), crew);
        Ok(actor.get_cell())
    }

    fn post(&self) -> Arc<dyn Post> {
        Arc::clone(&self.mailbox) as Arc<dyn Post>
    }
}

trait Make<A>: Send + Sync {
    fn make(&self) -> A;
}

impl<A: Actor, F: Fn() -> A + Send + Sync> Make<A> for Cradle<A, F> {
    fn make(&self) -> A {
        (self.make)()
    }
}

/// The ractor side of a worker.
struct Worker<A>(std::marker::PhantomData<fn() -> A>);

impl<A> Worker<A> {
    fn new() -> Self {
        Worker(std::marker::PhantomData)
    }
}

/// Everything one incarnation holds; dropping it is the last thing it does.
struct Desk<A: Actor> {
    actor: Option<A>,
    cradle: Arc<dyn Make<A>>,
    start_deadline: Duration,
    in_flight: InFlight<A::Message>,
    cx: Context<A::Message>,
    /// Last, so that all else is gone when this hand is empty.
    #[expect(dead_code, reason = "held for its drop")]
    hand: Hand,
}

impl<A: Actor> Drop for Desk<A> {
    /// An actor that was killed is handed to its supervisor by ractor. It is let go on its own
    /// threads all the same, and whatever it does there is its own affair.
    fn drop(&mut self) {
        let Some(actor) = self.actor.take() else { return };
        let incarnation = Arc::clone(&self.cx.incarnation);
        let hand = incarnation.hand();
        let let_go = move || {
            let dropped = || incarnation.enter(|| drop(actor));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(dropped)) {
                let (actor, text) = (incarnation.seat.path(), incarnation::panic_text(&*panic));
                tracing::error!(actor, text, "an actor panicked as it was dropped");
            }
            drop(hand);
        };
        let elsewhere = std::mem::needs_drop::<A>() && incarnation::with_current(|_| ()).is_some();
        let own_threads = self.cx.node.threads.of_crew(self.cx.incarnation.crew());
        match own_threads.filter(|_| elsewhere) {
            Some(threads) => {
                let _entered = threads.enter();
                drop(spawn_here(async { let_go() }));
            }
            None => let_go(),
        }
    }
}

/// Gives the permit of a message back, however its handler ended.
struct InFlight<M: Message> {
    mailbox: Arc<Mailbox<M>>,
    serial: u64,
    is_held: bool,
}

impl<M: Message> InFlight<M> {
    fn release(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.mailbox.release(self.serial);
        }
    }
}

impl<M: Message> Drop for InFlight<M> {
    fn drop(&mut self) {
        self.release();
    }
}

impl<A: Actor> ractor::Actor for Worker<A> {
    type Msg = Wake;
    type State = Desk<A>;
    type Arguments = Desk<A>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Wake>,
        desk: Desk<A>,
    ) -> Result<Desk<A>, ActorProcessingErr> {
        Ok(desk)
    }

    async fn post_start(
        &self,
        myself: ActorRef<Wake>,
        desk: &mut Desk<A>,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&desk.cx.incarnation);
        let cradle = Arc::clone(&desk.cradle);
        let actor = desk.actor.insert(incarnation.enter(|| cradle.make()));
        let clock = Arc::clone(&desk.cx.node.clock);
        let init = incarnation.run(actor.init(&mut desk.cx));
        match patience::within(init, desk.start_deadline, &*clock).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(failure(&*error)),
            None => {
                let text = format!("did not start within {:?}", desk.start_deadline);
                return Err(Box::new(Failure(text)));
            }
        }
        desk.cx.mailbox.attach(incarnation.serial, myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Wake>,
        _wake: Wake,
        desk: &mut Desk<A>,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&desk.cx.incarnation);
        let Some(actor) = &mut desk.actor else { return Ok(()) };
        for _ in 0..BATCH_MAX {
            if incarnation.is_stop_asked() {
                return Ok(());
            }
            let Some(message) = desk.cx.mailbox.next(incarnation.serial) else { return Ok(()) };
            desk.in_flight.is_held = true;
            incarnation.set_doing(Doing::Handling);
            let next = incarnation.run(actor.handle(message, &mut desk.cx)).await;
            incarnation.set_doing(Doing::Idle);
            desk.in_flight.release();
            match next {
                Ok(Next::Go) => {}
                Ok(Next::Done) => return leave_with(&myself, Some(REASON_NORMAL)),
                Ok(Next::Shutdown) => return leave_with(&myself, None),
                Err(error) => return Err(failure(&*error)),
            }
        }
        // More may wait; the lanes of ractor go first.
        let _ = myself.send_message(Wake);
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Wake>,
        desk: &mut Desk<A>,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&desk.cx.incarnation);
        incarnation.set_doing(Doing::Stopping);
        let Some(actor) = &mut desk.actor else { return Ok(()) };
        let why = match incarnation.is_stop_asked() {
            true => Leave::Asked,
            false => Leave::Own,
        };
        {
            let mut leaving = std::pin::pin!(incarnation.run(actor.leave(why, &mut desk.cx)));
            let overtaken = incarnation.is_kill_asked();
            let has_left = overtaken && leaving.as_mut().now_or_never().is_some();
            if overtaken && !has_left {
                // The deadline has passed, and it does not obey at once.
                myself.kill();
            }
            if !has_left {
                leaving.await;
            }
        }
        // Dropped here, on its own threads, and not where its supervisor hears of the end.
        incarnation.enter(|| desk.actor = None);
        Ok(())
    }
}

fn leave_with(myself: &ActorRef<Wake>, reason: Option<&str>) -> Result<(), ActorProcessingErr> {
    myself.stop(reason.map(str::to_owned));
    Ok(())
}

/// The whole chain of an error as one line.
fn failure(error: &(dyn std::error::Error + 'static)) -> ActorProcessingErr {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Box::new(Failure(text))
}
