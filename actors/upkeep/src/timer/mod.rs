//! The timer: a steady beat of the node, and how late it comes.
//!
//! hears    Beat (from its own task), Lag
//! bounds   one beating task; the lags of the last minute
//! crashes  loses the lags it remembered, which nobody needs

mod rules;

use std::time::Duration;

use domain::{BoxError, signals};
use runtime::{Actor, Bounds, Child, Context, Handle, Message, Next, Node, Reply, Worker};

pub use rules::Lags;

/// The time between two beats.
const BEAT: Duration = Duration::from_secs(1);
/// A beat that comes later than this says that the node's threads are not free.
const LATE: Duration = Duration::from_millis(250);

/// What the timer hears.
pub enum Heard {
    /// A beat that was due at this moment.
    Beat { due: Duration },
    /// How late were the beats of the last minute?
    Lag(Reply<Lags>),
}

impl Message for Heard {}

#[derive(Default)]
struct Timer {
    lags: Lags,
}

/// The timer as a child of its supervisor, and the way to ask it.
pub fn spec(node: &Node) -> (Child, Handle<Heard>) {
    Worker::new("timer", "timer", Timer::default)
        .mailbox(Bounds { messages_max: 16, ..Bounds::default() })
        .on(node)
}

impl Actor for Timer {
    type Message = Heard;

    async fn init(&mut self, cx: &mut Context<Heard>) -> Result<(), BoxError> {
        cx.claim("timer")?;
        let (clock, myself) = (cx.clock(), cx.myself());
        cx.spawn(async move {
            let mut due = clock.monotonic();
            loop {
                due += BEAT;
                clock.sleep(due.saturating_sub(clock.monotonic())).await;
                // A mailbox full of beats says enough; one more would not be heard earlier.
                let _ = myself.tell(Heard::Beat { due });
            }
        });
        Ok(())
    }

    async fn handle(&mut self, heard: Heard, cx: &mut Context<Heard>) -> Result<Next, BoxError> {
        match heard {
            Heard::Beat { due } => {
                let lag = cx.clock().monotonic().saturating_sub(due);
                self.lags.note(lag);
                if LATE < lag {
                    tracing::warn!(event = signals::BEAT_LATE, lag_ms = rules::millis(lag));
                }
            }
            Heard::Lag(reply) => reply.send(self.lags.clone()),
        }
        Ok(Next::Go)
    }
}
