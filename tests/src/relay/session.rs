//! Legacy sessions, and the stream from server to agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::Shared;
use super::body::Outgoing;
use super::fault::Canned;
use super::mcp::error;
use super::recorded::{Recorded, Watch};
use super::serve::{finish, whole};

/// The sessions of a relay: id → whether the handshake is complete.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: BTreeMap<String, bool>,
    issued: usize,
}

impl Sessions {
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    fn begin(&mut self, names: &str) -> String {
        self.issued += 1;
        let id = format!("{names}{}", self.issued);
        self.known.insert(id.clone(), false);
        id
    }
}

/// Whether a legacy POST may go on.
pub(super) enum Admission {
    Refused(Canned),
    Known,
    New(String),
}

/// Checks the session of a legacy POST.
pub(super) fn admit(shared: &Shared, request: &Recorded, message: &Value) -> Admission {
    let names = {
        let behaviour = shared.behaviour.lock().unwrap();
        if !behaviour.sessions {
            return Admission::Known;
        }
        behaviour.session_names.clone()
    };
    let mut sessions = shared.sessions.lock().unwrap();
    if message["method"] == "initialize" {
        return Admission::New(sessions.begin(&names));
    }
    let Some(id) = request.session() else {
        return Admission::Refused(Canned::json(400, error(-32000, "Bad Request: no session")));
    };
    let Some(complete) = sessions.known.get_mut(id) else { return Admission::Refused(unknown()) };
    if message["method"] == "notifications/initialized" {
        *complete = true;
    } else if !*complete && message["method"] != "ping" {
        return Admission::Refused(Canned::json(400, error(-32600, "the handshake is not complete")));
    }
    Admission::Known
}

/// Ends the session that a DELETE names.
pub(super) fn end(shared: &Shared, request: &Recorded) -> Canned {
    let ended = request.session().and_then(|id| shared.sessions.lock().unwrap().known.remove(id));
    if ended.is_some() { Canned::new(204, "text/plain", "") } else { unknown() }
}

/// Opens the stream from server to agent, where this relay has one.
pub(super) fn open_stream(shared: &Arc<Shared>, request: &Recorded, watch: Watch) -> Response<Outgoing> {
    let (offers, sessions) = {
        let behaviour = shared.behaviour.lock().unwrap();
        (behaviour.stream, behaviour.sessions)
    };
    if !offers {
        return finish(watch, whole(&Canned::text(405, "no stream here").header("allow", "POST"), request));
    }
    let known = request.session().is_some_and(|id| shared.sessions.lock().unwrap().known.contains_key(id));
    if sessions && !known {
        return finish(watch, whole(&unknown(), request));
    }
    let (body, pieces) = Outgoing::made(watch);
    pieces.try_send(Ok(Bytes::from_static(b": the relay's stream\n\n"))).ok();
    let session = request.session().unwrap_or_default().to_owned();
    shared.streams.lock().unwrap().push((session, pieces));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

fn unknown() -> Canned {
    Canned::json(404, error(-32001, "Session not found"))
}
