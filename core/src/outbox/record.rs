//! Writes as they are stored. Neither token nor secret is among what is kept (OUTBOX G15).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry::{Entry, Place};
use super::write::Write;
use crate::headers::{Header, repeated};
use crate::mcp::Era;
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};
use crate::status::WriteState;
use crate::time::Timestamp;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WriteRecord {
    key: String,
    tool: String,
    state: WriteState,
    enqueued_at: u64,
    era: Era,
    session: Option<String>,
    query: Option<String>,
    headers: Vec<Header>,
    last_error: Option<String>,
    relay_answer: Option<String>,
    params: Box<RawValue>,
}

/// The name of a write's record: as text in the order of places.
fn key(place: Place) -> RecordKey {
    RecordKey { kind: RecordKind::Write, id: format!("{:020}", place.0) }
}

impl Proxy {
    /// Stores a write as it is.
    pub(super) fn store_write(&mut self, place: Place) {
        if let Some(record) = self.write_record(place) {
            self.ahead.append(Change::Put(record));
        }
    }

    /// Removes the record of a write that is done with.
    pub(super) fn forget_write(&mut self, place: Place) {
        self.ahead.append(Change::Remove(key(place)));
    }

    /// After the store failed: what it may hold of a write must become what the machine holds.
    pub(super) fn store_write_again(&mut self, place: Place) {
        if let Some(record) = self.write_record(place) {
            self.ahead.refuse(Change::Put(record));
        }
    }

    /// After the store failed: nobody was told of the write, so nothing of it may come back.
    pub(super) fn forget_write_again(&mut self, place: Place) {
        self.ahead.refuse(Change::Remove(key(place)));
    }

    fn write_record(&self, place: Place) -> Option<Record> {
        let entry = self.outbox.get(place)?;
        let write = &entry.write;
        let record = WriteRecord {
            key: write.key.clone(),
            tool: write.tool.clone(),
            state: entry.state,
            enqueued_at: entry.enqueued_at.0,
            era: write.era,
            session: write.session.clone(),
            query: write.query.clone(),
            headers: write.headers.clone(),
            last_error: entry.last_error.clone(),
            relay_answer: entry.relay_answer.clone(),
            params: RawValue::from_string(write.params.clone()).ok()?,
        };
        Some(Record { key: key(place), value: Bytes::from(serde_json::to_vec(&record).ok()?) })
    }
}

/// Takes a write back from its record. Whether its name is a place.
pub(crate) fn recovered(proxy: &mut Proxy, id: &str, value: &str) -> Result<bool, serde_json::Error> {
    let record: WriteRecord = serde_json::from_str(value)?;
    let Some(place) = place_of(id) else { return Ok(false) };
    let write = Write {
        key: record.key,
        tool: record.tool,
        params: record.params.get().into(),
        era: record.era,
        session: record.session,
        query: record.query,
        headers: repeated(&record.headers),
    };
    let mut entry = Entry::new(write, Timestamp(record.enqueued_at), Vec::new());
    entry.state = record.state;
    entry.last_error = record.last_error;
    entry.relay_answer = record.relay_answer;
    entry.is_durable = true;
    proxy.outbox.insert(place, entry);
    Ok(true)
}

/// The place that this is the name of. Any other spelling of one is a record that would not go away with its write, and
/// behind one that no run comes to there would be none for the next.
fn place_of(id: &str) -> Option<Place> {
    let place = Place(id.parse().ok()?);
    (place <= Place::LAST && key(place).id == id).then_some(place)
}
