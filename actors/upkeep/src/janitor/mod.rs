//! The janitor: removes what has been kept for long enough, portion by portion.
//!
//! hears    Due (from its own task)
//! bounds   one portion at a time, of so many rows; a pause after each, in which others write
//! crashes  forgets nothing: what is left to remove is still there

mod rules;

use std::sync::Arc;
use std::time::Duration;

use domain::records::{Records, Retention, Tidied};
use domain::{BoxError, signals};
use runtime::{Actor, Bounds, Child, Context, Message, Next, Node, Worker};

/// What is kept, and how often that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub retention: Retention,
    pub every: Every,
}

/// The time between two looks that find nothing more to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(pub Duration);

impl Default for Every {
    fn default() -> Self {
        Every(Duration::from_secs(5 * 60))
    }
}

/// How long one portion may take; reading for it goes through all that is closed.
const PORTION_DEADLINE: Duration = Duration::from_secs(60);

/// What the janitor hears.
pub enum Heard {
    /// It is time for a portion.
    Due,
}

impl Message for Heard {}

struct Janitor {
    records: Arc<dyn Records>,
    plan: Plan,
    /// What has gone since the last look that found nothing.
    gone: Tidied,
}

/// The janitor as a child of its supervisor.
pub fn spec(node: &Node, records: Arc<dyn Records>, plan: Plan) -> Child {
    let make = move || Janitor {
        records: Arc::clone(&records),
        plan: plan.clone(),
        gone: Tidied::default(),
    };
    Worker::new("janitor", "janitor", make)
        .mailbox(Bounds { messages_max: 4, ..Bounds::default() })
        .on(node)
        .0
}

impl Janitor {
    async fn tidy(&mut self, cx: &Context<Heard>) -> Result<Duration, BoxError> {
        let (records, retention) = (Arc::clone(&self.records), self.plan.retention.clone());
        let now = cx.clock().now();
        let portion = async move { records.tidy(now, retention).await };
        let every = self.plan.every.0;
        let tidied = match cx.call(PORTION_DEADLINE, portion).await? {
            Ok(tidied) => tidied,
            // A disk without room, or a journal that is held by somebody: the next look may do it.
            Err(error) => {
                tracing::warn!(
                    event = signals::JOURNAL_UNTIDY,
                    error = &error as &dyn std::error::Error
                );
                return Ok(every);
            }
        };
        rules::add(&mut self.gone, tidied);
        if !tidied.more && rules::is_worth_a_line(&self.gone) {
            let Tidied { keys, entities, rows, blobs, more: _ } = std::mem::take(&mut self.gone);
            tracing::info!(event = signals::JOURNAL_TIDIED, entities, rows, blobs, keys);
        }
        Ok(rules::pause(tidied, every))
    }
}

fn tidy_in(pause: Duration, cx: &Context<Heard>) {
    let (myself, clock) = (cx.myself(), cx.clock());
    cx.spawn(async move {
        clock.sleep(pause).await;
        // There is never a second one.
        let _ = myself.tell(Heard::Due);
    });
}

impl Actor for Janitor {
    type Message = Heard;

    async fn init(&mut self, cx: &mut Context<Heard>) -> Result<(), BoxError> {
        cx.claim("janitor")?;
        // A node that starts has better things to do.
        tidy_in(self.plan.every.0, cx);
        Ok(())
    }

    async fn handle(&mut self, heard: Heard, cx: &mut Context<Heard>) -> Result<Next, BoxError> {
        match heard {
            Heard::Due => {
                let pause = self.tidy(cx).await?;
                tidy_in(pause, cx);
            }
        }
        Ok(Next::Go)
    }
}
