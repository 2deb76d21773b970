//! Connections that are kept open for the next request.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connection::Connection;

/// Shorter than the five seconds after which common servers close an idle connection, so that a request
/// hardly ever meets a connection that is just being closed (PEERS 8).
const LONGEST_IDLE: Duration = Duration::from_secs(4);

/// How long what is left of a request may take after its answer has come.
const LONGEST_UNSENT: Duration = Duration::from_secs(30);

/// Connections at nobody's disposal. Cheap to clone; all clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Idle>>);

#[derive(Default)]
struct Idle {
    /// The one that was used last comes last, and is used first: what is not needed grows old.
    connections: Vec<(Connection, Instant)>,
    /// Whether somebody comes to close the old ones.
    is_swept: bool,
}

impl Pool {
    /// A connection that takes a request, as far as was noticed.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some((connection, since)) = idle.connections.pop() {
            if since.elapsed() >= LONGEST_IDLE || !connection.is_ready() {
                connection.close();
                continue;
            }
            if let Connection::Http2(shared) = &connection {
                let shared = Connection::Http2(shared.clone());
                idle.connections.push((shared, Instant::now()));
            }
            return Some(connection);
        }
        None
    }

    /// Keeps a connection for the next request, once it has done with the one before: a relay may answer before it has
    /// read all of a request.
    pub(super) fn take_back(&self, mut connection: Connection) {
        if connection.is_ready() || connection.is_closed() {
            return self.keep(connection);
        }
        let pool = self.clone();
        tokio::spawn(timeout(LONGEST_UNSENT, async move {
            poll_fn(|context| connection.poll_ready(context)).await;
            pool.keep(connection);
        }));
    }

    fn keep(&self, mut connection: Connection) {
        if connection.is_closed() {
            return;
        }
        connection.rest();
        let mut idle = self.lock();
        idle.connections.push((connection, Instant::now()));
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes those that were idle for too long, until none is left: a proxy that nobody uses wakes for nothing.
    async fn sweep(self) {
        loop {
            tokio::time::sleep(LONGEST_IDLE).await;
            let mut idle = self.lock();
            let is_old = |(connection, since): &mut (Connection, Instant)| {
                connection.is_closed() || since.elapsed() >= LONGEST_IDLE
            };
            idle.connections.extract_if(.., is_old).for_each(|(connection, _)| connection.close());
            if idle.connections.is_empty() {
                // A burst leaves no memory behind.
                *idle = Idle::default();
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
