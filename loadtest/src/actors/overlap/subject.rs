//! The actor under test: does whatever it is told with its hands, and looks at its seat all along.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use domain::BoxError;
use runtime::{Actor, Context, Message, Next, Reply};

use super::CRASHES_PER_LONG_WORK;
use super::seat::{Claim, Seat, Watch};
use crate::actors::stage::Scatter;

/// Between two looks at the seat within one piece of work.
const STEP: Duration = Duration::from_micros(100);
/// A port call of a subject is done or given up within this.
const CALL_DEADLINE: Duration = Duration::from_millis(50);
/// Longer than a supervisor waits for what a crashed child has in hand.
const LONG_WORK: Duration = Duration::from_millis(1_100);

/// What an incarnation has in hand when it crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hands {
    Empty,
    /// Blocking work of this length.
    Blocking(Duration),
    /// A task that would go on for ever.
    Task,
    /// A port call of this length.
    Call(Duration),
}

impl Hands {
    pub(super) fn by_chance(scatter: &mut Scatter) -> Self {
        if scatter.below(CRASHES_PER_LONG_WORK) == 0 {
            return Hands::Blocking(LONG_WORK);
        }
        let short = Duration::from_micros(200 + scatter.below(3_000) as u64);
        match scatter.below(8) {
            0 | 1 => Hands::Blocking(short),
            2 => Hands::Task,
            3 => Hands::Call(short),
            _ => Hands::Empty,
        }
    }
}

pub(super) enum Deed {
    Ping(Reply<u64>),
    Panic(Hands),
    Fail(Hands),
    /// Takes this in hand, says so, and keeps it until it is killed.
    Hold(Hands, Reply<()>),
    /// Does it and goes on.
    Work(Hands),
    Spin(Duration),
}

impl Message for Deed {}

pub(super) struct Subject {
    claim: Claim,
}

impl Subject {
    pub(super) fn new(seat: &Arc<Seat>, watch: &Arc<Watch>) -> Self {
        let claim = Claim::new(seat, watch);
        claim.act();
        Subject { claim }
    }

    /// Takes `hands` in hand, then does `then`, without waiting for what is in hand.
    async fn take(
        &self,
        hands: Hands,
        cx: &Context<Deed>,
        then: impl Future<Output = Result<Next, BoxError>>,
    ) -> Result<Next, BoxError> {
        match hands {
            Hands::Empty => then.await,
            Hands::Task => {
                cx.spawn(keep_at_it(self.claim.clone(), cx.clock(), None));
                then.await
            }
            Hands::Blocking(length) => {
                let claim = self.claim.clone();
                let work = pin!(cx.blocking(move || keep_blocking(&claim, length)));
                started(work).await;
                then.await
            }
            Hands::Call(length) => {
                let call = keep_at_it(self.claim.clone(), cx.clock(), Some(length));
                let call = pin!(cx.call(CALL_DEADLINE, call));
                started(call).await;
                then.await
            }
        }
    }

    async fn work(&self, hands: Hands, cx: &Context<Deed>) -> Result<Next, BoxError> {
        let claim = self.claim.clone();
        match hands {
            Hands::Empty => {}
            Hands::Task => cx.spawn(keep_at_it(claim, cx.clock(), Some(STEP * 20))),
            Hands::Blocking(length) => cx.blocking(move || keep_blocking(&claim, length)).await?,
            Hands::Call(length) => {
                cx.call(CALL_DEADLINE, keep_at_it(claim, cx.clock(), Some(length))).await?;
            }
        }
        Ok(Next::Go)
    }

    fn spin(&self, length: Duration) {
        let began = Instant::now();
        while began.elapsed() < length {
            self.claim.act();
            let step = Instant::now();
            while step.elapsed() < STEP {
                std::hint::spin_loop();
            }
        }
    }
}

impl Actor for Subject {
    type Message = Deed;

    async fn init(&mut self, _cx: &mut Context<Deed>) -> Result<(), BoxError> {
        self.claim.act();
        Ok(())
    }

    async fn handle(&mut self, deed: Deed, cx: &mut Context<Deed>) -> Result<Next, BoxError> {
        self.claim.act();
        let next = match deed {
            Deed::Ping(reply) => {
                reply.send(self.claim.number);
                Ok(Next::Go)
            }
            Deed::Panic(hands) => self.take(hands, cx, async { panic!("as ordered") }).await,
            Deed::Fail(hands) => self.take(hands, cx, async { Err("as ordered".into()) }).await,
            Deed::Hold(hands, begun) => {
                let hold = async move {
                    begun.send(());
                    std::future::pending().await
                };
                self.take(hands, cx, hold).await
            }
            Deed::Work(hands) => self.work(hands, cx).await,
            Deed::Spin(length) => {
                self.spin(length);
                Ok(Next::Go)
            }
        };
        self.claim.act();
        next
    }
}

/// Polls once, which is what it takes to begin.
async fn started(mut work: std::pin::Pin<&mut impl Future>) {
    poll_fn(|cx| {
        let _ = work.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

fn keep_blocking(claim: &Claim, length: Duration) {
    let began = Instant::now();
    claim.act();
    while began.elapsed() < length {
        std::thread::sleep(STEP);
        claim.act();
    }
}

async fn keep_at_it(claim: Claim, clock: Arc<dyn domain::time::Clock>, length: Option<Duration>) {
    let began = clock.monotonic();
    claim.act();
    while length.is_none_or(|length| clock.monotonic() < began + length) {
        clock.sleep(STEP).await;
        claim.act();
    }
}
