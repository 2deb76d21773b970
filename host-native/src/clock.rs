//! The clock that the machine is told the time by.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use relay_mcp_core::Timestamp;

/// Wall time at the start plus monotonic time since: it never goes back, whatever the system's clock does
/// (OUTBOX G18).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: u64,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            started_at: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.started_at) + self.started.elapsed()
    }

    /// When this time will be; at once where it is over.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(Timestamp(self.started_at))
    }
}
