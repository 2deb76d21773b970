//! What is known of the relay: whether it answers, since when, and which era it speaks.

use core::time::Duration;

use crate::mcp::Era;
use crate::status::{RelayState, RelayStatus};
use crate::time::Timestamp;

/// The relay's state.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    state: RelayState,
    since: Timestamp,
    /// The newest era that it was seen to speak.
    pub(crate) era: Option<Era>,
}

impl Relay {
    /// A relay of which nothing is known.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { state: RelayState::Unknown, since: now, era: None }
    }

    /// Whether its last call was not answered.
    pub(crate) fn is_down(&self) -> bool {
        self.state == RelayState::Down
    }

    /// It answered. When that is news: how long it had been away.
    pub(crate) fn answered(&mut self, now: Timestamp) -> Option<Duration> {
        let away = now.since(self.since);
        match self.state {
            RelayState::Up => return None,
            RelayState::Down | RelayState::Unknown => {}
        }
        let after = if self.is_down() { away } else { Duration::ZERO };
        (self.state, self.since) = (RelayState::Up, now);
        Some(after)
    }

    /// It did not answer. Whether that is news.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        if self.is_down() {
            return false;
        }
        (self.state, self.since) = (RelayState::Down, now);
        true
    }

    /// It was seen to speak this era.
    pub(crate) fn speaks(&mut self, era: Era) {
        self.era = self.era.max(Some(era));
    }

    /// For the status.
    pub(crate) fn status(&self, now: Timestamp) -> RelayStatus {
        let since_ms = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX);
        RelayStatus { state: self.state, since_ms, era: self.era }
    }
}
