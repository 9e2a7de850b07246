//! One life of one actor: what it still has in hand, and whether it was cut off.
//!
//! An incarnation is *over* when its handler, its tasks and its blocking work have ended, or when
//! it is *fenced*. Its supervisor starts nothing in its place before that.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use ractor::ActorCell;
use tokio::task::AbortHandle;

use crate::core::Life;
use crate::seat::Seat;
use crate::threads;

/// The tasks one incarnation may have at a time; asking for one more is a bug and panics.
pub(crate) const TASKS_MAX: usize = 256;

pub(crate) struct Incarnation {
    /// Unique on this node.
    pub(crate) serial: u64,
    pub(crate) life: Life,
    /// The crew whose threads it runs on.
    crew: AtomicU32,
    pub(crate) seat: Arc<Seat>,
    fenced: AtomicBool,
    stop_asked: AtomicBool,
    kill_asked: AtomicBool,
    /// A supervisor's children of the first start are up.
    ready: AtomicBool,
    doing: AtomicU8,
    hands: AtomicU32,
    /// When the last of its port calls must have ended.
    calls_until_ms: AtomicU64,
    belongings: Mutex<Belongings>,
}

#[derive(Default)]
struct Belongings {
    cell: Option<ActorCell>,
    /// Somebody wanted it dead before it had settled in.
    doomed: bool,
    ended: bool,
    /// Or fenced; what was to be done then is done at once.
    over: bool,
    rare: Option<Box<Rare>>,
}

/// What few incarnations have, so that most of them pay for an empty box.
#[derive(Default)]
struct Rare {
    tasks: Vec<AbortHandle>,
    /// Frees its names; called once, when the incarnation is over.
    at_end: Vec<Box<dyn FnOnce() + Send>>,
    panic_text: Option<String>,
    /// Where a panic happened, as the hook saw it.
    panic_place: Option<String>,
    /// Told when the last hand is empty.
    when_over: Option<Box<dyn FnOnce() + Send>>,
}

impl Belongings {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// What the handler is at, as far as a kill cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    Idle,
    Handling,
    Stopping,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Incarnation>>> = const { RefCell::new(None) };
}

/// Whether the code that runs on this thread belongs to an incarnation that was cut off.
pub(crate) fn is_current_fenced() -> bool {
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(|current| current.is_fenced()))
}

/// Runs `read` on the incarnation whose code runs on this thread, if any.
pub(crate) fn with_current<T>(read: impl FnOnce(&Incarnation) -> T) -> Option<T> {
    CURRENT.with_borrow(|current| current.as_deref().map(read))
}

impl Incarnation {
    pub(crate) fn new(serial: u64, life: Life, seat: Arc<Seat>) -> Self {
        Incarnation {
            serial,
            life,
            crew: AtomicU32::new(0),
            seat,
            fenced: AtomicBool::new(false),
            stop_asked: AtomicBool::new(false),
            kill_asked: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            doing: AtomicU8::new(Doing::Idle as u8),
            hands: AtomicU32::new(0),
            calls_until_ms: AtomicU64::new(0),
            belongings: Mutex::default(),
        }
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    pub(crate) fn is_stop_asked(&self) -> bool {
        self.stop_asked.load(Ordering::Acquire)
    }

    pub(crate) fn is_kill_asked(&self) -> bool {
        self.kill_asked.load(Ordering::SeqCst)
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    pub(crate) fn set_doing(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::SeqCst);
    }

    pub(crate) fn crew(&self) -> u32 {
        self.crew.load(Ordering::Acquire)
    }

    /// It runs now, on the threads of this crew.
    pub(crate) fn settle_in(&self, cell: ActorCell, crew: u32) {
        self.crew.store(crew, Ordering::Release);
        let mut belongings = self.belongings();
        // It may have been quicker: a task of its that panicked found nobody to kill.
        if belongings.doomed || self.is_fenced() {
            cell.kill();
        }
        if !belongings.ended {
            belongings.cell = Some(cell);
        }
    }

    /// Asks politely: the actor ends after the message it is at.
    pub(crate) fn ask_to_stop(&self) {
        self.stop_asked.store(true, Ordering::Release);
        if let Some(cell) = self.cell() {
            cell.stop(None);
        }
    }

    /// Kills, but lets a polite stop that is on its way be taken first: an actor that would have
    /// obeyed at once did not ignore anything. Tells whether the kill was sent.
    pub(crate) fn kill_after_stop(&self) -> bool {
        self.kill_asked.store(true, Ordering::SeqCst);
        let idle = self.doing.load(Ordering::SeqCst) == Doing::Idle as u8;
        if idle && self.is_stop_asked() {
            return false;
        }
        self.kill();
        true
    }

    pub(crate) fn kill(&self) {
        let mut belongings = self.belongings();
        belongings.doomed = true;
        let cell = belongings.cell.clone();
        drop(belongings);
        if let Some(cell) = cell {
            cell.kill();
        }
    }

    /// Cuts it off: from now on its sends, port calls, names and permits fail.
    pub(crate) fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
        self.kill();
        self.finish();
        self.free_names();
    }

    /// Its handler has ended: ends its tasks.
    pub(crate) fn finish(&self) {
        let mut belongings = self.belongings();
        belongings.ended = true;
        belongings.cell = None;
        let Some(rare) = &mut belongings.rare else { return };
        let tasks = std::mem::take(&mut rare.tasks);
        drop(belongings);
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// It is over, or fenced: its names are anybody's, and it gets no more of them.
    pub(crate) fn free_names(&self) {
        let mut belongings = self.belongings();
        belongings.over = true;
        let Some(rare) = &mut belongings.rare else { return };
        let at_end = std::mem::take(&mut rare.at_end);
        drop(belongings);
        at_end.into_iter().for_each(|free| free());
    }

    /// Whether nothing is in hand; otherwise `tell` is called once that is so.
    pub(crate) fn is_over_or(&self, tell: impl FnOnce() + Send + 'static) -> bool {
        let mut belongings = self.belongings();
        if self.hands.load(Ordering::Acquire) == 0 || self.is_fenced() {
            return true;
        }
        belongings.rare().when_over = Some(Box::new(tell));
        false
    }

    /// A port call of its will have ended by then.
    pub(crate) fn calls_until(&self, deadline: Duration) {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        self.calls_until_ms.fetch_max(deadline_ms, Ordering::AcqRel);
    }

    /// How long its port calls may still take; nothing once all their deadlines have passed.
    pub(crate) fn calls_end_in(&self, now: Duration) -> Option<Duration> {
        let until = Duration::from_millis(self.calls_until_ms.load(Ordering::Acquire));
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    pub(crate) fn has_hands_full(&self) -> bool {
        self.hands.load(Ordering::Acquire) > 0
    }

    pub(crate) fn at_end(&self, free: impl FnOnce() + Send + 'static) {
        let mut belongings = self.belongings();
        if belongings.over {
            drop(belongings);
            return free();
        }
        belongings.rare().at_end.push(Box::new(free));
    }

    pub(crate) fn hand(self: &Arc<Self>) -> Hand {
        self.hands.fetch_add(1, Ordering::AcqRel);
        Hand(Arc::clone(self))
    }

    pub(crate) fn keep_task(&self, task: AbortHandle) {
        let mut belongings = self.belongings();
        if belongings.ended {
            drop(belongings);
            return task.abort();
        }
        let tasks = &mut belongings.rare().tasks;
        if tasks.len() >= TASKS_MAX {
            tasks.retain(|task| !task.is_finished());
        }
        if tasks.len() >= TASKS_MAX {
            // The hook that notes the place of a panic needs what is locked here.
            drop(belongings);
            task.abort();
            panic!("an actor asked for more than {TASKS_MAX} tasks");
        }
        tasks.push(task);
    }

    /// One of its tasks panicked: that is a crash of the actor.
    pub(crate) fn crash(&self, text: String) {
        self.belongings().rare().panic_text = Some(text);
        self.kill();
    }

    /// The panic of a task of its, if that is what ended it.
    pub(crate) fn crash_text(&self) -> Option<String> {
        self.belongings().rare.as_mut()?.panic_text.take()
    }

    pub(crate) fn note_panic_place(&self, place: String) {
        self.belongings().rare().panic_place = Some(place);
    }

    pub(crate) fn panic_place(&self) -> Option<String> {
        self.belongings().rare.as_mut()?.panic_place.take()
    }

    fn cell(&self) -> Option<ActorCell> {
        self.belongings().cell.clone()
    }

    fn belongings(&self) -> MutexGuard<'_, Belongings> {
        self.belongings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs code of this incarnation: under its name, seen by the watchdog.
    pub(crate) fn enter<T>(self: &Arc<Self>, run: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(Arc::clone(self)));
        let _stamp = threads::Stamp::begin(self.serial);
        let _restore = Restore(before);
        run()
    }

    /// Runs blocking work of this incarnation: under its name, but of no interest to the watchdog.
    pub(crate) fn enter_blocking<T>(self: &Arc<Self>, run: impl FnOnce() -> T) -> T {
        let _restore = Restore(CURRENT.replace(Some(Arc::clone(self))));
        run()
    }

    /// Runs a task of this incarnation, whose panic is the actor's.
    ///
    /// The hand comes last: a task that never ran drops what it was given in this order.
    pub(crate) async fn run_task<F: Future<Output = ()>>(self: Arc<Self>, work: F, hand: Hand) {
        // Named first, so dropped last: the hand is empty when the work is gone, and not before.
        let _hand = hand;
        let work = pin!(Some(work));
        let mut inside = Inside::new(&self, work);
        let polled = poll_fn(|cx| {
            if self.is_fenced() {
                return Poll::Ready(None);
            }
            match catch_unwind(AssertUnwindSafe(|| inside.poll_unpin(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) => Poll::Ready(None),
                Err(panic) => Poll::Ready(Some(panic_text(&*panic))),
            }
        });
        if let Some(text) = polled.await {
            self.crash(text);
        }
    }
}

/// A future of an incarnation that is inside for all it does: for its polls, and for its drop when
/// it is dropped unfinished. Once the incarnation is fenced it is never polled again, and what it
/// comes to is nobody's any more.
pub(crate) struct Inside<'a, F> {
    incarnation: &'a Arc<Incarnation>,
    work: Pin<&'a mut Option<F>>,
}

impl<'a, F> Inside<'a, F> {
    /// Takes a future that is pinned where it is made: one that is passed on is held twice.
    pub(crate) fn new(incarnation: &'a Arc<Incarnation>, work: Pin<&'a mut Option<F>>) -> Self {
        Inside { incarnation, work }
    }
}

impl<F: Future> Future for Inside<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Inside { incarnation, work } = &mut *self;
        if incarnation.is_fenced() {
            return Poll::Pending;
        }
        incarnation.enter(|| {
            let future = work.as_mut().as_pin_mut().expect("not polled again once it was ready");
            let polled = future.poll(cx);
            if polled.is_ready() {
                work.set(None);
            }
            match incarnation.is_fenced() {
                true => Poll::Pending,
                false => polled,
            }
        })
    }
}

impl<F> Drop for Inside<'_, F> {
    fn drop(&mut self) {
        if self.work.is_some() {
            self.incarnation.enter(|| self.work.set(None));
        }
    }
}

/// The text of a caught panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

/// Goes on with a panic that blocking work of an actor ended with.
pub(crate) fn panic_again(error: tokio::task::JoinError) -> ! {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => panic!("blocking work was cancelled: its runtime is ending"),
    }
}

struct Restore(Option<Arc<Incarnation>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Something an incarnation has in hand; it is not over while one exists.
pub(crate) struct Hand(Arc<Incarnation>);

impl Hand {
    pub(crate) fn whose(&self) -> &Arc<Incarnation> {
        &self.0
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if self.0.hands.fetch_sub(1, Ordering::AcqRel) == 1 {
            let when_over =
                self.0.belongings().rare.as_mut().and_then(|rare| rare.when_over.take());
            if let Some(tell) = when_over {
                tell();
            }
        }
    }
}

#[cfg(test)]
mod tests;
