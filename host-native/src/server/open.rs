//! What is open when the door is closed: connections, asked to end and waited for (B-8.4).

use tokio::sync::watch;

/// The connections that are open.
#[derive(Debug)]
pub struct Open(watch::Sender<bool>);

/// One connection's knowledge of whether it may stay. It is open until this is dropped.
pub(super) struct Leave(watch::Receiver<bool>);

impl Default for Open {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Open {
    /// For one more connection.
    pub(super) fn one_more(&self) -> Leave {
        Leave(self.0.subscribe())
    }

    /// Asks all of them to end when what is under way on them is done, and returns when they have.
    pub async fn shutdown(self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

impl Leave {
    /// Returns when the connection is to end.
    pub(super) async fn asked(&mut self) {
        // Where nobody can ask any more, nobody waits either.
        let _ = self.0.wait_for(|asked| *asked).await;
    }

    /// Whether it is to end.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}
