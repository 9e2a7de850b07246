//! The lease: says to the store, again and again, that this node lives.
//!
//! hears    Due (from its own task)
//! bounds   one renewal at a time, which is given up when the next one is due
//! crashes  loses nothing: the next one renews, and a lease that ends meanwhile is had again unless
//!          somebody else has begun as the same node

use std::sync::Arc;
use std::time::Duration;

use domain::BoxError;
use domain::journal::Boot;
use domain::lease::{Leases, NodeId};
use runtime::{Actor, Bounds, Child, Context, Message, Next, Node, Worker};

/// Without a renewal for so long a node counts as dead. Others wait for that, and a node that was
/// held up for less keeps what it has.
pub const LASTS: Duration = Duration::from_secs(10);
/// Between two renewals: one that fails leaves time for two more.
const EVERY: Duration = Duration::from_secs(3);

/// Whose lease it is, and who hears that it is lost.
#[derive(Clone)]
pub struct Plan {
    pub leases: Arc<dyn Leases>,
    pub node: NodeId,
    pub boot: Boot,
    /// Somebody else has begun as this node.
    pub lost: Arc<dyn Fn() + Send + Sync>,
}

/// What the lease hears.
pub enum Heard {
    /// It is time to renew it.
    Due,
}

impl Message for Heard {}

struct Lease(Plan);

/// The lease as a child of its supervisor.
pub fn spec(node: &Node, plan: Plan) -> Child {
    Worker::new("lease", "lease", move || Lease(plan.clone()))
        .mailbox(Bounds { messages_max: 4, ..Bounds::default() })
        .on(node)
        .0
}

impl Actor for Lease {
    type Message = Heard;

    async fn init(&mut self, cx: &mut Context<Heard>) -> Result<(), BoxError> {
        let (clock, myself) = (cx.clock(), cx.myself());
        cx.spawn(async move {
            loop {
                clock.sleep(EVERY).await;
                // A mailbox that is full says so already.
                let _ = myself.tell(Heard::Due);
            }
        });
        Ok(())
    }

    async fn handle(
        &mut self,
        Heard::Due: Heard,
        cx: &mut Context<Heard>,
    ) -> Result<Next, BoxError> {
        let Plan { leases, node, boot, lost } = self.0.clone();
        let renewing = async move { leases.renew(node, boot, LASTS).await };
        match cx.call(EVERY, renewing).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                tracing::error!(%node, "another process has begun as this node");
                lost();
                return Ok(Next::Done);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the lease is not renewed"),
            Err(error) => tracing::warn!(%error, "the lease is not renewed in time"),
        }
        Ok(Next::Go)
    }
}
