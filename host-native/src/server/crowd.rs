//! Connections over the limit: told so at once, and closed (B-1.7).

use std::sync::Arc;

use relay_mcp_core::door::Refusal;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::farewell;

/// So many are heard out at once. The others are told, and closed whether they have heard it or not.
const MOST_HEARD: usize = 64;

/// Who is being turned away.
pub(super) struct Crowd(Arc<Semaphore>);

impl Default for Crowd {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_HEARD)))
    }
}

impl Crowd {
    /// Tells it to come again, and closes it. Returns at once.
    pub(super) fn turn_away(&self, connection: TcpStream) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            return farewell::refuse_at_once(&connection, Refusal::TooManyConnections);
        };
        tokio::spawn(async move {
            farewell::refuse(connection, Refusal::TooManyConnections).await;
            drop(permit);
        });
    }
}
