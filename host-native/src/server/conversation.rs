//! One connection of the agent, from its first request to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use relay_mcp_core::Machine;
use relay_mcp_core::door::Refusal;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::open::Leave;
use super::{Gone, Server, farewell};
use crate::bell::Bell;
use crate::driver::AgentBody;
use crate::gathered::Gathered;

impl<M: Machine + Send + 'static> Server<M> {
    /// Speaks HTTP on a connection, in a task of its own; returns at once.
    pub(super) fn converse(
        self: Arc<Self>,
        connection: TcpStream,
        room: OwnedSemaphorePermit,
        mut leave: Leave,
    ) {
        // It only matters for speed, so a socket that does not take it is served all the same.
        let _ = connection.set_nodelay(true);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_header_size(self.limits.max_header_bytes)
            .max_buf_size(self.limits.max_header_bytes);
        let metrics = self.metrics.clone();
        let bell = Bell::default();
        let cut = Arc::new(Notify::new());
        let (heard, is_cut) = (bell.clone(), Arc::clone(&cut));
        let service =
            service_fn(move |request| Arc::clone(&self).answer(request, bell.clone(), Arc::clone(&cut)));
        let mut served = http.serve_connection(Gathered::over(TokioIo::new(connection)), service);
        tokio::spawn(async move {
            let ended = tokio::select! {
                biased;
                ended = until_the_end(&mut served, &heard, &mut leave) => ended,
                () = is_cut.notified() => return tracing::debug!("a connection of the agent was cut off"),
            };
            let parts = served.into_parts();
            // The end is apart, since it reads into a buffer of its own, which would be part of every connection.
            let connection = parts.io.into_inner().into_inner();
            match ended {
                Err(error) if error.is_timeout() && !parts.read_buf.is_empty() => {
                    metrics.refused(Refusal::HeadTooSlow.status());
                    Box::pin(farewell::refuse(connection, Refusal::HeadTooSlow)).await;
                }
                ended => {
                    if let Err(error) = ended {
                        if error.is_parse() {
                            metrics.refused(if error.is_parse_too_large() { 431 } else { 400 });
                        }
                        tracing::debug!(error = error.to_string(), "a connection of the agent broke off");
                    }
                    if !leave.is_asked() {
                        Box::pin(farewell::close(connection)).await;
                    }
                }
            }
            drop((room, leave));
        });
    }
}

/// Serves a connection until it ends; where it is to end, until nothing is under way on it.
async fn until_the_end<S>(
    served: &mut http1::Connection<Gathered<TokioIo<TcpStream>>, S>,
    bell: &Bell,
    leave: &mut Leave,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = AgentBody, Error = Gone>,
{
    tokio::select! {
        biased;
        ended = poll_fn(|context| bell.poll(served, context)) => return ended,
        () = leave.asked() => {}
    }
    Pin::new(&mut *served).graceful_shutdown();
    poll_fn(|context| bell.poll(served, context)).await
}
