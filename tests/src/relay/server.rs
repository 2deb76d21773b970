//! The relay's sockets: a listener that can be closed and opened again, connections that can be reset.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::body::Outgoing;
use super::serve::answer;
use super::{Shared, Tls, tls};

/// A relay that listens; dropping it closes the listener and breaks all connections.
#[derive(Debug)]
pub(super) struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Resets the connection of one request.
pub(super) type Reset = Arc<Notify>;

/// Serves every connection until the listening is dropped.
pub(super) fn listen(listener: TcpListener, shared: Arc<Shared>) -> Listening {
    Listening(tokio::spawn(accept_all(listener, shared)).abort_handle())
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            connections.spawn(serve_connection(stream, shared.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A connection that is open, counted.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    let _counted = Counted::new(&shared);
    let tls = shared.behaviour.lock().unwrap().tls.clone();
    let handle = stream.as_fd().try_clone_to_owned();
    let reset = Reset::default();
    let wish = reset.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, reset) = (shared.clone(), reset.clone());
        async move { Ok::<_, Infallible>(answer(shared, reset, request).await) }
    });
    tokio::select! {
        () = serve(stream, tls, service) => {}
        () = wish.notified() => {
            if let Ok(handle) = handle {
                rustix::net::sockopt::set_socket_linger(&handle, Some(Duration::ZERO)).ok();
            }
        }
    }
}

/// Serves one connection to its end, as its client and the relay agree.
async fn serve<S>(stream: TcpStream, tls: Option<Tls>, service: S)
where
    S: HttpService<Incoming, ResBody = Outgoing, Error = Infallible>,
    S::Future: Send + 'static,
{
    let Some(tls) = tls else {
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        return;
    };
    let Ok(stream) = tls.accept(stream).await else { return };
    let is_http2 = tls::is_http2(&stream);
    let stream = TokioIo::new(stream);
    if is_http2 {
        http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await.ok();
    } else {
        http1::Builder::new().serve_connection(stream, service).await.ok();
    }
}

/// Whether anybody listens there.
pub(super) async fn is_listening(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}
