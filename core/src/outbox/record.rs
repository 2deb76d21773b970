//! Writes as they are stored. Neither token nor secret is among what is kept (OUTBOX G15).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::de::Error as _;
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
struct WriteRecord<'a> {
    key: Cow<'a, str>,
    tool: Cow<'a, str>,
    state: WriteState,
    enqueued_at: u64,
    era: Era,
    session: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
    headers: Cow<'a, [Header]>,
    last_error: Option<Cow<'a, str>>,
    relay_answer: Option<Cow<'a, str>>,
    /// Of one that is read. Of one that is written they come [last](with_params), as the text that they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Box<RawValue>>,
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
            key: Cow::Borrowed(&write.key),
            tool: Cow::Borrowed(&write.tool),
            state: entry.state,
            enqueued_at: entry.enqueued_at.0,
            era: write.era,
            session: write.session.as_deref().map(Cow::Borrowed),
            query: write.query.as_deref().map(Cow::Borrowed),
            headers: Cow::Borrowed(&write.headers),
            last_error: entry.last_error.as_deref().map(Cow::Borrowed),
            relay_answer: entry.relay_answer.as_deref().map(Cow::Borrowed),
            params: None,
        };
        let value = with_params(serde_json::to_vec(&record).ok()?, &write.params);
        Some(Record { key: key(place), value: Bytes::from(value) })
    }
}

/// The record with the `params`, which are JSON and need not be read once more.
fn with_params(mut record: Vec<u8>, params: &str) -> Vec<u8> {
    let end = record.pop();
    record.reserve_exact(params.len() + 16);
    record.extend_from_slice(br#","params":"#);
    record.extend_from_slice(params.as_bytes());
    record.extend(end);
    record
}

/// Takes a write back from its record. Whether its name is a place.
pub(crate) fn recovered(proxy: &mut Proxy, id: &str, value: &str) -> Result<bool, serde_json::Error> {
    let record: WriteRecord<'_> = serde_json::from_str(value)?;
    let params = record.params.ok_or_else(|| serde_json::Error::missing_field("params"))?;
    let Some(place) = place_of(id) else { return Ok(false) };
    let write = Write {
        key: record.key.into_owned(),
        tool: record.tool.into_owned(),
        params: params.get().into(),
        era: record.era,
        session: record.session.map(Cow::into_owned),
        query: record.query.map(Cow::into_owned),
        headers: repeated(&record.headers),
    };
    let mut entry = Entry::new(write, Timestamp(record.enqueued_at), Vec::new());
    entry.state = record.state;
    entry.last_error = record.last_error.map(Cow::into_owned);
    entry.relay_answer = record.relay_answer.map(Cow::into_owned);
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
