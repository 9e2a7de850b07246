use std::io;
use std::net::SocketAddr;

/// Why a door could not be opened. Each is mended by another address or another bound.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{address} can be reached from other machines, and accounts to tell their callers apart do \
         not exist yet: listen on a loopback address such as 127.0.0.1:{}", address.port()
    )]
    BeyondLoopback { address: SocketAddr },
    #[error("{address} is taken by another program: end it, or listen on another port")]
    Taken { address: SocketAddr },
    #[error("cannot listen on {address}: name an address of this machine and a port it may use")]
    Bind {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the door's `{option}` is 0, which would let nobody in: give it at least 1")]
    Zero { option: &'static str },
}
