//! What the machine tells those who watch it. Hosts turn each into a log line and a metric; none carries
//! an argument, a token or a secret (B-8.2).

use alloc::string::String;
use core::time::Duration;

/// One event worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The relay answered, for the first time or after it had been away this long.
    RelayUp {
        /// How long it was away; zero when nothing was known of it.
        after: Duration,
    },
    /// The relay does not answer.
    RelayDown {
        /// What the host said of the failed call.
        reason: String,
    },
    /// The relay refused the runner's token (B-2.7).
    TokenRefused,
    /// The relay was away, and the hello came from memory (B-3.2).
    HelloFromMemory,
    /// The relay was away, and the menu came from memory (B-4.4).
    MenuFromMemory,
    /// What the agent may see has changed, and its open streams were told (B-4.6).
    MenuChanged {
        /// How many streams were told.
        streams: usize,
    },
    /// The relay's menu could not be fetched; the last one stays (B-4.7).
    RefreshFailed {
        /// Why.
        reason: String,
    },
    /// A write is on disk and will be delivered (B-5.4).
    WriteQueued {
        /// Its idempotency key.
        key: String,
        /// The tool it calls.
        tool: String,
    },
    /// A write could not be accepted (B-5.4).
    WriteRefused {
        /// The tool it calls.
        tool: String,
        /// Why.
        reason: String,
    },
    /// A write came again under a key that is already here (B-5.7).
    WriteDeduplicated {
        /// Its idempotency key.
        key: String,
    },
    /// A queued write reached the relay (B-5.8).
    WriteDelivered {
        /// Its idempotency key.
        key: String,
        /// How many attempts it took.
        attempts: u32,
        /// How long it was queued.
        age: Duration,
    },
    /// A queued write did not reach the relay and is tried again (B-5.8).
    WriteRetried {
        /// Its idempotency key.
        key: String,
        /// Why.
        reason: String,
        /// The wait before the next attempt.
        wait: Duration,
    },
    /// A queued write was refused for good and is kept as a dead letter (B-5.8).
    WriteDead {
        /// Its idempotency key.
        key: String,
        /// Why.
        reason: String,
    },
    /// The queue waits for another token (B-5.8).
    OutboxPaused,
    /// The queue goes on.
    OutboxResumed,
    /// The relay had forgotten a session, and it was opened again (B-6.1).
    SessionReopened,
    /// A session could not be opened.
    SessionFailed {
        /// Why.
        reason: String,
    },
    /// The store refused a batch of changes (OUTBOX G12).
    StoreFailed {
        /// What it said.
        reason: String,
    },
}
