//! What a component has in the store, so that it can neither fill the disk nor leave something there that no
//! machine could be opened with.

use std::collections::{BTreeMap, VecDeque};

use relay_mcp_core::{Change, Limits, Record, RecordKey, Ticket};

use super::Breach;

/// The longest id of a record, in bytes.
const LONGEST_ID: usize = 1 << 20;
/// Beside the writes: sessions, what the agent saw, hellos and menus.
const OTHERS: usize = 4096;
const OTHER_BYTES: usize = 1 << 30;

/// How large each record becomes; none where it is removed.
type Sizes = Vec<(RecordKey, Option<usize>)>;

pub(super) struct Records {
    /// The size of each that is durable.
    durable: BTreeMap<RecordKey, usize>,
    bytes: usize,
    /// Batches that are on their way.
    pending: VecDeque<(Ticket, Sizes)>,
    pending_count: usize,
    pending_bytes: usize,
    most: (usize, usize),
}

impl Records {
    pub(super) fn new(limits: &Limits, records: &[Record]) -> Self {
        let durable: BTreeMap<_, _> =
            records.iter().map(|record| (record.key.clone(), record.value.len())).collect();
        // A write's record is larger than what the limits count: its text is quoted, and its changes are on their
        // way beside it. What is in the store already must be allowed, whatever the limits are today.
        let count = 2 * (limits.outbox_entries + limits.sessions) + OTHERS + durable.len();
        let bytes = durable.values().sum();
        let most = limits.outbox_bytes.saturating_mul(8).saturating_add(OTHER_BYTES).saturating_add(bytes);
        Self {
            durable,
            bytes,
            pending: VecDeque::new(),
            pending_count: 0,
            pending_bytes: 0,
            most: (count, most),
        }
    }

    pub(super) fn persist(&mut self, ticket: Ticket, changes: &[Change]) -> Result<(), Breach> {
        changes.iter().try_for_each(check)?;
        let changes: Sizes = changes.iter().map(|change| (change.key().clone(), size(change))).collect();
        self.pending_count += changes.len();
        self.pending_bytes += changes.iter().filter_map(|(_, size)| *size).sum::<usize>();
        self.pending.push_back((ticket, changes));
        let (count, bytes) = (self.durable.len() + self.pending_count, self.bytes + self.pending_bytes);
        if count > self.most.0 || bytes > self.most.1 {
            return Err(Breach::Store { count, bytes });
        }
        Ok(())
    }

    pub(super) fn durable(&mut self, through: Ticket) {
        for (key, size) in self.settle(through) {
            let before = match size {
                Some(size) => self.durable.insert(key, size),
                None => self.durable.remove(&key),
            };
            self.bytes = self.bytes + size.unwrap_or(0) - before.unwrap_or(0);
        }
    }

    pub(super) fn failed(&mut self, through: Ticket) {
        self.settle(through);
    }

    /// The changes up to this ticket, which are pending no more.
    fn settle(&mut self, through: Ticket) -> Sizes {
        let due = self.pending.partition_point(|(ticket, _)| *ticket <= through);
        let changes: Sizes = self.pending.drain(..due).flat_map(|(_, changes)| changes).collect();
        self.pending_count -= changes.len();
        self.pending_bytes -= changes.iter().filter_map(|(_, size)| *size).sum::<usize>();
        changes
    }
}

fn size(change: &Change) -> Option<usize> {
    match change {
        Change::Put(record) => Some(record.value.len()),
        Change::Remove(_) => None,
    }
}

fn check(change: &Change) -> Result<(), Breach> {
    let is_json = |value: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok();
    let is_fine = change.key().id.len() <= LONGEST_ID
        && match change {
            Change::Put(record) => is_json(&record.value),
            Change::Remove(_) => true,
        };
    is_fine.then_some(()).ok_or(Breach::Record(change.key().kind.name()))
}
