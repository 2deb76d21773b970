//! The control listener: accepts the runner's connections until it is told to stop.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use relay_mcp_core::door::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::api::Api;
use super::error::ControlError;
use super::guard::Guard;
use super::listener::{Connection, Listener};
use super::report::Info;
use crate::handle::Handle;
use crate::settings::ControlAddress;
use crate::telemetry::Metrics;

/// The most connections at once; more wait to be accepted.
const MOST_CONNECTIONS: usize = 128;
/// How long a request head may take to arrive, and a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long answers that are under way may take to leave at shutdown.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// The wait after a failed accept, such as too many open files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// The largest request head, in bytes.
const HEAD_LIMIT: usize = 16 << 10;

/// The control listener, bound and not yet served. Dropping it removes its socket.
pub struct Control {
    listener: Listener,
    bound: ControlAddress,
    guard: Guard,
}

impl Control {
    /// Opens the listener. A Unix socket gets mode 0600, and the socket of a dead proxy is replaced; a TCP
    /// listener needs its bearer secret.
    ///
    /// # Errors
    /// When the address cannot be listened at, or is not a safe one.
    pub async fn bind(address: &ControlAddress, secret: Option<Secret>) -> Result<Self, ControlError> {
        let (listener, bound, guard) = Listener::bind(address, secret).await?;
        Ok(Self { listener, bound, guard })
    }

    /// Where it listens, with the port that the system chose: `unix:/path`, `127.0.0.1:4321`, or `None`
    /// where there is no listener.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        super::address_text(&self.bound)
    }

    /// Serves until `stop` is true or its sender is gone; then ends the connections, and removes the
    /// socket. To be called when the door and the store are open: from then on `/readyz` is 200.
    pub async fn serve(self, handle: Handle, metrics: Metrics, info: Info, mut stop: watch::Receiver<bool>) {
        let Self { listener, bound: _, guard } = self;
        let api = Arc::new(Api { guard, handle, metrics, info });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok(connection) => {
                        connections.spawn(serve(connection, Arc::clone(&api), stop.clone()));
                    }
                    Err(error) => {
                        warn!(error = error.to_string(), "the control listener could not accept a connection");
                        tokio::time::sleep(ACCEPT_BACKOFF).await;
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Serves one connection that came through no listener, behind this secret if there is one: for tests that speak to the
/// API without a socket, such as `tests/fuzz`.
#[doc(hidden)]
pub async fn converse(
    connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    secret: Option<Secret>,
    handle: Handle,
    metrics: Metrics,
    info: Info,
    stop: watch::Receiver<bool>,
) {
    let guard = secret.map_or(Guard::FileMode, Guard::Bearer);
    serve(Box::new(connection), Arc::new(Api { guard, handle, metrics, info }), stop).await;
}

async fn serve(connection: Box<dyn Connection>, api: Arc<Api>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.answer(request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    http.max_header_size(HEAD_LIMIT).max_buf_size(HEAD_LIMIT);
    let mut served = pin!(http.serve_connection(TokioIo::new(connection), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(LEAVE_WITHIN, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(error = error.to_string(), "a control connection broke off");
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone wants nothing more of us either.
    let _ = stop.wait_for(|stop| *stop).await;
}
