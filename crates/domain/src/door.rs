//! A door: where the outside world knocks on this node.

use std::net::SocketAddr;

use crate::{BoxError, BoxFuture};

/// Listens on one address and answers whoever knocks.
///
/// The adapter owns the listening socket and keeps it between two calls of `serve`, so a restart of
/// the actor behind it refuses nobody and loses no address.
pub trait Door: Send + Sync + 'static {
    /// The address it is bound to; a port of 0 has become a real one.
    fn address(&self) -> SocketAddr;

    /// Serves until `closing` resolves, finishes what is in flight and returns.
    fn serve(&self, closing: BoxFuture<'static, ()>) -> BoxFuture<'static, Result<(), Error>>;
}

/// Why a door could not stay open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the door on {address} cannot accept connections")]
    Accept {
        address: SocketAddr,
        #[source]
        source: BoxError,
    },
}
