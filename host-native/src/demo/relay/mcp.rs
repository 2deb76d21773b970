//! How the relay answers: MCP of the legacy era over HTTP, with a session and a token.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use relay_mcp_core::door::Secret;
use relay_mcp_core::headers::SESSION_ID;
use serde_json::{Value, json};

use super::arrivals::Arrivals;
use super::tools::{NEVER_ANSWER, TOOLS};
use crate::secret::random_hex;

/// The revisions that it knows, the newest last.
const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

type Answer = Response<Full<Bytes>>;

/// The relay.
pub(super) struct Relay {
    token: Secret,
    state: Mutex<State>,
}

struct State {
    arrivals: Arrivals,
    /// The name of each session's agent. It does not outlive the process.
    sessions: BTreeMap<String, String>,
}

impl Relay {
    pub(super) fn new(token: Secret, arrivals: Arrivals) -> Self {
        Self { token, state: Mutex::new(State { arrivals, sessions: BTreeMap::new() }) }
    }

    /// Answers one request; it may also never do so.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        if !self.admits(&head.headers) {
            return Ok(error(StatusCode::UNAUTHORIZED, &Value::Null, -32001, "a token is needed"));
        }
        if head.uri.path() != "/api/mcp" {
            return Ok(empty(StatusCode::NOT_FOUND));
        }
        let session = head.headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
        Ok(match head.method {
            Method::POST => match body.collect().await {
                Ok(body) => self.post(session, &body.to_bytes()).await,
                Err(_) => empty(StatusCode::BAD_REQUEST),
            },
            Method::DELETE => self.delete(session),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        })
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        headers.get(header::AUTHORIZATION).is_some_and(|value| self.token.opens(value.as_bytes()))
    }

    fn delete(&self, session: Option<&str>) -> Answer {
        let known = session.and_then(|id| self.state().sessions.remove(id));
        empty(known.map_or(StatusCode::NOT_FOUND, |_| StatusCode::NO_CONTENT))
    }

    async fn post(&self, session: Option<&str>, body: &[u8]) -> Answer {
        let Ok(message) = serde_json::from_slice::<Value>(body) else {
            return error(StatusCode::BAD_REQUEST, &Value::Null, -32700, "this is not JSON");
        };
        let (id, method) = (&message["id"], message["method"].as_str().unwrap_or_default());
        if method == "initialize" {
            return self.initialize(id, &message["params"]);
        }
        if method == "ping" {
            return result(id, &json!({}));
        }
        let agent = session.and_then(|id| self.state().sessions.get(id).cloned());
        let Some(agent) = agent else {
            return error(StatusCode::NOT_FOUND, id, -32001, "no such session");
        };
        match method {
            _ if id.is_null() => empty(StatusCode::ACCEPTED),
            "tools/list" => {
                let tools: Vec<Value> = TOOLS.iter().map(super::tools::Tool::definition).collect();
                result(id, &json!({ "tools": tools }))
            }
            "tools/call" => self.call(id, &agent, &message["params"]).await,
            _ => error(StatusCode::OK, id, -32601, "method not found"),
        }
    }

    fn initialize(&self, id: &Value, params: &Value) -> Answer {
        let Ok(session) = random_hex::<8>() else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
        let agent = params["clientInfo"]["name"].as_str().unwrap_or("nobody");
        self.state().sessions.insert(session.clone(), agent.to_owned());
        let asked = params["protocolVersion"].as_str().unwrap_or_default();
        let revision = REVISIONS.into_iter().find(|known| *known == asked).unwrap_or(REVISIONS[2]);
        let mut answer = result(
            id,
            &json!({
                "protocolVersion": revision,
                "capabilities": { "tools": {} },
                "serverInfo": { "name": super::NAME, "version": env!("CARGO_PKG_VERSION") },
            }),
        );
        if let Ok(session) = session.try_into() {
            answer.headers_mut().insert(SESSION_ID, session);
        }
        answer
    }

    async fn call(&self, id: &Value, agent: &str, params: &Value) -> Answer {
        let arguments = &params["arguments"];
        let tool = TOOLS.iter().find(|tool| params["name"] == tool.name);
        let said = match tool {
            None => return error(StatusCode::OK, id, -32602, "no such tool"),
            Some(tool) if tool.is_write => match self.apply(arguments) {
                Ok(true) if arguments[NEVER_ANSWER] == true => return std::future::pending().await,
                Ok(applied) => json!({ "applied": applied, "duplicate": !applied }),
                Err(_) => return error(StatusCode::OK, id, -32603, "the write cannot be kept"),
            },
            Some(_) => json!({ "agent": agent, "said": format!("you are {agent}, and the token was right") }),
        };
        let text = said["said"].as_str().map_or_else(|| said.to_string(), str::to_owned);
        let content = json!([{ "type": "text", "text": text }]);
        result(id, &json!({ "content": content, "structuredContent": said }))
    }

    fn apply(&self, arguments: &Value) -> std::io::Result<bool> {
        let key = arguments["idempotencyKey"].as_str().unwrap_or_default();
        let text = ["text", "summary"].into_iter().find_map(|name| arguments[name].as_str());
        self.state().arrivals.apply(key, text.unwrap_or_default())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

fn result(id: &Value, result: &Value) -> Answer {
    json_answer(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn error(status: StatusCode, id: &Value, code: i64, message: &str) -> Answer {
    let error = json!({ "code": code, "message": message });
    json_answer(status, &json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

fn json_answer(status: StatusCode, message: &Value) -> Answer {
    let mut answer = Answer::new(Full::from(message.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}
