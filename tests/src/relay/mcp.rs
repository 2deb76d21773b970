//! The relay's job: an MCP server of both eras.

use std::sync::Arc;

use http::Response;
use serde_json::Value;

use super::Shared;
use super::body::Outgoing;
use super::fault::Canned;
use super::ledger::Write;
use super::menu;
use super::modern;
use super::recorded::{Recorded, Watch};
use super::serve::{finish, raw_id, whole};
use super::session::{self, Admission};

/// Answers a request as the relay that it is.
pub(super) fn answer(shared: &Arc<Shared>, request: &Recorded, watch: Watch) -> Response<Outgoing> {
    if let Some(refusal) = refuse_token(shared, request) {
        return finish(watch, whole(&refusal, request));
    }
    match request.method.as_str() {
        "POST" => post(shared, request, watch),
        "GET" => session::open_stream(shared, request, watch),
        "DELETE" => finish(watch, whole(&session::end(shared, request), request)),
        _ => finish(watch, whole(&Canned::text(405, "no").header("allow", "GET, POST, DELETE"), request)),
    }
}

/// Applies the write of a request, if it is one, whatever else happens to it.
pub(super) fn apply(shared: &Shared, request: &Recorded) {
    if is_write(shared, request) {
        shared.ledger.lock().unwrap().take(Write::of_params(&request.params()));
    }
}

fn refuse_token(shared: &Shared, request: &Recorded) -> Option<Canned> {
    let behaviour = shared.behaviour.lock().unwrap();
    let wanted = behaviour.token.as_deref()?;
    (request.token() != Some(wanted)).then(|| {
        Canned::json(401, behaviour.refusal.clone())
            .header("www-authenticate", "Bearer resource_metadata=\"http://relay.invalid/oauth\"")
    })
}

fn post(shared: &Arc<Shared>, request: &Recorded, watch: Watch) -> Response<Outgoing> {
    let message = request.json();
    let speaks = shared.behaviour.lock().unwrap().speaks;
    if modern::is_modern(&message) && speaks.modern() {
        if let Some(mismatch) = modern::mismatch(request, &message) {
            return finish(watch, whole(&mismatch, request));
        }
        return modern_answer(shared, request, watch, &message);
    }
    if !speaks.legacy() {
        return finish(watch, whole(&modern::unsupported(), request));
    }
    let new_session = match session::admit(shared, request, &message) {
        Admission::Refused(refusal) => return finish(watch, whole(&refusal, request)),
        Admission::Known => None,
        Admission::New(id) => Some(id),
    };
    if message.get("id").is_none() || message.get("method").is_none() {
        return finish(watch, whole(&Canned::new(202, "text/plain", ""), request));
    }
    let body = legacy_body(shared, request, &message);
    let mut canned = dress(shared, request, &body);
    if let Some(id) = new_session {
        canned = canned.header("mcp-session-id", &id);
    }
    finish(watch, whole(&canned, request))
}

fn modern_answer(
    shared: &Arc<Shared>,
    request: &Recorded,
    watch: Watch,
    message: &Value,
) -> Response<Outgoing> {
    let behaviour = shared.behaviour.lock().unwrap().clone();
    let canned = match message["method"].as_str().unwrap_or_default() {
        "subscriptions/listen" => return modern::listen(shared, request, watch),
        "server/discover" => dress(shared, request, &result(&behaviour.discover)),
        "tools/list" => dress(shared, request, &result(&menu::page(shared, request, true))),
        "tools/call" => dress(shared, request, &result(&call(shared, request, true))),
        _ if message.get("id").is_none() => Canned::new(202, "text/plain", ""),
        _ => Canned::json(404, error(-32601, "no such method")),
    };
    finish(watch, whole(&canned, request))
}

fn legacy_body(shared: &Shared, request: &Recorded, message: &Value) -> String {
    let behaviour = shared.behaviour.lock().unwrap().clone();
    match message["method"].as_str().unwrap_or_default() {
        "initialize" => result(&behaviour.hello),
        "ping" => result("{}"),
        "tools/list" => result(&menu::page(shared, request, false)),
        "tools/call" => result(&call(shared, request, false)),
        _ => error(-32601, "no such method"),
    }
}

/// The body as this relay sends it: JSON, or an event stream that holds it.
fn dress(shared: &Shared, request: &Recorded, body: &str) -> Canned {
    if shared.behaviour.lock().unwrap().sse {
        let body = body.replace("$ID", &raw_id(request));
        return Canned::new(200, "text/event-stream", format!("event: message\nid: e1\ndata: {body}\n\n"));
    }
    Canned::json(200, body.to_owned())
}

fn result(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":$ID,"result":{result}}}"#)
}

pub(super) fn error(code: i64, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":$ID,"error":{{"code":{code},"message":"{message}"}}}}"#)
}

fn is_write(shared: &Shared, request: &Recorded) -> bool {
    request.tool().is_some_and(|tool| shared.behaviour.lock().unwrap().writes.contains(&tool))
}

/// The result of a call: what was applied, or, for a read, its arguments back.
fn call(shared: &Shared, request: &Recorded, modern: bool) -> String {
    let kind = if modern { r#""resultType":"complete","# } else { "" };
    let arguments = request.params()["arguments"].clone();
    if !is_write(shared, request) {
        let text = Value::from(arguments.to_string());
        return format!(r#"{{{kind}"content":[{{"type":"text","text":{text}}}]}}"#);
    }
    let taken = shared.ledger.lock().unwrap().take(Write::of_params(&request.params()));
    let (number, duplicate) = (taken.number, taken.duplicate);
    format!(
        r#"{{{kind}"content":[{{"type":"text","text":"applied"}}],"structuredContent":{{"number":{number},"duplicate":{duplicate}}}}}"#
    )
}
