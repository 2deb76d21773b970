//! What the modern era asks of a server beside results: true headers, subscriptions.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::Shared;
use super::body::Outgoing;
use super::fault::Canned;
use super::mcp::error;
use super::recorded::{Recorded, Watch};
use super::serve::raw_id;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Whether a message is modern.
pub(super) fn is_modern(message: &Value) -> bool {
    message["params"]["_meta"][META_VERSION].as_str().is_some_and(|version| version >= "2026-07-28")
}

/// The refusal of a request whose headers say other than its body.
pub(super) fn mismatch(request: &Recorded, message: &Value) -> Option<Canned> {
    let params = &message["params"];
    let wrong = [
        ("mcp-protocol-version", params["_meta"][META_VERSION].as_str()),
        ("mcp-method", message["method"].as_str()),
        ("mcp-name", params["name"].as_str()),
    ]
    .into_iter()
    .find(|(header, wanted)| request.header(header) != *wanted)?;
    Some(Canned::json(400, error(-32020, &format!("{} does not match the body", wrong.0))))
}

/// What a relay that is only modern says to a legacy request.
pub(super) fn unsupported() -> Canned {
    Canned::json(400, error(-32022, "unsupported protocol version"))
}

/// Opens a subscription: acknowledged first.
pub(super) fn listen(shared: &Arc<Shared>, request: &Recorded, watch: Watch) -> Response<Outgoing> {
    let id = raw_id(request);
    let wanted = request.params()["notifications"].clone();
    let (body, pieces) = Outgoing::made(watch);
    let acknowledged = format!(
        r#"data: {{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{wanted}}}}}"#
    );
    pieces.try_send(Ok(Bytes::from(acknowledged + "\n\n"))).ok();
    shared.subscriptions.lock().unwrap().push((id, pieces));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}
