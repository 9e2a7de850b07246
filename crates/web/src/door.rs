//! The listening socket, and the connections that come through it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use domain::door::{self, Door};
use domain::token::Token;
use domain::{BoxError, BoxFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::intake::Intake;
use crate::patience::Patient;
use crate::{Error, Options, Ports, routes};

/// How long accepting pauses after the system had no descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often in a row accepting may fail that way before the door gives up: five seconds' worth.
const ACCEPT_FAILURES_MAX: u32 = 50;

/// The least that hyper takes for the head of a request.
const HEAD_BYTES_MIN: usize = 8192;

/// A door that speaks HTTP/1.1 on one loopback address.
///
/// It holds the listening socket from `bind` until it is dropped. Between two calls of `serve`
/// callers wait in the kernel's accept queue, so a restart refuses nobody. Every connection lives
/// inside the call of `serve` that accepted it and ends with it, also when that call is dropped.
pub struct HttpDoor {
    listener: TcpListener,
    address: SocketAddr,
    intake: Intake,
    room: Arc<Room>,
}

/// What a call of `serve` takes along.
struct Room {
    router: Router,
    options: Options,
}

impl HttpDoor {
    /// Takes the address, so that whoever gets a door knows where it will answer.
    pub fn bind(options: Options, token: Token, ports: Ports) -> Result<Self, Error> {
        options.validate()?;
        let address = options.listen;
        let failed = |source: io::Error| {
            if source.kind() == io::ErrorKind::AddrInUse {
                Error::Taken { address }
            } else {
                Error::Bind { address, source }
            }
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let intake = Intake::default();
        let router = routes::all(&options, token, ports, intake.clone());
        Ok(Self { listener, address, intake, room: Arc::new(Room { router, options }) })
    }

    /// Refuses what would begin work from now on: the node drains. Everything else is answered as
    /// before, except that the node is not ready.
    pub fn close_intake(&self) {
        self.intake.close();
    }
}

impl Door for HttpDoor {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn serve(
        &self,
        closing: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, Result<(), door::Error>> {
        let listener = self.listener.try_clone();
        let room = Arc::clone(&self.room);
        let address = self.address;
        Box::pin(async move {
            let failed =
                |source: io::Error| door::Error::Accept { address, source: BoxError::from(source) };
            let listener = listener.and_then(tokio::net::TcpListener::from_std).map_err(failed)?;
            room.receive(&listener, closing).await.map_err(failed)
        })
    }
}

impl Room {
    async fn receive(
        self: &Arc<Self>,
        listener: &tokio::net::TcpListener,
        mut closing: BoxFuture<'static, ()>,
    ) -> io::Result<()> {
        let (close, closed) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut failures = 0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut closing => break,
                // Only keeps the count true: a connection that failed has already said so.
                Some(_ended) = connections.join_next() => continue,
                accepted = listener.accept(), if connections.len() < self.options.connections_max
                    => accepted,
            };
            match accepted {
                Ok((stream, _peer)) => {
                    failures = 0;
                    connections.spawn(Arc::clone(self).converse(stream, closed.clone()));
                }
                Err(error) if is_about_one_caller(&error) => {}
                Err(error) => {
                    failures += 1;
                    if failures == ACCEPT_FAILURES_MAX {
                        return Err(error);
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(close);
        self.drain(connections).await;
        Ok(())
    }

    /// Answers one caller until either side has had enough.
    async fn converse(self: Arc<Self>, stream: TcpStream, mut closed: watch::Receiver<()>) {
        // Answers are small and complete: waiting to fill a packet would only delay them.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let options = &self.options;
        let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.head_timeout)
            .max_buf_size(options.head_bytes_max.max(HEAD_BYTES_MIN));
        let stream = TokioIo::new(Patient::new(stream, options.stall_timeout));
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = pin!(http.serve_connection(stream, service));

        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            // Fails when the sender is gone, which is the signal.
            _gone = closed.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended early");
        }
    }

    async fn drain(&self, mut connections: JoinSet<()>) {
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.options.drain_timeout, all).await.is_err() {
            tracing::warn!(cut = connections.len(), "requests outlived the closing door");
            connections.shutdown().await;
        }
    }
}

/// Whether accepting failed because of who knocked, and says nothing about the next one.
fn is_about_one_caller(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests;
