//! Question and answer, one in flight.

use std::time::{Duration, Instant};

use super::stage::{self, Order, PATIENCE};

/// Answers per second through a bounded mailbox.
pub(crate) async fn ours(seconds: f64) -> anyhow::Result<f64> {
    let (_node, inside, handles) = stage::one_for_one(1).await?;
    let handle = handles[0].clone();
    let asking = async move {
        let mut pace = Pace::begin(seconds);
        while pace.goes_on() {
            for _ in 0..BATCH {
                handle.ask(Order::Ping, PATIENCE).await?;
            }
        }
        Ok(pace.per_second())
    };
    inside.run(asking).await
}

/// The same on a bare ractor actor, whose mailbox has no bound.
pub(crate) async fn raw(seconds: f64) -> anyhow::Result<f64> {
    struct Bare;
    enum Ask {
        Ping(ractor::RpcReplyPort<()>),
    }
    impl ractor::Actor for Bare {
        type Msg = Ask;
        type State = ();
        type Arguments = ();
        async fn pre_start(
            &self,
            _: ractor::ActorRef<Ask>,
            (): (),
        ) -> Result<(), ractor::ActorProcessingErr> {
            Ok(())
        }
        async fn handle(
            &self,
            _: ractor::ActorRef<Ask>,
            Ask::Ping(port): Ask,
            (): &mut (),
        ) -> Result<(), ractor::ActorProcessingErr> {
            let _ = port.send(());
            Ok(())
        }
    }
    let (actor, _) = ractor::Actor::spawn(None, Bare, ()).await?;
    let mut pace = Pace::begin(seconds);
    while pace.goes_on() {
        for _ in 0..BATCH {
            ractor::call!(actor, Ask::Ping)?;
        }
    }
    actor.stop(None);
    Ok(pace.per_second())
}

/// Questions between two looks at the clock.
const BATCH: u32 = 256;

/// Counts batches until the time is over.
struct Pace {
    began: Instant,
    until: Instant,
    batches: u32,
}

impl Pace {
    fn begin(seconds: f64) -> Self {
        let began = Instant::now();
        Pace { began, until: began + Duration::from_secs_f64(seconds), batches: 0 }
    }

    fn goes_on(&mut self) -> bool {
        let more = Instant::now() < self.until;
        self.batches += u32::from(more);
        more
    }

    fn per_second(&self) -> f64 {
        f64::from(self.batches) * f64::from(BATCH) / self.began.elapsed().as_secs_f64()
    }
}
