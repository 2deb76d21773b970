//! The outbox (B-5): writes that were accepted and are not delivered yet, in the order in which the agent
//! made them, and the dead letters.

mod accept;
mod call_tool;
mod delivery;
mod entry;
mod keys;
mod lane;
mod record;
mod write;

use crate::config::{Backoff, Limits};
use crate::map::Map;
use crate::status::{OutboxStatus, WriteState};
use crate::time::{Timestamp, millis};

pub(crate) use delivery::Courier;
pub(crate) use entry::{Entry, Place};
use keys::Keys;
pub(crate) use lane::Lane;
pub(crate) use record::recovered;
pub(crate) use write::Write;

/// The writes, by their place, and who delivers them.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    limits: Limits,
    entries: Map<Place, Entry>,
    /// Those that wait for delivery. Dead letters, of which there may be many, lie before them and between them.
    queued: Map<Place, ()>,
    keys: Keys,
    last_place: Place,
    bytes: usize,
    pub(crate) courier: Courier,
}

impl Outbox {
    pub(crate) fn new(limits: Limits, backoff: Backoff, now: Timestamp) -> Self {
        Self {
            limits,
            entries: Map::default(),
            queued: Map::default(),
            keys: Keys::default(),
            last_place: Place::before_run(now),
            bytes: 0,
            courier: Courier::new(backoff),
        }
    }

    /// Whether a new write has to go behind others (B-5.5). Dead letters hold nobody up.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Whether a write lies among the dead letters.
    fn is_dead(&self, place: Place) -> bool {
        self.entries.get(&place).is_some_and(|entry| entry.state == WriteState::Dead)
    }

    /// The write that is delivered next.
    fn head(&self) -> Option<Place> {
        let first = self.queued.first()?;
        self.entries.get(first).filter(|entry| entry.is_durable).map(|_| *first)
    }

    /// Makes a write a dead letter.
    fn bury(&mut self, place: Place) -> Option<&mut Entry> {
        self.queued.remove(&place);
        let entry = self.entries.get_mut(&place)?;
        entry.state = WriteState::Dead;
        Some(entry)
    }

    /// Whether one more write may be queued (B-5.4).
    fn has_room_for(&self, write: &Write) -> bool {
        self.entries.len() < self.limits.outbox_entries
            && self.bytes.saturating_add(write.size()) <= self.limits.outbox_bytes
    }

    /// Gives a write its place, behind all others.
    fn push(&mut self, entry: Entry) -> Place {
        let place = Place(self.last_place.0 + 1);
        self.insert(place, entry);
        place
    }

    fn insert(&mut self, place: Place, entry: Entry) {
        self.last_place = self.last_place.max(place);
        self.bytes += entry.write.size();
        self.keys.insert(&entry.write.key, place);
        if entry.state == WriteState::Queued {
            self.queued.insert(place, ());
        }
        self.entries.insert(place, entry);
    }

    fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.entries.remove(&place)?;
        self.queued.remove(&place);
        self.bytes -= entry.write.size();
        self.keys.remove(&entry.write.key, place);
        Some(entry)
    }

    /// Where the write with this key is.
    pub(crate) fn place_of(&self, key: &str) -> Option<Place> {
        self.keys.places(key).find(|place| self.get(*place).is_some_and(|entry| entry.write.key == key))
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Entry> {
        self.entries.get(&place)
    }

    /// All writes, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Whether a write of this session is queued.
    pub(crate) fn uses_session(&self, session: &str) -> bool {
        let queued = self.entries.values().filter(|entry| entry.state == WriteState::Queued);
        queued.into_iter().any(|entry| entry.write.session.as_deref() == Some(session))
    }

    /// For the status.
    pub(crate) fn status(&self, now: Timestamp) -> OutboxStatus {
        let depth = self.queued.len();
        let queued = self.entries.values().filter(|entry| entry.state == WriteState::Queued);
        let oldest = queued.map(|entry| entry.enqueued_at).min();
        OutboxStatus {
            depth,
            bytes: self.bytes,
            oldest_age_ms: oldest.map(|at| millis(now.since(at))),
            dead_letters: self.entries.len() - depth,
            paused: self.courier.is_paused(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::mcp::Era;

    #[test]
    fn a_write_that_leaves_leaves_nothing_behind() {
        let now = Timestamp(0);
        let mut outbox = Outbox::new(Limits::default(), Backoff::default(), now);
        let [key, tool, params] = ["k", "t", "{}"].map(Into::into);
        let write =
            Write { key, tool, params, era: Era::Modern, session: None, query: None, headers: Vec::new() };
        let place = outbox.push(Entry::new(write, now, Vec::new()));
        assert_eq!(outbox.place_of("k"), Some(place));
        outbox.remove(place);
        assert_eq!((outbox.bytes, outbox.has_backlog(), outbox.entries().count()), (0, false, 0));
        assert_eq!(outbox.keys.places("k").next(), None);
    }
}
