//! The agent's side: HTTP/1.1 on one endpoint (B-1).

mod admit;
mod body;
mod crowd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use relay_mcp_core::Machine;
use relay_mcp_core::door::{Door, Refusal, Secret};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::driver::{AgentBody, Driver};
use crate::open_files;
use crate::settings::HttpLimits;
use crate::telemetry::Metrics;
use crowd::Crowd;

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
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
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
    pub async fn serve(self, listener: TcpListener) -> GracefulShutdown {
        let open = GracefulShutdown::new();
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
                    Ok(room) => Arc::clone(&server).converse(connection, room, &open),
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

    fn converse(self: Arc<Self>, connection: TcpStream, room: OwnedSemaphorePermit, open: &GracefulShutdown) {
        // It only matters for speed, so a socket that does not take it is served all the same.
        let _ = connection.set_nodelay(true);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.max_header_bytes);
        let cut = Arc::new(Notify::new());
        let is_cut = Arc::clone(&cut);
        let service = service_fn(move |request| {
            let server = Arc::clone(&self);
            let cut = Arc::clone(&cut);
            async move { server.answer(request, &cut).await }
        });
        let served = open.watch(http.serve_connection(TokioIo::new(connection), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = served => if let Err(error) = ended {
                    tracing::debug!(error = error.to_string(), "a connection of the agent broke off");
                },
                () = is_cut.notified() => tracing::debug!("a connection of the agent was cut off"),
            }
            drop(room);
        });
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Arc<Notify>,
    ) -> Result<Response<AgentBody>, Gone> {
        match self.admit(request).await {
            Ok((admitted, room)) => {
                let mut response = self.driver.exchange(admitted).await.ok_or(Gone)?;
                response.body_mut().hold(room);
                response.body().cut_with(connection);
                Ok(response)
            }
            Err(refusal) => {
                self.metrics.refused(refusal.status());
                Ok(admit::refuse(refusal))
            }
        }
    }
}

/// The exchange was broken off before its answer began: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the exchange was broken off")]
struct Gone;
