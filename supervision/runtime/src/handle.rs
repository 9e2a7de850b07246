//! Handles: what others hold of an actor. Narrow, cheap to clone, valid across restarts.

use std::sync::Arc;
use std::time::Duration;

use crate::exit::Exit;
use crate::incarnation;
use crate::mailbox::{Mailbox, Message, Post, Refused, Why};
use crate::patience;
use crate::question::{Question, Reply};

/// The way to one actor, whichever incarnation of it lives.
pub struct Handle<M: Message> {
    mailbox: Arc<Mailbox<M>>,
}

impl<M: Message> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Handle { mailbox: Arc::clone(&self.mailbox) }
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
        let (reply, answer, asker) = Question::open();
        self.mailbox
            .push_for(question(reply), Some(asker))
            .map_err(|refused| Unanswered::Refused(refused.why))?;
        match patience::within(answer, deadline, &*self.mailbox.node().clock).await {
            Some(Some(answer)) => Ok(answer),
            Some(None) => Err(Unanswered::Lost),
            None => Err(Unanswered::Late),
        }
    }

    /// How many messages wait or are being handled.
    pub fn depth(&self) -> u32 {
        self.mailbox.depth()
    }

    /// Resolves when the incarnation that lives now is over, with how it ended; at once and with
    /// nothing when none lives.
    pub fn ended(&self) -> impl Future<Output = Option<Exit>> + Send + use<M> {
        let told = self.mailbox.watch_end();
        async move { told?.await.ok() }
    }

    /// Kills the incarnation that lives now, as an accident would; its supervisor goes on from
    /// there. Tells whether one lived.
    pub fn kill(&self) -> bool {
        !incarnation::is_current_fenced() && self.mailbox.kill_reader()
    }
}
