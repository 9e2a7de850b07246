//! Bounded mailboxes: what waits belongs to the handle and survives the reader's restarts.
//!
//! A mailbox is a queue of ours with one wake-up through ractor. It is bounded in messages and
//! bytes, and all mailboxes of a node share one ceiling in bytes. A message counts until its
//! handler has ended. At a bound the sender gets the message back, or waits with a deadline.

mod ceiling;
mod pieces;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorRef;
use tokio::sync::{Notify, oneshot};

pub(crate) use self::ceiling::Ceiling;
use self::pieces::Pieces;
use crate::exit::Exit;
use crate::incarnation::{self, Incarnation};
use crate::node::Shared;
use crate::threads::Class;

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

/// The one message ractor carries for us: look at your mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wake;

pub(crate) struct Mailbox<M: Message> {
    queue: Mutex<Queue<M>>,
    bounds: Bounds,
    node: Arc<Shared>,
}

struct Queue<M> {
    /// There since somebody first left a message, waited or watched: most mailboxes of a large
    /// house are never used.
    contents: Option<Box<Contents<M>>>,
    /// Messages and bytes that wait or are being handled.
    held: u32,
    held_bytes: u32,
    /// How often a reader has looked; stands still while it cannot.
    looks: u32,
    /// The messages its present reader is at, and their bytes.
    handled: Portion,
    open: bool,
    /// A wake-up is on its way, or the reader is at work.
    awake: bool,
    reader: Option<Reader>,
}

struct Contents<M> {
    items: Pieces<Item<M>>,
    /// Who asked what its present reader is at.
    askers: Vec<Asker>,
    senders_waiting: u32,
    /// All of them were rung for the room there is now.
    all_rung: bool,
    /// Rung for each message that leaves while somebody waits.
    space: Arc<Notify>,
    /// Told how the present incarnation ended.
    monitors: Vec<oneshot::Sender<Exit>>,
    mourner: Option<Mourner>,
}

/// Is told how the first incarnation ended, or that there will be none: without a task that waits
/// for it.
pub(crate) struct Mourner(Option<Mourn>);

type Mourn = Box<dyn FnOnce(Option<&Exit>) + Send>;

impl Mourner {
    pub(crate) fn new(mourn: impl FnOnce(Option<&Exit>) + Send + 'static) -> Self {
        Mourner(Some(Box::new(mourn)))
    }

    fn tell(mut self, exit: &Exit) {
        if let Some(mourn) = self.0.take() {
            mourn(Some(exit));
        }
    }
}

impl Drop for Mourner {
    fn drop(&mut self) {
        if let Some(mourn) = self.0.take() {
            mourn(None);
        }
    }
}

impl<M> Queue<M> {
    fn contents(&mut self) -> &mut Contents<M> {
        self.contents.get_or_insert_with(|| {
            Box::new(Contents {
                items: Pieces::new(),
                askers: Vec::new(),
                senders_waiting: 0,
                all_rung: false,
                space: Arc::default(),
                monitors: Vec::new(),
                mourner: None,
            })
        })
    }

    /// Whether this one reads here, and was not cut off.
    fn is_read_by(&self, incarnation: &Incarnation) -> bool {
        let reader = self.reader.as_ref();
        reader.is_some_and(|reader| reader.serial == incarnation.serial) && !incarnation.is_fenced()
    }

    /// The next message goes into the reader's hands.
    fn take(&mut self) -> Option<M> {
        if let Some(contents) = &mut self.contents
            && let Some(Item { message, bytes, asker }) = contents.items.pop()
        {
            contents.askers.extend(asker);
            self.handled.count += 1;
            self.handled.bytes += bytes;
            return Some(message);
        }
        self.awake = false;
        None
    }

    /// What the reader had in its hands counts no more.
    fn give_back_handled(&mut self) -> Option<GivenBack> {
        let Portion { count, bytes } = std::mem::take(&mut self.handled);
        if count == 0 {
            return None;
        }
        self.held -= count;
        self.held_bytes -= bytes;
        let contents = self.contents.as_mut()?;
        contents.askers.clear();
        let waited_for = (contents.senders_waiting > 0).then(|| {
            contents.all_rung = false;
            Arc::clone(&contents.space)
        });
        Some(GivenBack { count, bytes, waited_for })
    }

    /// How many wait, those in a reader's hands not counted.
    fn waiting(&self) -> usize {
        self.contents.as_ref().map_or(0, |contents| contents.items.len())
    }
}

#[derive(Clone, Copy, Default)]
struct Portion {
    count: u32,
    bytes: u32,
}

/// Room that has become free, and whom to tell.
struct GivenBack {
    count: u32,
    bytes: u32,
    waited_for: Option<Arc<Notify>>,
}

struct Item<M> {
    message: M,
    bytes: u32,
    asker: Option<Asker>,
}

/// Somebody who waits for the answer to one message.
pub(crate) type Asker = Arc<dyn Abandon>;

/// Can be told that no answer will come.
pub(crate) trait Abandon: Send + Sync {
    fn abandon(&self);
}

struct Reader {
    serial: u64,
    actor: ActorRef<Wake>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(bounds: Bounds, node: Arc<Shared>) -> Self {
        let queue = Queue {
            contents: None,
            held: 0,
            held_bytes: 0,
            looks: 0,
            handled: Portion::default(),
            open: true,
            awake: false,
            reader: None,
        };
        Mailbox { queue: Mutex::new(queue), bounds, node }
    }

    pub(crate) fn mourned(self, mourner: Mourner) -> Self {
        self.lock().contents().mourner = Some(mourner);
        self
    }

    /// Takes the message, or gives it back at once.
    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        self.push_for(message, None)
    }

    /// The same for a question: who asked is told if its reader is cut off while it is at it.
    pub(crate) fn push_for(&self, message: M, asker: Option<Asker>) -> Result<(), Refused<M>> {
        if incarnation::is_current_fenced() {
            return Err(Refused { message, why: Why::Fenced });
        }
        let bytes = u32::try_from(message.bytes()).unwrap_or(u32::MAX);
        let mut queue = self.lock();
        if !queue.open {
            return Err(Refused { message, why: Why::Closed });
        }
        let full = queue.held >= self.bounds.messages_max
            || queue.held_bytes.checked_add(bytes).is_none_or(|sum| sum > self.bounds.bytes_max);
        if full {
            return Err(Refused { message, why: Why::Full });
        }
        if !self.node.ceiling.take(bytes as usize) {
            return Err(Refused { message, why: Why::NodeFull });
        }
        queue.held += 1;
        queue.held_bytes += bytes;
        queue.contents().items.push(Item { message, bytes, asker });
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

    /// Gives the next message to this reader, which is done with the one before; without one it may
    /// sleep. One that was cut off gets nothing: what waits is its successor's.
    pub(crate) fn next(&self, incarnation: &Incarnation) -> Option<M> {
        let mut queue = self.lock();
        if !queue.is_read_by(incarnation) {
            return None;
        }
        queue.looks = queue.looks.wrapping_add(1);
        let given_back = queue.give_back_handled();
        let item = queue.take();
        drop(queue);
        self.tell_of_room(given_back);
        item
    }

    /// More of what waits, for a reader that deals with several at once: all of it counts until
    /// the handler has ended.
    pub(crate) fn next_too(&self, incarnation: &Incarnation, most: usize) -> Vec<M> {
        let mut queue = self.lock();
        if !queue.is_read_by(incarnation) {
            return Vec::new();
        }
        let most = most.min(queue.waiting());
        (0..most).filter_map(|_| queue.take()).collect()
    }

    /// The handler of this reader has ended; without effect once the reader is over.
    pub(crate) fn release(&self, serial: u64) {
        let mut queue = self.lock();
        if queue.reader.as_ref().is_some_and(|reader| reader.serial == serial) {
            let given_back = queue.give_back_handled();
            drop(queue);
            self.tell_of_room(given_back);
        }
    }

    fn tell_of_room(&self, given_back: Option<GivenBack>) {
        let Some(GivenBack { count, bytes, waited_for }) = given_back else { return };
        self.node.ceiling.give_back(bytes as usize);
        if let Some(space) = waited_for {
            (0..count).for_each(|_| space.notify_one());
        }
    }

    /// A new incarnation reads from now on, beginning with what already waits. Not one that was cut
    /// off: its successor may read already.
    pub(crate) fn attach(&self, incarnation: &Incarnation, actor: ActorRef<Wake>) {
        let mut queue = self.lock();
        if incarnation.is_fenced() {
            return;
        }
        queue.awake = queue.waiting() > 0;
        if queue.awake {
            let _ = actor.send_message(Wake);
        }
        queue.reader = Some(Reader { serial: incarnation.serial, actor });
    }

    /// Will tell how the incarnation that reads now ended, if one does.
    pub(crate) fn watch_end(&self) -> Option<oneshot::Receiver<Exit>> {
        let mut queue = self.lock();
        queue.reader.as_ref()?;
        let (monitor, told) = oneshot::channel();
        let monitors = &mut queue.contents().monitors;
        monitors.retain(|monitor| !monitor.is_closed());
        monitors.push(monitor);
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

/// What a supervisor may do with a mailbox, whatever its messages are.
pub(crate) trait Post: Send + Sync {
    fn open(&self);
    /// Its reader is over; what waits stays for the next one. Of one that was cut off, whoever
    /// asked what it was at hears at once.
    fn detach(&self, exit: &Exit, is_fenced: bool);
    /// Nobody will read again: what waits is dropped, and whoever waits is told.
    fn close(&self);
    fn depth(&self) -> u32;
    fn bound(&self) -> u32;
    /// How often the reader has looked, if it was woken and has nothing in its hands.
    fn overdue(&self) -> Option<u32>;
    /// Whether its bounds contradict its purpose.
    fn takes_nothing(&self) -> bool;
}

impl<M: Message> Post for Mailbox<M> {
    fn open(&self) {
        self.lock().open = true;
    }

    fn detach(&self, exit: &Exit, is_fenced: bool) {
        let mut queue = self.lock();
        queue.reader = None;
        queue.awake = false;
        let contents = queue.contents.as_mut();
        let (monitors, mourner, askers) = match contents {
            Some(contents) => (
                std::mem::take(&mut contents.monitors),
                contents.mourner.take(),
                std::mem::take(&mut contents.askers),
            ),
            None => (Vec::new(), None, Vec::new()),
        };
        // One that was cut off may be at its message for ever; that message counts no more.
        let given_back = queue.give_back_handled();
        drop(queue);
        self.tell_of_room(given_back);
        for monitor in monitors {
            let _ = monitor.send(exit.clone());
        }
        if let Some(mourner) = mourner {
            mourner.tell(exit);
        }
        if is_fenced {
            askers.iter().for_each(|asker| asker.abandon());
        }
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.open = false;
        queue.reader = None;
        queue.awake = false;
        let bytes = queue.held_bytes - queue.handled.bytes;
        let Some(contents) = &mut queue.contents else { return };
        let dropped = std::mem::replace(&mut contents.items, Pieces::new());
        let space = Arc::clone(&contents.space);
        queue.held -= u32::try_from(dropped.len()).unwrap_or(queue.held);
        queue.held_bytes -= bytes;
        drop(queue);
        space.notify_waiters();
        self.node.ceiling.space.notify_waiters();
        // What a message does as it is dropped is no business of a supervisor's thread.
        match std::mem::needs_drop::<M>() && dropped.len() > 0 {
            true => self.node.threads.spawn(Class::Worker, let_go(dropped, Arc::clone(&self.node))),
            false => self.node.ceiling.give_back(bytes as usize),
        }
    }

    fn depth(&self) -> u32 {
        self.lock().held
    }

    fn bound(&self) -> u32 {
        self.bounds.messages_max
    }

    fn overdue(&self) -> Option<u32> {
        let queue = self.lock();
        let waits = queue.awake && queue.handled.count == 0 && queue.waiting() > 0;
        (waits && queue.reader.is_some()).then_some(queue.looks)
    }

    fn takes_nothing(&self) -> bool {
        self.bounds.messages_max == 0 || self.bounds.bytes_max == 0
    }
}

impl<M: Message> Drop for Mailbox<M> {
    /// Nobody can send or read any more. Most were closed before; one that was never started may
    /// still hold something.
    fn drop(&mut self) {
        if self.lock().waiting() > 0 {
            self.close();
        }
    }
}

/// Drops what nobody will read: askers wake up as their replies go. Its bytes count until then.
async fn let_go<M>(dropped: Pieces<Item<M>>, node: Arc<Shared>) {
    for piece in dropped {
        let mut bytes = 0;
        for Item { message, bytes: its_bytes, .. } in piece {
            // Each for itself: one that panics takes neither the others nor the task along.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(message))) {
                let text = incarnation::panic_text(&*panic);
                tracing::error!(text, "a message panicked as it was dropped unread");
            }
            bytes += its_bytes as usize;
        }
        node.ceiling.give_back(bytes);
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests;
