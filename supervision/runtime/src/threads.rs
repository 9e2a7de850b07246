//! Who runs where: separate threads for supervisors, workers and adapters, each watched.
//!
//! A blocked handler takes its thread away from nobody of another class. When the watchdog writes
//! a thread off, the crew it belonged to gets one more for new incarnations.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::{Builder, Handle, Runtime};

/// Which threads an actor runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Supervisors: never user code that could block.
    Control,
    /// Actors that decide; these threads have timers, but no sockets.
    Worker,
    /// Actors that touch the world, and everybody's port calls.
    Adapter,
}

const CLASSES: [Class; 3] = [Class::Control, Class::Worker, Class::Adapter];

/// How many threads each class begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crews {
    pub(crate) control: usize,
    pub(crate) worker: usize,
    pub(crate) adapter: usize,
    /// Threads for blocking work; more of it waits.
    pub(crate) blocking_max: usize,
}

/// What a thread shows to the watchdog: two numbers that change as polls begin and end.
pub(crate) struct Slot {
    /// Odd while a poll is under way.
    pub(crate) sequence: AtomicU64,
    /// Whose poll it is.
    pub(crate) serial: AtomicU64,
    pub(crate) thread: u32,
    pub(crate) crew: Arc<Crew>,
    pub(crate) lost: AtomicBool,
    gone: AtomicBool,
}

thread_local! {
    static SLOT: RefCell<Option<OwnSlot>> = const { RefCell::new(None) };
}

/// Marks the slot as gone when its thread ends.
struct OwnSlot(Arc<Slot>);

impl Drop for OwnSlot {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Release);
    }
}

/// A poll under way, for as long as this value lives. A poll inside a poll belongs to the outer.
///
/// It ends on the thread where it began, so it need not hold what it finds there again.
pub(crate) struct Stamp {
    is_outer: bool,
    on_its_thread: PhantomData<*const Slot>,
}

impl Stamp {
    pub(crate) fn begin(serial: u64) -> Stamp {
        let is_outer = SLOT.with_borrow(|slot| {
            let Some(OwnSlot(slot)) = slot else { return false };
            let sequence = slot.sequence.load(Ordering::Relaxed);
            let is_outer = sequence.is_multiple_of(2);
            if is_outer {
                slot.serial.store(serial, Ordering::Relaxed);
                slot.sequence.store(sequence + 1, Ordering::Release);
            }
            is_outer
        });
        Stamp { is_outer, on_its_thread: PhantomData }
    }
}

impl Drop for Stamp {
    fn drop(&mut self) {
        if !self.is_outer {
            return;
        }
        SLOT.with_borrow(|slot| {
            if let Some(OwnSlot(slot)) = slot {
                let sequence = slot.sequence.load(Ordering::Relaxed);
                slot.sequence.store(sequence + 1, Ordering::Release);
            }
        });
    }
}

/// One runtime of ours and the threads it has.
pub(crate) struct Crew {
    class: Class,
    number: u32,
    threads: usize,
    lost: AtomicUsize,
}

impl Crew {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn threads_left(&self) -> usize {
        self.threads.saturating_sub(self.lost.load(Ordering::Acquire))
    }
}

/// All threads of a node; or, in a simulation, the one thread everything runs on.
pub(crate) struct Threads {
    ground: Option<Handle>,
    crews: Mutex<Vec<(Arc<Crew>, Runtime)>>,
    pub(crate) slots: Mutex<Vec<Arc<Slot>>>,
    settings: Crews,
}

impl Threads {
    /// Everything on the runtime this is called from: no threads, no watchdog.
    pub(crate) fn here() -> Arc<Self> {
        let settings = Crews { control: 0, worker: 0, adapter: 0, blocking_max: 0 };
        Arc::new(Threads {
            ground: Some(Handle::current()),
            crews: Mutex::default(),
            slots: Mutex::default(),
            settings,
        })
    }

    pub(crate) fn split(settings: Crews) -> std::io::Result<Arc<Self>> {
        let this = Arc::new(Threads {
            ground: None,
            crews: Mutex::default(),
            slots: Mutex::default(),
            settings,
        });
        for class in CLASSES {
            this.add_crew(class, this.wanted(class))?;
        }
        Ok(this)
    }

    pub(crate) fn is_split(&self) -> bool {
        self.ground.is_none()
    }

    fn wanted(&self, class: Class) -> usize {
        match class {
            Class::Control => self.settings.control,
            Class::Worker => self.settings.worker,
            Class::Adapter => self.settings.adapter,
        }
    }

    fn add_crew(self: &Arc<Self>, class: Class, threads: usize) -> std::io::Result<()> {
        let number = u32::try_from(lock(&self.crews).len()).unwrap_or(u32::MAX);
        let crew = Arc::new(Crew { class, number, threads, lost: AtomicUsize::new(0) });
        let (signer, threads_of) = (Arc::clone(&crew), Arc::downgrade(self));
        let name = match class {
            Class::Control => "control",
            Class::Worker => "worker",
            Class::Adapter => "adapter",
        };
        let mut builder = Builder::new_multi_thread();
        // Only adapters touch the world; a thread without sockets to look after wakes up faster.
        if class == Class::Adapter {
            builder.enable_io();
        }
        let runtime = builder
            .enable_time()
            .worker_threads(threads)
            .max_blocking_threads(self.settings.blocking_max)
            .thread_name(format!("{name}-{number}"))
            .on_thread_start(move || sign_in(&signer, &threads_of))
            .build()?;
        lock(&self.crews).push((crew, runtime));
        Ok(())
    }

    /// Where a new incarnation of this class runs: the crew with the most threads left, and of
    /// several the newest.
    pub(crate) fn place(&self, class: Class) -> (Handle, u32) {
        self.best(class).expect("every class has a crew until the node goes")
    }

    fn best(&self, class: Class) -> Option<(Handle, u32)> {
        if let Some(ground) = &self.ground {
            return Some((ground.clone(), 0));
        }
        let crews = lock(&self.crews);
        let best = crews
            .iter()
            .filter(|(crew, _)| crew.class == class)
            .max_by_key(|(crew, _)| (crew.threads_left(), crew.number));
        best.map(|(crew, runtime)| (runtime.handle().clone(), crew.number))
    }

    /// Starts a task where actors of this class run.
    #[expect(clippy::disallowed_methods, reason = "runtime: the task holds a hand of its actor")]
    pub(crate) fn spawn(&self, class: Class, task: impl Future<Output = ()> + Send + 'static) {
        // Without threads the node is gone, and the task with it: it is dropped here.
        if let Some((threads, _)) = self.best(class) {
            threads.spawn(task);
        }
    }

    /// The same on the threads of one crew, while there are any: it is stranded only with those who
    /// live there, and who are cut off then.
    #[expect(clippy::disallowed_methods, reason = "runtime: whoever asked for it waits for it")]
    pub(crate) fn spawn_beside(
        &self,
        crew: u32,
        class: Class,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        match self.of_crew(crew) {
            Some(threads) => drop(threads.spawn(task)),
            None => self.spawn(class, task),
        }
    }

    /// The threads of this crew, while there are any.
    pub(crate) fn of_crew(&self, number: u32) -> Option<Handle> {
        match &self.ground {
            Some(ground) => Some(ground.clone()),
            None => {
                let crews = lock(&self.crews);
                let crew = crews.iter().find(|(crew, _)| crew.number == number);
                crew.map(|(_, runtime)| runtime.handle().clone())
            }
        }
    }

    /// Writes a thread off. Tells which crew has nobody left, if this was the last of it.
    pub(crate) fn lose(self: &Arc<Self>, slot: &Slot) -> Option<u32> {
        slot.lost.store(true, Ordering::Release);
        slot.crew.lost.fetch_add(1, Ordering::AcqRel);
        let class = slot.crew.class;
        let left: usize = lock(&self.crews)
            .iter()
            .filter(|(crew, _)| crew.class == class)
            .map(|(crew, _)| crew.threads_left())
            .sum();
        if left < self.wanted(class)
            && let Err(error) = self.add_crew(class, 1)
        {
            tracing::error!(%error, "cannot start a thread in the place of one that was lost");
        }
        (slot.crew.threads_left() == 0).then_some(slot.crew.number)
    }

    pub(crate) fn win_back(&self, slot: &Slot) {
        slot.lost.store(false, Ordering::Release);
        slot.crew.lost.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn lost(&self) -> usize {
        lock(&self.crews).iter().map(|(crew, _)| crew.lost.load(Ordering::Acquire)).sum()
    }

    /// Lets every thread go without waiting for those that will not come.
    pub(crate) fn shut_down(&self) {
        for (_, runtime) in std::mem::take(&mut *lock(&self.crews)) {
            runtime.shutdown_background();
        }
    }

    pub(crate) fn live_slots(&self) -> Vec<Arc<Slot>> {
        let mut slots = lock(&self.slots);
        slots.retain(|slot| !slot.gone.load(Ordering::Acquire));
        slots.clone()
    }
}

fn sign_in(crew: &Arc<Crew>, threads: &Weak<Threads>) {
    let Some(threads) = threads.upgrade() else { return };
    let slot = Arc::new(Slot {
        sequence: AtomicU64::new(0),
        serial: AtomicU64::new(0),
        thread: crate::watchdog::own_thread_id(),
        crew: Arc::clone(crew),
        lost: AtomicBool::new(false),
        gone: AtomicBool::new(false),
    });
    lock(&threads.slots).push(Arc::clone(&slot));
    SLOT.set(Some(OwnSlot(slot)));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
