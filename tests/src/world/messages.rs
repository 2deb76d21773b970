//! What agents say.

use bytes::Bytes;
use relay_mcp_core::headers::{CONTENT_TYPE, Header, MCP_METHOD, MCP_NAME, PROTOCOL_VERSION, SESSION_ID};
use relay_mcp_core::mcp::{META_CLIENT_CAPABILITIES, META_VERSION, MODERN};
use relay_mcp_core::{AgentRequest, Method};
use serde_json::{Value, json};

/// A POST with this body.
pub fn post(body: impl Into<Bytes>) -> AgentRequest {
    let headers = vec![Header::new(CONTENT_TYPE, "application/json")];
    AgentRequest { method: Method::Post, query: None, headers, body: body.into() }
}

pub fn get(session: Option<&str>) -> AgentRequest {
    let request = AgentRequest { method: Method::Get, query: None, headers: Vec::new(), body: Bytes::new() };
    in_session(request, session)
}

pub fn delete(session: &str) -> AgentRequest {
    in_session(AgentRequest { method: Method::Delete, ..get(None) }, Some(session))
}

/// What an agent shows at the door.
pub(super) const SECRET: &str = "secret-of-the-agent";

/// With the headers that clients send and that are not the relay's business (B-2.1, B-2.2).
pub(super) fn with_secret(mut request: AgentRequest) -> AgentRequest {
    let bearer = format!("Bearer {SECRET}");
    let headers = [("authorization", bearer.as_str()), ("cookie", SECRET), ("host", "127.0.0.1")];
    request.headers.extend(headers.map(|(name, value)| Header::new(name, value)));
    request
}

pub fn in_session(mut request: AgentRequest, session: Option<&str>) -> AgentRequest {
    request.headers.extend(session.map(|session| Header::new(SESSION_ID, session)));
    request
}

/// A legacy request.
pub fn legacy(id: impl Into<Value>, method: &str, params: &Value) -> AgentRequest {
    let id: Value = id.into();
    post(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())
}

/// A modern request: the revision in `_meta`, and again in a header, beside the method and what it is about.
pub fn modern(id: impl Into<Value>, method: &str, params: &Value) -> AgentRequest {
    let mut params = params.clone();
    params["_meta"][META_VERSION] = MODERN.into();
    params["_meta"][META_CLIENT_CAPABILITIES] = json!({});
    let mut request = legacy(id, method, &params);
    request.headers.push(Header::new(PROTOCOL_VERSION, MODERN));
    request.headers.push(Header::new(MCP_METHOD, method));
    request.headers.extend(params["name"].as_str().map(|name| Header::new(MCP_NAME, name)));
    request
}

/// In the words of one era.
pub fn request(is_modern: bool, id: impl Into<Value>, method: &str, params: &Value) -> AgentRequest {
    if is_modern { modern(id, method, params) } else { legacy(id, method, params) }
}

pub fn initialize(id: u64) -> AgentRequest {
    let client = json!({ "name": "agent", "version": "1" });
    legacy(
        id,
        "initialize",
        &json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client }),
    )
}

pub fn notification(method: &str) -> AgentRequest {
    post(json!({ "jsonrpc": "2.0", "method": method }).to_string())
}

/// The params of a call of a tool.
pub fn tool(name: &str, arguments: &Value) -> Value {
    json!({ "name": name, "arguments": arguments })
}

/// A legacy write.
pub fn write(id: u64, text: &str) -> AgentRequest {
    legacy(id, "tools/call", &tool("relay_send_message", &json!({ "text": text })))
}

/// A legacy write under a key of the agent's.
pub fn keyed_write(id: u64, key: &str, text: &str) -> AgentRequest {
    let arguments = json!({ "text": text, "idempotencyKey": key });
    legacy(id, "tools/call", &tool("relay_send_message", &arguments))
}
