//! A disk in memory: what is durable, and what was handed in and is not yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use relay_mcp_core::{Change, Record, RecordKey, RecordKind, Ticket};

#[derive(Clone, Debug, Default)]
pub struct Disk {
    durable: BTreeMap<RecordKey, Bytes>,
    pending: VecDeque<(Ticket, Vec<Change>)>,
    /// The last batch of which it was told what became of it.
    settled: Option<Ticket>,
}

impl Disk {
    pub fn take(&mut self, ticket: Ticket, changes: Vec<Change>) {
        self.pending.push_back((ticket, changes));
    }

    /// How many batches wait to be stored.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// How many of the oldest batches hold no write: what they hold is only remembered.
    pub fn pending_without_writes(&self) -> usize {
        let holds_write = |changes: &[Change]| changes.iter().any(|c| c.key().kind == RecordKind::Write);
        self.pending.iter().take_while(|(_, changes)| !holds_write(changes)).count()
    }

    /// Makes the oldest `count` batches durable; the last ticket of them is to be acknowledged.
    pub fn store(&mut self, count: usize) -> Option<Ticket> {
        let mut last = None;
        for _ in 0..count {
            let Some((ticket, changes)) = self.pending.pop_front() else { break };
            changes.into_iter().for_each(|change| self.apply(change));
            last = Some(ticket);
        }
        self.settled = last.or(self.settled);
        last
    }

    /// Loses the oldest `count` batches; the last ticket of them is to be reported.
    pub fn lose(&mut self, count: usize) -> Option<Ticket> {
        let lost: Vec<_> = self.pending.drain(..count.min(self.pending.len())).collect();
        let last = lost.last().map(|(ticket, _)| *ticket);
        self.settled = last.or(self.settled);
        last
    }

    /// Loses its power: the oldest `kept` batches had made it, the others are gone.
    pub fn crash(&mut self, kept: usize) {
        self.store(kept);
        self.pending.clear();
        self.settled = None;
    }

    pub fn records(&self) -> Vec<Record> {
        let records = self.durable.iter();
        records.map(|(key, value)| Record { key: key.clone(), value: value.clone() }).collect()
    }

    /// Whether this batch is on disk, or lost, and was told to be.
    pub fn is_settled(&self, ticket: Ticket) -> bool {
        self.settled.is_some_and(|settled| ticket <= settled)
    }

    /// The keys of all writes on disk.
    pub fn keys_of_writes(&self) -> BTreeSet<String> {
        let writes = self.durable.iter().filter(|(name, _)| name.kind == RecordKind::Write);
        let key = |value: &Bytes| {
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            value["key"].as_str().unwrap().to_owned()
        };
        writes.map(|(_, value)| key(value)).collect()
    }

    pub fn count(&self, kind: RecordKind) -> usize {
        self.durable.keys().filter(|key| key.kind == kind).count()
    }

    /// Whether a write with this key is durable in this state.
    pub fn has_write(&self, key: &str, state: &str) -> bool {
        let writes = self.durable.iter().filter(|(name, _)| name.kind == RecordKind::Write);
        // Most are others, and need not be taken apart.
        let names_it = |value: &Bytes| std::str::from_utf8(value).is_ok_and(|text| text.contains(key));
        writes.filter(|(_, value)| names_it(value)).any(|(_, value)| {
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            value["key"] == key && value["state"] == state
        })
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(record) => {
                self.durable.insert(record.key, record.value);
            }
            Change::Remove(key) => {
                self.durable.remove(&key);
            }
        }
    }
}
