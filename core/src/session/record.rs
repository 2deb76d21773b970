//! Sessions as they are stored, so that they hold across a restart of the proxy (B-6.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Session, State};
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};
use crate::time::Timestamp;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SessionRecord {
    /// Whether the relay knows it, as far as we know.
    open: bool,
    /// By which id; none where the relay keeps no sessions.
    relay_id: Option<String>,
    greeted_here: bool,
    ended: bool,
    last_used: u64,
    params: Box<RawValue>,
}

/// The name of a session's record.
pub(crate) fn key(id: &str) -> RecordKey {
    RecordKey { kind: RecordKind::Session, id: id.into() }
}

/// Takes a session back from its record.
pub(crate) fn recovered(proxy: &mut Proxy, id: String, value: &str) -> Result<(), serde_json::Error> {
    let record: SessionRecord = serde_json::from_str(value)?;
    let session = Session {
        params: record.params.get().into(),
        state: if record.open { State::Open(record.relay_id) } else { State::Unopened },
        greeted_here: record.greeted_here,
        ended: record.ended,
        last_used: Timestamp(record.last_used),
        waiting: Vec::new(),
    };
    proxy.sessions.known.insert(id, session);
    Ok(())
}

impl Proxy {
    /// Stores a session as it is.
    pub(super) fn store_session(&mut self, id: &str) {
        let Some(session) = self.sessions.known.get(id) else { return };
        let (open, relay_id) = match &session.state {
            State::Open(relay_id) => (true, relay_id.clone()),
            State::Opening(_) | State::Unopened => (false, None),
        };
        let Ok(params) = RawValue::from_string(session.params.clone()) else { return };
        let record = SessionRecord {
            open,
            relay_id,
            greeted_here: session.greeted_here,
            ended: session.ended,
            last_used: session.last_used.0,
            params,
        };
        let Ok(value) = serde_json::to_vec(&record) else { return };
        self.ahead.append(Change::Put(Record { key: key(id), value: Bytes::from(value) }));
    }
}
