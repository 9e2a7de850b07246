//! What an actor is, and what it may do beyond its own state.

use std::any::Any;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use domain::{BoxError, time};

use crate::handle::Handle;
use crate::incarnation::{self, Incarnation};
use crate::mailbox::{Mailbox, Message};
use crate::node::Shared;
use crate::threads::Class;
use crate::{names, patience};

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
    pub(crate) incarnation: Arc<Incarnation>,
    pub(crate) mailbox: Arc<Mailbox<M>>,
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
        Arc::clone(&self.node().clock)
    }

    pub fn dice(&self) -> Arc<dyn time::Dice> {
        Arc::clone(&self.node().dice)
    }

    pub(crate) fn node(&self) -> &Arc<Shared> {
        self.mailbox.node()
    }

    /// More of what waits, in order, for a handler that deals with several messages at once. They
    /// count until it returns.
    pub fn next_too(&mut self, most: usize) -> Vec<M> {
        self.mailbox.next_too(&self.incarnation, most)
    }

    /// A handle to itself.
    pub fn myself(&self) -> Handle<M> {
        Handle::new(Arc::clone(&self.mailbox))
    }

    /// Starts a task that ends with this incarnation; a panic in it crashes the actor.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let hand = self.incarnation.hand();
        let task = Arc::clone(&self.incarnation).run_task(work, hand);
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
        if !self.node().threads.is_split() {
            return Ok(self.incarnation.enter_blocking(work));
        }
        let permits = Arc::clone(&self.node().blocking);
        let permit = permits.acquire_owned().await.map_err(|_| Unserved::Fenced)?;
        let incarnation = Arc::clone(&self.incarnation);
        let running = spawn_blocking_here(move || {
            let output = incarnation.enter_blocking(work);
            drop((permit, hand));
            output
        });
        running.await.map_err(|error| incarnation::panic_again(error))
    }

    /// Calls a port, on the threads of the adapters. The call goes on when the actor is killed
    /// meanwhile, and keeps it from being over, but never beyond this deadline.
    pub async fn call<T: Send + 'static>(
        &self,
        deadline: Duration,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Unserved> {
        if self.incarnation.is_fenced() {
            return Err(Unserved::Fenced);
        }
        let hand = self.incarnation.hand();
        let clock = Arc::clone(&self.node().clock);
        self.incarnation.calls_until(clock.monotonic() + deadline);
        let (done, answer) = tokio::sync::oneshot::channel();
        let bounded = async move {
            let output = patience::within_from_afar(call, deadline, &*clock).await;
            let _ = done.send(output);
        };
        let bounded = Arc::clone(&self.incarnation).run_task(bounded, hand);
        self.node().threads.spawn(Class::Adapter, bounded);
        match answer.await {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err(Unserved::Late(deadline)),
            // The task ends without an answer only by a panic, and that kills this actor.
            Err(_) => std::future::pending().await,
        }
    }

    /// Awaits something that needs no socket, here and no longer than the deadline. Unlike a call
    /// it ends with this incarnation, so it is for what may safely go on without it: a write that
    /// is fenced by an epoch, a read.
    pub(crate) async fn wait<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Unserved> {
        let clock = &*self.node().clock;
        patience::within_from_afar(work, deadline, clock).await.ok_or(Unserved::Late(deadline))
    }

    /// Takes a name that nobody else on this node has; it is freed when this incarnation is over.
    pub fn claim(&self, name: &str) -> Result<(), names::Unclaimed> {
        let entry: Box<dyn Any + Send + Sync> = Box::new(self.myself());
        names::claim(&self.node().names, name, entry, &self.incarnation)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where an actor's task is spawned")]
pub(crate) fn spawn_here(
    task: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::AbortHandle {
    tokio::spawn(task).abort_handle()
}

#[expect(clippy::disallowed_methods, reason = "the one place where blocking work is spawned")]
fn spawn_blocking_here<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}
