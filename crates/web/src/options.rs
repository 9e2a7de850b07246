use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::Error;

/// What may be chosen about the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The loopback address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// How many connections are open at once; the next wait in the kernel's accept queue.
    pub connections_max: usize,
    /// How many bytes of body one request may bring.
    pub body_bytes_max: usize,
    /// How many bytes the head of one request may take; at least 8192.
    pub head_bytes_max: usize,
    /// How long a caller may take over the head of a request, and keep an idle connection open.
    pub head_timeout: Duration,
    /// How long an answer may take to begin, the body of the request included.
    pub request_timeout: Duration,
    /// The same where everything is read or copied.
    pub slow_timeout: Duration,
    /// How long a caller may leave written bytes unread before its connection is cut.
    pub stall_timeout: Duration,
    /// How long requests in flight may take once the door closes.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7878)),
            connections_max: 256,
            body_bytes_max: 1024 * 1024,
            head_bytes_max: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            slow_timeout: Duration::from_secs(60 * 60),
            stall_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// Refuses what could never work.
    pub fn validate(&self) -> Result<(), Error> {
        let bounds = [
            ("connections_max", self.connections_max == 0),
            ("head_bytes_max", self.head_bytes_max == 0),
            ("head_timeout", self.head_timeout.is_zero()),
            ("request_timeout", self.request_timeout.is_zero()),
            ("slow_timeout", self.slow_timeout.is_zero()),
            ("stall_timeout", self.stall_timeout.is_zero()),
        ];
        for (option, zero) in bounds {
            if zero {
                return Err(Error::Zero { option });
            }
        }
        if !self.listen.ip().is_loopback() {
            return Err(Error::BeyondLoopback { address: self.listen });
        }
        Ok(())
    }
}
