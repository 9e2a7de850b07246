//! Bounded mailboxes: what waits belongs to the handle and survives the reader's restarts.
//!
//! A mailbox is a queue of ours with one wake-up through ractor. It is bounded in messages and
//! bytes, and all mailboxes of a node share one ceiling in bytes. A message counts until its
//! handler has ended. At a bound the sender gets the message back, or waits with a deadline.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::{Notify, oneshot};

use crate::exit::Exit;
use crate::incarnation;
use crate::node::Shared;
use crate::patience;

/// What an actor may be sent.
pub trait Message: Send + Sized + 'static {
    /// How much memory the message holds; say more than the default where it owns a heap.
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Message for () {}

/// How much may wait for one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub messages_max: u32,
    pub bytes_max: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { messages_max: 256, bytes_max: 1 << 20 }
    }
}

/// A message that was not taken, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<M> {
    pub message: M,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("the mailbox is full")]
    Full,
    #[error("the mailboxes of this node hold as much as they may")]
    NodeFull,
    #[error("nobody reads this mailbox any more")]
    Closed,
    #[error("the sender was cut off by the watchdog")]
    Fenced,
    #[error("the mailbox stayed full until the deadline")]
    Late,
}

/// The bytes that wait in all mailboxes of a node, and the most that may.
#[derive(Debug)]
pub(crate) struct Ceiling {
    bytes_max: usize,
    bytes: AtomicUsize,
    /// Rung whenever bytes came back while the ceiling was in the way of somebody.
    space: Notify,
    waiting: AtomicUsize,
}

impl Ceiling {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Ceiling {
            bytes_max,
            bytes: AtomicUsize::new(0),
            space: Notify::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let fits = before + bytes <= self.bytes_max;
        if !fits {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.space.notify_waiters();
        }
    }
}

/// The one message ractor carries for us: look at your mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wake;

pub(crate) struct Mailbox<M> {
    queue: Mutex<Queue<M>>,
    bounds: Bounds,
    node: Arc<Shared>,
}

struct Queue<M> {
    items: VecDeque<(M, u32)>,
    /// Messages and bytes that wait or are being handled.
    held: u32,
    held_bytes: u32,
    senders_waiting: u32,
    /// Rung for each message that leaves while somebody waits; there since somebody first did.
    space: Option<Arc<Notify>>,
    /// How often a reader has looked; stands still while it cannot.
    looks: u32,
    open: bool,
    /// A wake-up is on its way, or the reader is at work.
    awake: bool,
    reader: Option<Reader>,
    /// Told how the present incarnation ended.
    monitors: Option<Box<Monitors>>,
}

/// Few actors are watched, so the list is there only once somebody watches.
#[derive(Default)]
struct Monitors {
    senders: Vec<oneshot::Sender<Exit>>,
}

struct Reader {
    serial: u64,
    actor: ActorRef<Wake>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(bounds: Bounds, node: Arc<Shared>) -> Self {
        let queue = Queue {
            items: VecDeque::new(),
            held: 0,
            held_bytes: 0,
            senders_waiting: 0,
            space: None,
            looks: 0,
            open: true,
            awake: false,
            reader: None,
            monitors: None,
        };
        Mailbox { queue: Mutex::new(queue), bounds, node }
    }

    /// Takes the message, or gives it back at once.
    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        if incarnation::is_current_fenced() {
            return Err(Refused { message, why: Why::Fenced });
        }
        let bytes = u32::try_from(message.bytes()).unwrap_or(u32::MAX);
        let mut queue = self.lock();
        if !queue.open {
            return Err(Refused { message, why: Why::Closed });
        }
        let full = queue.held >= self.bounds.messages_max
            || queue.held_bytes.saturating_add(bytes) > self.bounds.bytes_max;
        if full {
            return Err(Refused { message, why: Why::Full });
        }
        if !self.node.ceiling.take(bytes as usize) {
            return Err(Refused { message, why: Why::NodeFull });
        }
        queue.held += 1;
        queue.held_bytes += bytes;
        queue.items.push_back((message, bytes));
        let sleeper = match queue.awake {
            true => None,
            false => queue.reader.as_ref().map(|reader| reader.actor.clone()),
        };
        queue.awake |= sleeper.is_some();
        drop(queue);
        if let Some(actor) = sleeper {
            // A reader that is gone loses nothing: its successor looks before it sleeps.
            let _ = actor.send_message(Wake);
        }
        Ok(())
    }

    /// Waits for space, but no longer than the deadline.
    pub(crate) async fn push_within(
        &self,
        message: M,
        deadline: Duration,
    ) -> Result<(), Refused<M>> {
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

    async fn push_when_free(&self, unsent: &mut Option<M>) -> Result<(), Refused<M>> {
        let waiter = Waiter::new(self);
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
                    here.await;
                }
                Err(Refused { message, why: Why::NodeFull }) => {
                    *unsent = Some(message);
                    anywhere.await;
                }
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Gives the next message to the reader of this serial; without one the reader may sleep.
    pub(crate) fn next(&self, serial: u64) -> Option<Taken<M>> {
        let mut queue = self.lock();
        if queue.reader.as_ref().is_none_or(|reader| reader.serial != serial) {
            return None;
        }
        queue.looks = queue.looks.wrapping_add(1);
        match queue.items.pop_front() {
            Some((message, bytes)) => Some(Taken { message, bytes }),
            None => {
                queue.awake = false;
                None
            }
        }
    }

    /// A message's handler has ended, or its reader has.
    pub(crate) fn release(&self, bytes: u32) {
        let mut queue = self.lock();
        queue.held -= 1;
        queue.held_bytes -= bytes;
        let waited_for = queue.space.clone().filter(|_| queue.senders_waiting > 0);
        drop(queue);
        self.node.ceiling.give_back(bytes as usize);
        if let Some(space) = waited_for {
            space.notify_one();
        }
    }

    /// A new incarnation reads from now on, beginning with what already waits.
    pub(crate) fn attach(&self, serial: u64, actor: ActorRef<Wake>) {
        let mut queue = self.lock();
        queue.awake = !queue.items.is_empty();
        if queue.awake {
            let _ = actor.send_message(Wake);
        }
        queue.reader = Some(Reader { serial, actor });
    }

    /// Will tell how the incarnation that reads now ended, if one does.
    pub(crate) fn watch_end(&self) -> Option<oneshot::Receiver<Exit>> {
        let mut queue = self.lock();
        queue.reader.as_ref()?;
        let (monitor, told) = oneshot::channel();
        let monitors = queue.monitors.get_or_insert_default();
        monitors.senders.retain(|monitor| !monitor.is_closed());
        monitors.senders.push(monitor);
        Some(told)
    }

    pub(crate) fn kill_reader(&self) -> bool {
        match &self.lock().reader {
            Some(reader) => {
                reader.actor.kill();
                true
            }
            None => false,
        }
    }

    pub(crate) fn node(&self) -> &Arc<Shared> {
        &self.node
    }

    fn lock(&self) -> MutexGuard<'_, Queue<M>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message in the hands of its reader; it counts until released.
pub(crate) struct Taken<M> {
    pub(crate) message: M,
    pub(crate) bytes: u32,
}

/// Counts a sender that waits, so that nobody rings bells for no one.
struct Waiter<'a, M: Message> {
    mailbox: &'a Mailbox<M>,
    space: Arc<Notify>,
}

impl<'a, M: Message> Waiter<'a, M> {
    fn new(mailbox: &'a Mailbox<M>) -> Self {
        let mut queue = mailbox.lock();
        queue.senders_waiting += 1;
        let space = Arc::clone(queue.space.get_or_insert_default());
        drop(queue);
        mailbox.node.ceiling.waiting.fetch_add(1, Ordering::AcqRel);
        Waiter { mailbox, space }
    }
}

impl<M: Message> Drop for Waiter<'_, M> {
    fn drop(&mut self) {
        let mut queue = self.mailbox.lock();
        queue.senders_waiting -= 1;
        let others = queue.senders_waiting > 0;
        drop(queue);
        self.mailbox.node.ceiling.waiting.fetch_sub(1, Ordering::AcqRel);
        if others {
            // This sender may have been the one who was rung, and have left for its deadline.
            self.space.notify_one();
        }
    }
}

/// What a supervisor may do with a mailbox, whatever its messages are.
pub(crate) trait Post: Send + Sync {
    fn open(&self);
    /// Its reader is over; what waits stays for the next one.
    fn detach(&self, exit: &Exit);
    /// Nobody will read again: what waits is dropped, and whoever waits is told.
    fn close(&self);
    fn depth(&self) -> u32;
    fn bound(&self) -> u32;
    /// How often the reader has looked, if it was woken and has nothing in its hands.
    fn overdue(&self) -> Option<u32>;
}

impl<M: Message> Post for Mailbox<M> {
    fn open(&self) {
        self.lock().open = true;
    }

    fn detach(&self, exit: &Exit) {
        let mut queue = self.lock();
        queue.reader = None;
        queue.awake = false;
        let monitors = std::mem::take(&mut queue.monitors);
        drop(queue);
        for monitor in monitors.into_iter().flat_map(|monitors| monitors.senders) {
            let _ = monitor.send(exit.clone());
        }
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.open = false;
        queue.reader = None;
        queue.awake = false;
        let dropped = std::mem::take(&mut queue.items);
        let bytes: u32 = dropped.iter().map(|(_, bytes)| *bytes).sum();
        queue.held -= u32::try_from(dropped.len()).unwrap_or(queue.held);
        queue.held_bytes -= bytes;
        let space = queue.space.clone();
        drop(queue);
        self.node.ceiling.give_back(bytes as usize);
        if let Some(space) = space {
            space.notify_waiters();
        }
        self.node.ceiling.space.notify_waiters();
        // Dropped last and outside the lock: askers wake up as their replies go.
        drop(dropped);
    }

    fn depth(&self) -> u32 {
        self.lock().held
    }

    fn bound(&self) -> u32 {
        self.bounds.messages_max
    }

    fn overdue(&self) -> Option<u32> {
        let queue = self.lock();
        let waits = queue.awake && queue.held as usize == queue.items.len();
        (waits && queue.reader.is_some()).then_some(queue.looks)
    }
}
