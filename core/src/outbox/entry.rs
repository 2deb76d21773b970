//! One write in the outbox.

use alloc::string::String;
use alloc::vec::Vec;

use super::Write;
use crate::ids::ExchangeId;
use crate::input::Sent;
use crate::jsonrpc::Id;
use crate::mcp::Era;
use crate::status::{WriteDetail, WriteState, WriteSummary};
use crate::time::Timestamp;

/// A write's place in the order of all writes of the agent. Never used twice, as long as the clock is not set back
/// between two runs; then still never while a write has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u64);

/// So many writes a millisecond, all through a run, would reach the places of the next one.
const PLACES_IN_A_MILLISECOND: u64 = 1024;

impl Place {
    /// No run comes so far, whatever its clock says.
    pub(super) const LAST: Self = Self(u64::MAX >> 1);

    /// What a run that begins now goes on behind. The store does not tell of writes that were delivered, and their
    /// places are behind those that it tells of, so the time has to.
    pub(super) fn before_run(now: Timestamp) -> Self {
        Self(now.0.min(u64::MAX >> 12) * PLACES_IN_A_MILLISECOND)
    }
}

/// A write, from acceptance to delivery.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) write: Write,
    pub(crate) state: WriteState,
    pub(crate) enqueued_at: Timestamp,
    /// How often this run sent it.
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<String>,
    /// What the relay answered when it refused it.
    pub(crate) relay_answer: Option<String>,
    /// Whether the store has acknowledged it. Before that nothing of it may be seen outside.
    pub(crate) is_durable: bool,
    /// It lay among the dead letters, and does again if the store refuses to queue it.
    pub(crate) was_dead: bool,
    /// Whether the relay may have it already, for those who are told that it is not queued.
    pub(crate) sent: Sent,
    /// Who gets a receipt once it is durable.
    pub(crate) askers: Vec<Asker>,
}

/// A request that waits for what becomes of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) exchange: ExchangeId,
    pub(crate) id: Id,
    pub(crate) era: Era,
}

impl Entry {
    /// A write that waits for delivery.
    pub(super) fn new(write: Write, now: Timestamp, askers: Vec<Asker>) -> Self {
        Self {
            write,
            state: WriteState::Queued,
            enqueued_at: now,
            attempts: 0,
            last_error: None,
            relay_answer: None,
            is_durable: false,
            was_dead: false,
            sent: Sent::Unknown,
            askers,
        }
    }

    /// Without what it says.
    pub(crate) fn summary(&self) -> WriteSummary {
        WriteSummary {
            key: self.write.key.clone(),
            tool: self.write.tool.clone(),
            state: self.state,
            attempts: self.attempts,
            enqueued_at: self.enqueued_at.0,
            last_error: self.last_error.clone(),
        }
    }

    /// With what it says.
    pub(crate) fn detail(&self) -> WriteDetail {
        WriteDetail {
            summary: self.summary(),
            params: self.write.params.clone(),
            relay_answer: self.relay_answer.clone(),
        }
    }
}
