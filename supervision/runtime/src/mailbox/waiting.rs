//! Waiting for room in a mailbox, or below the ceiling of its node.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Mailbox, Message, Refused, Why};
use crate::patience;

impl<M: Message> Mailbox<M> {
    /// Waits for space, but no longer than the deadline.
    pub(crate) async fn push_within(
        &self,
        message: M,
        deadline: Duration,
    ) -> Result<(), Refused<M>> {
        // What no empty mailbox would take is not waited for: it would take the turn of others.
        if message.bytes() > self.bounds.bytes_max as usize {
            return Err(Refused { message, why: Why::Full });
        }
        if message.bytes() > self.node.ceiling.bytes_max {
            return Err(Refused { message, why: Why::NodeFull });
        }
        let mut unsent = Some(message);
        let attempt = self.push_when_free(&mut unsent);
        match patience::within(attempt, deadline, &*self.node.clock).await {
            Some(result) => result,
            None => match unsent {
                Some(message) => Err(Refused { message, why: Why::Late }),
                None => Ok(()),
            },
        }
    }

    /// Whether there is room for some message, and nobody has told all who wait.
    fn is_room_for_others(&self) -> bool {
        let mut queue = self.lock();
        let messages = queue.held < self.bounds.messages_max;
        let is_room = messages && queue.held_bytes < self.bounds.bytes_max;
        is_room && !std::mem::replace(&mut queue.contents().all_rung, true)
    }

    async fn push_when_free(&self, unsent: &mut Option<M>) -> Result<(), Refused<M>> {
        let waiter = Waiter::new(self);
        let mut rung = false;
        loop {
            let mut here = std::pin::pin!(waiter.space.notified());
            let mut anywhere = std::pin::pin!(self.node.ceiling.space.notified());
            here.as_mut().enable();
            anywhere.as_mut().enable();
            let Some(message) = unsent.take() else { return Ok(()) };
            match self.push(message) {
                Ok(()) => return Ok(()),
                Err(Refused { message, why: Why::Full }) => {
                    *unsent = Some(message);
                    if std::mem::take(&mut rung) && self.is_room_for_others() {
                        // It is too little for this message, and may do for a smaller one.
                        waiter.space.notify_waiters();
                    }
                    here.await;
                    rung = true;
                }
                Err(Refused { message, why: Why::NodeFull }) => {
                    *unsent = Some(message);
                    if std::mem::take(&mut rung) {
                        // There is room here, and somebody with a smaller message may use it.
                        waiter.space.notify_one();
                    }
                    anywhere.await;
                }
                Err(refused) => return Err(refused),
            }
        }
    }
}

/// Counts a sender that waits, so that nobody rings bells for no one.
struct Waiter<'a, M: Message> {
    mailbox: &'a Mailbox<M>,
    space: Arc<Notify>,
}

impl<'a, M: Message> Waiter<'a, M> {
    fn new(mailbox: &'a Mailbox<M>) -> Self {
        let mut queue = mailbox.lock();
        let contents = queue.contents();
        contents.senders_waiting += 1;
        let space = Arc::clone(&contents.space);
        drop(queue);
        mailbox.node.ceiling.waiting.fetch_add(1, Ordering::SeqCst);
        Waiter { mailbox, space }
    }
}

impl<M: Message> Drop for Waiter<'_, M> {
    fn drop(&mut self) {
        let mut queue = self.mailbox.lock();
        let contents = queue.contents();
        contents.senders_waiting -= 1;
        let others = contents.senders_waiting > 0;
        drop(queue);
        self.mailbox.node.ceiling.waiting.fetch_sub(1, Ordering::AcqRel);
        if others {
            // This sender may have been the one who was rung, and have left for its deadline.
            self.space.notify_one();
        }
    }
}
