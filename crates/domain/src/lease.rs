//! Which nodes live, by the clock of the store that they share: what a living node has claimed is
//! nobody else's.

use std::time::Duration;

use crate::BoxFuture;
use crate::id::Id;
use crate::journal::{Boot, Error};

/// Names a node for as long as its data folder is there: each start is another boot of it.
pub type NodeId = Id;

/// The port. A lease ends by itself when it is not renewed in time, whatever clock the node has.
pub trait Leases: Send + Sync + 'static {
    /// A boot of this node lives from now on, for so long. The boot before it is known to be over,
    /// as two never hold one data folder.
    fn begin(&self, node: NodeId, boot: Boot, lasts: Duration) -> BoxFuture<'_, Result<(), Error>>;

    /// It lives on for so long from now. Tells whether it does: where another boot has begun as the
    /// same node, this one is over.
    fn renew(
        &self,
        node: NodeId,
        boot: Boot,
        lasts: Duration,
    ) -> BoxFuture<'_, Result<bool, Error>>;

    /// It is over, and others may have at once what it had.
    fn end(&self, node: NodeId, boot: Boot) -> BoxFuture<'_, Result<(), Error>>;
}
