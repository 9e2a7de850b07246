//! 64 senders against slow receivers: memory, accounts and stops.
//!
//! Honest because nothing is spared: the messages own a kibibyte of heap each and say so, and the
//! first receiver's own bounds are far beyond the ceiling of the node, so that the ceiling is what
//! holds. A second receiver has the bounds everybody has. Senders never rest; half of them take a
//! refusal at once, half wait for room. The accounts are kept by the messages themselves: each
//! tells when it is made, given back, heard, or dropped unheard. "Stop answered" is a `terminate`
//! of a receiver under the flood, from the call until its answer that the receiver is over: the
//! second receiver ten times a second, the full one every three seconds, with all that waits in
//! it; each is started again at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::BoxError;
use runtime::spec::Strategy;
use runtime::{
    Actor, Bounds, Class, Context, Handle, Message, Next, Options, Refused, Supervisor,
    SupervisorHandle, Worker,
};

use super::idle::resident_bytes;
use super::stage::{self, Inside, NO_LIMIT, Scatter};
use crate::figures::Figures;

const SENDERS: usize = 64;
/// What a receiver takes to handle one message.
const SLOWNESS: Duration = Duration::from_millis(1);
/// How long a sender that waits for room does so.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// Sends between two moments at which a sender lets others have the thread.
const SENDS_PER_TURN: usize = 16;
/// What waits in a mailbox that is closed is gone by then.
const DROPPED_WITHIN: Duration = Duration::from_secs(10);
const STOP_EVERY: Duration = Duration::from_millis(100);
/// Of so many stops one is that of the full receiver.
const STOPS_PER_FULL_STOP: u32 = 30;

/// Every message owns a heap of `body_bytes`.
pub(crate) async fn ours(seconds: u64, body_bytes: usize) -> anyhow::Result<Figures> {
    let node = stage::node(&Options::default())?;
    let beyond_the_ceiling = Bounds { messages_max: u32::MAX, bytes_max: 1 << 30 };
    let full = Worker::new("full", "slow", || Slow).mailbox(beyond_the_ceiling).on(&node);
    let usual = Worker::new("usual", "slow", || Slow).on(&node);
    let (host, inside) = Inside::host(&node, Class::Worker);
    let root = Supervisor::new("root", Strategy::OneForOne).intensity(NO_LIMIT);
    let root = root.child(host).child(full.0).child(usual.0);
    stage::plant(&node, &root).await?;
    let books = Arc::new(Books::default());
    let before = resident_bytes()?;
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let receivers = [full.1.clone(), usual.1.clone()];
            inside.start(send(number, receivers, Arc::clone(&books), body_bytes))
        })
        .collect();
    let watched = watch(&root.handle(), Duration::from_secs(seconds)).await?;
    books.over.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await??;
    }
    // What still waits is dropped unheard here, and what is being handled is over.
    root.handle().terminate("full").await?;
    root.handle().terminate("usual").await?;
    let [accounted, sent, heard] = books.close().await;
    Ok(Figures::from([
        ("growth_mib", (watched.resident_max - before) / f64::from(1 << 20)),
        ("unaccounted", sent.abs_diff(accounted) as f64),
        ("sent", sent as f64),
        ("heard", heard as f64),
        ("slowest_stop_ms", watched.slowest[0].max(watched.slowest[1]).as_secs_f64() * 1_000.0),
        ("slowest_usual_ms", watched.slowest[0].as_secs_f64() * 1_000.0),
        ("slowest_full_ms", watched.slowest[1].as_secs_f64() * 1_000.0),
        ("stops", f64::from(watched.stops)),
    ]))
}

struct Watched {
    resident_max: f64,
    /// Of the usual receiver and of the full one.
    slowest: [Duration; 2],
    stops: u32,
}

/// Looks at the memory and stops receivers, from outside of the flooded threads.
async fn watch(keeper: &SupervisorHandle, duration: Duration) -> anyhow::Result<Watched> {
    let began = Instant::now();
    let mut watched = Watched { resident_max: 0.0, slowest: [Duration::ZERO; 2], stops: 0 };
    while began.elapsed() < duration {
        tokio::time::sleep(STOP_EVERY).await;
        watched.resident_max = watched.resident_max.max(resident_bytes()?);
        watched.stops += 1;
        let full = usize::from(watched.stops.is_multiple_of(STOPS_PER_FULL_STOP));
        let whom = ["usual", "full"][full];
        let asked = Instant::now();
        keeper.terminate(whom).await?;
        watched.slowest[full] = watched.slowest[full].max(asked.elapsed());
        keeper.restart(whom).await?;
    }
    Ok(watched)
}

async fn send(
    number: usize,
    receivers: [Handle<Load>; 2],
    books: Arc<Books>,
    body_bytes: usize,
) -> anyhow::Result<()> {
    let waits = number.is_multiple_of(2);
    let mut scatter = Scatter::from_seed(number as u64 + 1);
    while !books.over.load(Ordering::Relaxed) {
        for _ in 0..SENDS_PER_TURN {
            // Most go where there is room for many; the other is full after 256 anyhow.
            let receiver = &receivers[usize::from(scatter.below(8) == 0)];
            let load = Load::new(&books, body_bytes);
            let sent = match waits {
                true => receiver.tell_within(load, WAIT_MAX).await,
                false => receiver.tell(load),
            };
            if let Err(Refused { message, .. }) = sent {
                message.given_back();
            }
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// What became of every message.
#[derive(Default)]
struct Books {
    sent: AtomicU64,
    refused: AtomicU64,
    heard: AtomicU64,
    dropped_unheard: AtomicU64,
    over: AtomicBool,
}

impl Books {
    /// How many are accounted for, were sent, and were heard, once nothing is being dropped any
    /// more: a mailbox that is closed lets go of what it held on threads of its node.
    async fn close(&self) -> [u64; 3] {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let began = Instant::now();
        loop {
            let accepted = read(&self.heard) + read(&self.dropped_unheard);
            let [accounted, sent] = [accepted + read(&self.refused), read(&self.sent)];
            if accounted == sent || began.elapsed() > DROPPED_WITHIN {
                return [accounted, sent, read(&self.heard)];
            }
            tokio::task::yield_now().await;
        }
    }
}

struct Load {
    body: Vec<u8>,
    books: Arc<Books>,
    is_settled: bool,
}

impl Load {
    fn new(books: &Arc<Books>, body_bytes: usize) -> Self {
        books.sent.fetch_add(1, Ordering::Relaxed);
        // Written to, so that its pages are really there.
        Load { body: vec![1; body_bytes], books: Arc::clone(books), is_settled: false }
    }

    fn given_back(mut self) {
        self.is_settled = true;
        self.books.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn heard(mut self) {
        self.is_settled = true;
        self.books.heard.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if !self.is_settled {
            self.books.dropped_unheard.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Message for Load {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.body.capacity()
    }
}

struct Slow;

impl Actor for Slow {
    type Message = Load;

    async fn handle(&mut self, load: Load, cx: &mut Context<Load>) -> Result<Next, BoxError> {
        load.heard();
        cx.clock().sleep(SLOWNESS).await;
        Ok(Next::Go)
    }
}
