//! A relay in memory: sessions, a menu, tools, and writes that it does once for each key.

use std::collections::{BTreeMap, BTreeSet};

use relay_mcp_core::Method;
use serde_json::{Value, json};

use super::host::SentRequest;

#[derive(Clone, Debug)]
pub struct Relay {
    pub is_modern: bool,
    pub keeps_sessions: bool,
    pub has_streams: bool,
    /// The token that it takes.
    pub token: u32,
    pub menu_version: u32,
    /// Every write that came, applied or not: its number and its key.
    pub arrivals: Vec<(u64, String)>,
    /// The writes that it did, in order.
    pub applied: Vec<u64>,
    /// Those among them that it did when nobody waited for them any more.
    pub late: BTreeSet<u64>,
    /// The arguments of each write, less its key.
    pub arguments: BTreeMap<u64, Value>,
    done: BTreeMap<String, Value>,
    sessions: BTreeSet<String>,
    last_session: u32,
    /// How often it forgot its sessions.
    pub forgotten: u32,
}

/// An answer, before it is cut into pieces.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub session: Option<String>,
    pub body: Value,
    /// It is an event stream that stays open.
    pub is_open: bool,
}

/// A tool's definition in this version of the menu.
fn definition(name: &str, version: u32) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" }, "version": version })
}

impl Relay {
    pub fn new(is_modern: bool, keeps_sessions: bool, has_streams: bool) -> Self {
        Self {
            is_modern,
            keeps_sessions,
            has_streams,
            token: 1,
            menu_version: 0,
            arrivals: Vec::new(),
            applied: Vec::new(),
            late: BTreeSet::new(),
            arguments: BTreeMap::new(),
            done: BTreeMap::new(),
            sessions: BTreeSet::new(),
            last_session: 0,
            forgotten: 0,
        }
    }

    pub fn forget_sessions(&mut self) {
        self.sessions.clear();
        self.forgotten += 1;
    }

    /// The menu: some tools come and go with its version, one changes its definition.
    pub fn menu(&self) -> Vec<Value> {
        let version = self.menu_version;
        let mut tools = vec![
            definition("relay_reply", 0),
            definition("relay_workspace_land", version / 2),
            definition("relay_read", version / 3),
        ];
        if version % 2 == 1 {
            tools.insert(version as usize % 3, definition("relay_extra", 0));
        }
        tools
    }

    /// Does what is asked.
    pub fn handle(&mut self, request: &SentRequest) -> Response {
        if request.token != self.token {
            let status = if request.token.is_multiple_of(2) { 403 } else { 401 };
            return Response { status, ..Response::default() };
        }
        if request.method == Method::Delete {
            self.sessions.remove(request.header("mcp-session-id").unwrap_or_default());
            return Response { status: 200, ..Response::default() };
        }
        let message = request.json();
        let params = &message["params"];
        let is_modern = params["_meta"].get("io.modelcontextprotocol/protocolVersion").is_some();
        let method = message["method"].as_str().unwrap_or_default();
        if method == "initialize" {
            return self.greet(&message);
        }
        if self.keeps_sessions && !is_modern && method != "server/discover" {
            match request.header("mcp-session-id") {
                None => return failure(400, &message, -32600, "a session is missing"),
                Some(session) if !self.sessions.contains(session) => {
                    return failure(404, &message, -32001, "session not found");
                }
                Some(_) => {}
            }
        }
        let is_listening = request.method == Method::Get || is_modern && method == "subscriptions/listen";
        match method {
            _ if self.has_streams && is_listening => {
                Response { status: 200, is_open: true, ..Response::default() }
            }
            _ if message.get("id").is_none() => Response { status: 202, ..Response::default() },
            "ping" => result(&message, json!({})),
            "server/discover" if self.is_modern => result(
                &message,
                json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {} }),
            ),
            "tools/list" => {
                result(&message, json!({ "tools": self.menu(), "_meta": { "v": self.menu_version } }))
            }
            "tools/call" => self.call(&message),
            _ => failure(200, &message, -32601, "method not found"),
        }
    }

    fn greet(&mut self, message: &Value) -> Response {
        let greeting = json!({ "protocolVersion": "2025-06-18", "capabilities": { "logging": {} },
            "serverInfo": { "name": "relay", "version": "1" } });
        let mut response = result(message, greeting);
        if self.keeps_sessions {
            self.last_session += 1;
            let session = format!("relay-session-{}", self.last_session);
            self.sessions.insert(session.clone());
            response.session = Some(session);
        }
        response
    }

    fn call(&mut self, message: &Value) -> Response {
        let params = &message["params"];
        let arguments = &params["arguments"];
        let Some(number) = arguments["n"].as_u64() else {
            return result(message, content("read"));
        };
        let key = arguments["idempotencyKey"].as_str().expect("B-5.3: a key from the first byte on");
        self.arrivals.push((number, key.into()));
        let mut plain = arguments.clone();
        plain.as_object_mut().unwrap().remove("idempotencyKey");
        let first = self.arguments.entry(number).or_insert_with(|| plain.clone());
        assert_eq!(*first, plain, "B-5.8: the same arguments each time");
        match arguments["poison"].as_str().unwrap_or_default() {
            "Error" => return failure(200, message, -32602, "no such recipient"),
            "IsError" => {
                return result(message, json!({ "content": [], "isError": true }));
            }
            "BadRequest" => return failure(400, message, -32600, "bad request"),
            "InputRequired" => return result(message, json!({ "resultType": "input_required" })),
            _ => {}
        }
        if !self.done.contains_key(key) {
            self.applied.push(number);
            self.done.insert(key.into(), content(&format!("done {number}")));
        }
        result(message, self.done[key].clone())
    }
}

fn content(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "resultType": "complete" })
}

fn result(message: &Value, result: Value) -> Response {
    let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
    Response { status: 200, body, ..Response::default() }
}

fn failure(status: u16, message: &Value, code: i64, text: &str) -> Response {
    let error = json!({ "code": code, "message": text });
    let body = json!({ "jsonrpc": "2.0", "id": message["id"], "error": error });
    Response { status, body, ..Response::default() }
}
