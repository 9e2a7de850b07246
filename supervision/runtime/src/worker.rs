//! The ractor actor that carries an actor of ours, and what brings up its incarnations.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt;
use ractor::{ActorCell, ActorProcessingErr, ActorRef};

use crate::actor::{Actor, Context, Leave, Next, spawn_here};
use crate::child::{Birth, Body, Head, Spec};
use crate::exit::{Failure, REASON_NORMAL};
use crate::incarnation::{self, Doing, Hand, Incarnation, Inside};
use crate::mailbox::{Mailbox, Post, Wake};
use crate::patience;

/// The messages one look at the mailbox may handle before others on the thread get a turn.
const BATCH_MAX: u32 = 64;

/// The specification of a worker: brings up its incarnations.
pub(crate) struct Cradle<A: Actor, F> {
    pub(crate) head: Head,
    pub(crate) make: F,
    pub(crate) mailbox: Arc<Mailbox<A::Message>>,
}

impl<A, F> Spec for Cradle<A, F>
where
    A: Actor,
    F: Fn() -> A + Send + Sync + 'static,
{
    fn head(&self) -> &Head {
        &self.head
    }

    fn body(self: Arc<Self>) -> Body {
        Body::Worker(self)
    }

    fn post(&self) -> Option<&dyn Post> {
        Some(&*self.mailbox)
    }

    fn close_posts(&self) {
        self.mailbox.close();
    }
}

impl<A, F> Birth for Cradle<A, F>
where
    A: Actor,
    F: Fn() -> A + Send + Sync + 'static,
{
    fn bear(
        self: Arc<Self>,
        incarnation: Arc<Incarnation>,
        parent: ActorCell,
    ) -> Result<ActorCell, String> {
        let (place, crew) = self.mailbox.node().threads.place(self.head.class);
        let cx =
            Context { incarnation: Arc::clone(&incarnation), mailbox: Arc::clone(&self.mailbox) };
        let hand = incarnation.hand();
        let desk = Desk { actor: Seated::Not(self), is_handling: false, cx, hand };
        let _on_its_threads = place.enter();
        // ractor runs `pre_start` in the caller; ours returns at once, so the future is ready.
        let spawned = ractor::Actor::spawn_linked(None, Worker::<A>::new(), desk, parent);
        let (actor, _) = patience::at_once(spawned)
            .ok_or("the start of an actor did not return at once")?
            .map_err(|error| error.to_string())?;
        incarnation.settle_in(actor.get_cell(), crew);
        Ok(actor.get_cell())
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
    actor: Seated<A>,
    /// A message is in its hands.
    is_handling: bool,
    cx: Context<A::Message>,
    /// Last, so that all else is gone when this hand is empty.
    hand: Hand,
}

/// Why a worker looks no further into its mailbox for now.
enum Ended {
    Empty,
    /// It was asked to stop, which goes before what waits.
    Asked,
    BatchDone,
    /// With the reason ractor is given.
    ByItself(Option<&'static str>),
    Crashed(ActorProcessingErr),
}

enum Seated<A> {
    Not(Arc<dyn Make<A>>),
    Is(A),
    Gone,
}

impl<A: Actor> Drop for Desk<A> {
    /// An actor that was killed is handed to its supervisor by ractor. It is let go on its own
    /// threads all the same, and whatever it does there is its own affair.
    fn drop(&mut self) {
        self.release();
        let Seated::Is(actor) = std::mem::replace(&mut self.actor, Seated::Gone) else { return };
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
        let own_threads = self.cx.node().threads.of_crew(self.cx.incarnation.crew());
        match own_threads.filter(|_| elsewhere) {
            Some(threads) => {
                let _entered = threads.enter();
                drop(spawn_here(async { let_go() }));
            }
            None => let_go(),
        }
    }
}

impl<A: Actor> Desk<A> {
    /// Handles what waits, but no more than a batch.
    async fn handle_some(&mut self) -> Ended {
        let Desk { actor: Seated::Is(actor), is_handling, cx, hand } = self else {
            return Ended::Empty;
        };
        let incarnation = hand.whose();
        for _ in 0..BATCH_MAX {
            if incarnation.is_stop_asked() {
                return Ended::Asked;
            }
            let Some(message) = cx.mailbox.next(incarnation) else {
                *is_handling = false;
                return Ended::Empty;
            };
            *is_handling = true;
            incarnation.set_doing(Doing::Handling);
            let next = {
                let handling = pin!(Some(actor.handle(message, cx)));
                Inside::new(incarnation, handling).await
            };
            incarnation.set_doing(Doing::Idle);
            match next {
                Ok(Next::Go) => {}
                Ok(Next::Done) => return Ended::ByItself(Some(REASON_NORMAL)),
                Ok(Next::Shutdown) => return Ended::ByItself(None),
                Err(error) => return Ended::Crashed(failure(&*error)),
            }
        }
        Ended::BatchDone
    }

    /// Gives the permit of the message back: its handler has ended, in whichever way.
    fn release(&mut self) {
        if std::mem::take(&mut self.is_handling) {
            self.cx.mailbox.release(self.cx.incarnation.serial);
        }
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
        let deadline = incarnation.seat.spec.head().start_deadline();
        if let Seated::Not(make) = &desk.actor {
            desk.actor = Seated::Is(incarnation.enter(|| make.make()));
        }
        let Seated::Is(actor) = &mut desk.actor else { return Ok(()) };
        let clock = desk.cx.clock();
        let started = {
            let init = pin!(Some(actor.init(&mut desk.cx)));
            patience::within(Inside::new(&incarnation, init), deadline, &*clock).await
        };
        match started {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(failure(&*error)),
            None => {
                let text = format!("did not start within {deadline:?}");
                return Err(Box::new(Failure(text)));
            }
        }
        desk.cx.mailbox.attach(&incarnation, myself);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Wake>,
        _wake: Wake,
        desk: &mut Desk<A>,
    ) -> Result<(), ActorProcessingErr> {
        let ended = desk.handle_some().await;
        // Also when it is about to leave, which may take its time.
        desk.release();
        match ended {
            Ended::Empty | Ended::Asked => {}
            Ended::BatchDone => {
                // More may wait; the lanes of ractor go first.
                let _ = myself.send_message(Wake);
            }
            Ended::ByItself(reason) => myself.stop(reason.map(str::to_owned)),
            Ended::Crashed(error) => return Err(error),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Wake>,
        desk: &mut Desk<A>,
    ) -> Result<(), ActorProcessingErr> {
        let incarnation = Arc::clone(&desk.cx.incarnation);
        incarnation.set_doing(Doing::Stopping);
        let Seated::Is(actor) = &mut desk.actor else { return Ok(()) };
        let why = match incarnation.is_stop_asked() {
            true => Leave::Asked,
            false => Leave::Own,
        };
        {
            let leaving = pin!(Some(actor.leave(why, &mut desk.cx)));
            let mut leaving = Inside::new(&incarnation, leaving);
            let overtaken = incarnation.is_kill_asked();
            let has_left = overtaken && (&mut leaving).now_or_never().is_some();
            if overtaken && !has_left {
                // The deadline has passed, and it does not obey at once.
                myself.kill();
            }
            if !has_left {
                leaving.await;
            }
        }
        // Dropped here, on its own threads, and not where its supervisor hears of the end.
        incarnation.enter(|| desk.actor = Seated::Gone);
        Ok(())
    }
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
