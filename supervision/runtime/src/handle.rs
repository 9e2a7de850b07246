//! Handles: what others hold of an actor. Narrow, cheap to clone, valid across restarts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::exit::Exit;
use crate::incarnation;
use crate::mailbox::{Abandon, Mailbox, Message, Post, Refused, Why};
use crate::patience;

/// The way to one actor, whichever incarnation of it lives.
pub struct Handle<M: Message> {
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Message> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Handle { mailbox: Arc::clone(&self.mailbox) }
    }
}

/// Where an answer goes. Dropping it without one tells the asker at once.
pub struct Reply<T>(Arc<Slot<T>>);

/// Shared with the mailbox, so that an asker does not wait for whoever was cut off.
struct Slot<T>(Mutex<Option<oneshot::Sender<T>>>);

impl<T> Slot<T> {
    fn take(&self) -> Option<oneshot::Sender<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T: Send> Abandon for Slot<T> {
    fn abandon(&self) {
        drop(self.take());
    }
}

impl<T> Reply<T> {
    /// Answers; an asker that has left meanwhile misses nothing it waits for. One that was cut off
    /// answers nobody.
    pub fn send(self, answer: T) {
        if incarnation::is_current_fenced() {
            return;
        }
        if let Some(asker) = self.0.take() {
            let _ = asker.send(answer);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("the question was not taken: {0}")]
    Refused(#[from] Why),
    #[error("the actor ended before it answered")]
    Lost,
    #[error("no answer within the deadline")]
    Late,
}

impl<M: Message> Handle<M> {
    pub(crate) fn new(mailbox: Arc<Mailbox<M>>) -> Self {
        Handle { mailbox }
    }

    /// Leaves a message, or gets it back at once when there is no room.
    pub fn tell(&self, message: M) -> Result<(), Refused<M>> {
        self.mailbox.push(message)
    }

    /// Leaves a message as soon as there is room, but no later than the deadline.
    pub async fn tell_within(&self, message: M, deadline: Duration) -> Result<(), Refused<M>> {
        self.mailbox.push_within(message, deadline).await
    }

    /// Asks, and waits for the answer no longer than the deadline.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<T>) -> M,
        deadline: Duration,
    ) -> Result<T, Unanswered> {
        let (sender, answer) = oneshot::channel();
        let slot = Arc::new(Slot(Mutex::new(Some(sender))));
        let question = question(Reply(Arc::clone(&slot)));
        self.mailbox
            .push_for(question, Some(slot))
            .map_err(|refused| Unanswered::Refused(refused.why))?;
        match patience::within(answer, deadline, &*self.mailbox.node().clock).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(_)) => Err(Unanswered::Lost),
            None => Err(Unanswered::Late),
        }
    }

    /// How many messages wait or are being handled.
    pub fn depth(&self) -> u32 {
        self.mailbox.depth()
    }

    /// Resolves when the incarnation that lives now is over, with how it ended; at once and with
    /// nothing when none lives.
    pub async fn ended(&self) -> Option<Exit> {
        self.mailbox.watch_end()?.await.ok()
    }

    /// Kills the incarnation that lives now, as an accident would; its supervisor goes on from
    /// there. Tells whether one lived.
    pub fn kill(&self) -> bool {
        !incarnation::is_current_fenced() && self.mailbox.kill_reader()
    }
}
