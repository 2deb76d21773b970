//! Connections that are kept open for the next request.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::http1::Http1;
use super::http2::Http2;

/// Shorter than the five seconds after which common servers close an idle connection, so that a request
/// hardly ever meets a connection that is just being closed (PEERS 8).
const LONGEST_IDLE: Duration = Duration::from_secs(4);

/// How long what is left of a request may take after its answer has come.
const LONGEST_UNSENT: Duration = Duration::from_secs(30);

/// How often it is looked whether it is sent.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long somebody waits for a connection that others open. One that hangs is not to hold up all of them.
const LONGEST_TURN: Duration = Duration::from_millis(500);

/// Open connections that take a request. Cheap to clone; all clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<Kept>,
    /// Who opens a connection for others too.
    turns: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    /// Used by nobody. The one that was used last comes last, and is used first: what is not needed grows old.
    idle: Vec<(Http1, Instant)>,
    /// With whatever is under way on them, and when that was last seen. The first with room is used.
    shared: Vec<(Http2, Instant)>,
    /// Whether the relay did when it was last connected to.
    speaks_http2: bool,
    /// Whether somebody comes to close the old ones.
    is_swept: bool,
}

impl Kept {
    fn take_shared(&mut self) -> Option<Connection> {
        let (connection, used) = self.shared.iter_mut().find(|(shared, _)| shared.has_room())?;
        *used = Instant::now();
        Some(Connection::Http2(connection.shared()))
    }
}

impl Pool {
    /// A connection that takes a request, as far as was noticed.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut kept = self.lock();
        if let Some(connection) = kept.take_shared() {
            return Some(connection);
        }
        while let Some((connection, since)) = kept.idle.pop() {
            if since.elapsed() < LONGEST_IDLE && connection.is_ready() {
                return Some(Connection::Http1(connection));
            }
            connection.close();
        }
        None
    }

    /// A connection that is opened now, or one that somebody else has opened meanwhile, for many requests at once. Whether
    /// it is new.
    pub(super) async fn open<E>(
        &self,
        open: impl Future<Output = Result<Connection, E>>,
    ) -> Result<(Connection, bool), E> {
        let turn = self.turn().await;
        if let Some(connection) = self.lock().take_shared() {
            return Ok((connection, false));
        }
        let connection = open.await?;
        let mut kept = self.lock();
        kept.speaks_http2 = matches!(connection, Connection::Http2(_));
        if let Connection::Http2(connection) = &connection {
            kept.shared.push((connection.shared(), Instant::now()));
            self.have_swept(&mut kept);
        }
        drop((kept, turn));
        Ok((connection, true))
    }

    /// Where the last connection was for many requests, the next will be: who wants one waits for those who came before.
    async fn turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if !self.lock().speaks_http2 {
            return None;
        }
        let turn = timeout(LONGEST_TURN, self.0.turns.lock()).await.ok();
        turn.filter(|_| self.lock().speaks_http2)
    }

    /// Takes back a connection, for the next request. One that is shared is here already.
    pub(super) fn take_back(&self, connection: Connection) {
        let Connection::Http1(mut connection) = connection else { return };
        if connection.is_ready() || connection.is_closed() {
            return self.keep(connection);
        }
        // A relay may answer before it has read all of a request.
        let pool = self.clone();
        tokio::spawn(timeout(LONGEST_UNSENT, async move {
            // hyper wakes nobody when the last of it is written, so it is looked at now and then.
            while timeout(LOOK_AGAIN, poll_fn(|context| connection.poll_ready(context))).await.is_err() {}
            pool.keep(connection);
        }));
    }

    fn keep(&self, mut connection: Http1) {
        if connection.is_closed() {
            return;
        }
        connection.rest();
        let mut kept = self.lock();
        kept.idle.push((connection, Instant::now()));
        self.have_swept(&mut kept);
    }

    fn have_swept(&self, kept: &mut Kept) {
        if !std::mem::replace(&mut kept.is_swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes those that were idle for too long, until none is left: a proxy that nobody uses wakes for nothing.
    async fn sweep(self) {
        loop {
            tokio::time::sleep(LONGEST_IDLE).await;
            let mut kept = self.lock();
            let is_old = |(connection, since): &mut (Http1, Instant)| {
                connection.is_closed() || since.elapsed() >= LONGEST_IDLE
            };
            kept.idle.extract_if(.., is_old).for_each(|(connection, _)| connection.close());
            kept.shared.retain_mut(|(connection, used)| {
                if connection.is_shared() {
                    *used = Instant::now();
                }
                connection.takes_requests() && used.elapsed() < LONGEST_IDLE
            });
            if kept.idle.is_empty() && kept.shared.is_empty() {
                // A burst leaves no memory behind.
                *kept = Kept { speaks_http2: kept.speaks_http2, ..Kept::default() };
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
