//! The agent's side: HTTP/1.1 on one endpoint (B-1).

mod admit;
mod body;
mod conversation;
mod crowd;
mod farewell;
mod open;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use relay_mcp_core::Machine;
use relay_mcp_core::door::{Door, Refusal, Secret};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, Semaphore, watch};

use crate::bell::Bell;
use crate::driver::{AgentBody, Driver};
use crate::open_files;
use crate::settings::HttpLimits;
use crate::telemetry::Metrics;
use crowd::Crowd;
pub use open::Open;

/// How many connections may wait to be accepted, as far as the system lets them. One that finds no room comes again a
/// second later, by itself, and then later still.
const BACKLOG: u32 = 4096;

/// The wait after a failed accept, such as too many open files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The agent's listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}; choose another address with --listen")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: std::io::Error,
}

/// Opens the agent's listener.
///
/// # Errors
/// The address is in use, or not ours.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    bind(address).map_err(|source| ListenError { address, source })
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port that was just given up is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The agent's side of a driver.
pub struct Server<M> {
    driver: Driver<M>,
    door: Door,
    secret: Secret,
    limits: HttpLimits,
    /// Requests that may be under way at once.
    places: Arc<Semaphore>,
    /// Bytes of their bodies, by [`body::UNIT`].
    bytes: Arc<Semaphore>,
    /// Connections that may be open at once.
    connections: Arc<Semaphore>,
    metrics: Metrics,
    stop: watch::Receiver<bool>,
}

impl<M: Machine + Send + 'static> Server<M> {
    /// A server for this driver, behind this door, which opens to this secret, until `stop` is true.
    #[must_use]
    pub fn new(
        driver: Driver<M>,
        door: Door,
        secret: Secret,
        limits: HttpLimits,
        metrics: Metrics,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(limits.max_requests));
        let bytes = Arc::new(Semaphore::new(limits.max_inflight_bytes.div_ceil(body::UNIT)));
        let connections = Arc::new(Semaphore::new(limits.max_connections.min(open_files::connections())));
        Self { driver, door, secret, limits, places, bytes, connections, metrics, stop }
    }

    /// Serves until it is told to stop, then stops accepting, and gives back what is still under way: its
    /// end is the end of the last answer (B-8.4).
    pub async fn serve(self, listener: TcpListener) -> Open {
        let open = Open::default();
        let mut stop = self.stop.clone();
        let server = Arc::new(self);
        let crowd = Crowd::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return open,
            };
            match accepted {
                Ok((connection, _)) => match Arc::clone(&server.connections).try_acquire_owned() {
                    Ok(room) => Arc::clone(&server).converse(connection, room, open.one_more()),
                    Err(_) => {
                        server.metrics.refused(Refusal::TooManyConnections.status());
                        crowd.turn_away(connection);
                    }
                },
                Err(error) => {
                    tracing::warn!(error = error.to_string(), "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    /// Answers a request. Whether it is let in is seen at once, and of its head only that is kept which is needed.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        bell: Bell,
        connection: Arc<Notify>,
    ) -> impl Future<Output = Result<Response<AgentBody>, Gone>> {
        let mut admitted = self.admit(request);
        async move {
            let admitted = match &mut admitted {
                Ok(entering) => entering.whole(self.limits.body_timeout, &bell).await,
                Err(refusal) => Err(*refusal),
            };
            match admitted {
                Ok((admitted, room)) => {
                    let mut response = self.driver.exchange(admitted).await.ok_or(Gone)?;
                    response.body_mut().hold(room);
                    response.body().cut_with(&connection);
                    Ok(response)
                }
                Err(refusal) => {
                    self.metrics.refused(refusal.status());
                    Ok(admit::refuse(refusal))
                }
            }
        }
    }
}

/// The exchange was broken off before its answer began: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the exchange was broken off")]
struct Gone;
