//! Question and answer, one in flight.
//!
//! Honest because all three do the same: one caller, one server, the next question after the
//! answer to the last; the caller is a task of the runtime the server lives on (a process of the
//! same node on the BEAM), with as many threads, and each has warmed up for a fifth of its time.
//! Ours goes through the bounded mailbox and has a deadline; the raw call has neither.

use std::time::{Duration, Instant};

use runtime::{Class, Options};

use super::stage::{Order, PATIENCE, Stage};
use crate::figures::Figures;

/// Answers per second through a bounded mailbox.
pub(crate) async fn ours(seconds: f64) -> anyhow::Result<Figures> {
    let stage = Stage::set(&Options::default(), 1, Class::Worker).await?;
    let handle = stage.handles[0].clone();
    let asking = async move {
        let mut pace = Pace::begin(seconds);
        while pace.goes_on() {
            for _ in 0..BATCH {
                handle.ask(Order::Ping, PATIENCE).await?;
            }
        }
        Ok(pace.per_second())
    };
    Ok(Figures::from([("per_s", stage.inside.run(asking).await?)]))
}

/// The same on a bare ractor actor, whose mailbox has no bound.
pub(crate) async fn raw(seconds: f64) -> anyhow::Result<Figures> {
    let (actor, _) = ractor::Actor::spawn(None, Bare, ()).await?;
    let mut pace = Pace::begin(seconds);
    while pace.goes_on() {
        for _ in 0..BATCH {
            ractor::call!(actor, Ask::Ping)?;
        }
    }
    actor.stop(None);
    Ok(Figures::from([("per_s", pace.per_second())]))
}

struct Bare;

enum Ask {
    Ping(ractor::RpcReplyPort<u64>),
}

impl ractor::Actor for Bare {
    type Msg = Ask;
    type State = u64;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ractor::ActorRef<Ask>,
        (): (),
    ) -> Result<u64, ractor::ActorProcessingErr> {
        Ok(7)
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<Ask>,
        Ask::Ping(port): Ask,
        state: &mut u64,
    ) -> Result<(), ractor::ActorProcessingErr> {
        let _ = port.send(*state);
        Ok(())
    }
}

/// Questions between two looks at the clock.
const BATCH: u32 = 256;

/// Counts batches until the time is over, beginning when it has warmed up.
struct Pace {
    seconds: f64,
    warming_up: bool,
    began: Instant,
    until: Instant,
    batches: u32,
}

impl Pace {
    fn begin(seconds: f64) -> Self {
        let began = Instant::now();
        let until = began + Duration::from_secs_f64(seconds / 5.0);
        Pace { seconds, warming_up: true, began, until, batches: 0 }
    }

    fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        let is_over = now >= self.until;
        if is_over && !self.warming_up {
            return false;
        }
        if is_over {
            let until = now + Duration::from_secs_f64(self.seconds);
            *self = Pace { warming_up: false, began: now, until, batches: 0, ..*self };
        }
        self.batches += 1;
        true
    }

    fn per_second(&self) -> f64 {
        f64::from(self.batches) * f64::from(BATCH) / self.began.elapsed().as_secs_f64()
    }
}
