//! The agent: a small MCP client of the legacy era, over real HTTP.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use relay_mcp_core::headers::{PROTOCOL_VERSION, SESSION_ID};
use relay_mcp_core::mcp::sse::{Decoder, EVENT_STREAM};
use serde_json::{Value, json};

use super::events::Events;
use super::trouble::{Expecting, Trouble, check, in_time};

/// Its name, which the relay learns in `initialize`.
pub(super) const NAME: &str = "demo-agent";
/// The revision that it speaks.
pub(super) const REVISION: &str = "2025-11-25";

/// An MCP client, with what it was configured with: a URL and a bearer.
pub(super) struct Agent {
    http: Client<HttpConnector, Full<Bytes>>,
    url: String,
    bearer: Option<HeaderValue>,
    session: Option<HeaderValue>,
    last_id: u64,
}

impl Agent {
    /// A client of the MCP server at this URL; nobody is connected to yet.
    pub(super) fn new(url: &str, bearer: Option<&str>) -> Result<Self, Trouble> {
        // What it talks to is killed: a connection that was used before is never used again.
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let bearer = bearer.map(|bearer| HeaderValue::try_from(format!("Bearer {bearer}")));
        let mut bearer = bearer.transpose().expecting("a bearer that can be sent")?;
        if let Some(bearer) = &mut bearer {
            bearer.set_sensitive(true);
        }
        Ok(Self { http, url: url.into(), bearer, session: None, last_id: 0 })
    }

    /// `initialize` and `notifications/initialized`. Gives what the server says of itself.
    pub(super) async fn greet(&mut self) -> Result<Value, Trouble> {
        let client = json!({ "name": NAME, "version": env!("CARGO_PKG_VERSION") });
        let params = json!({ "protocolVersion": REVISION, "capabilities": {}, "clientInfo": client });
        let answer = self.post(&self.request("initialize", &params)).await?;
        check("the status of initialize", answer.status().as_u16(), 200)?;
        self.session = answer.headers().get(SESSION_ID).cloned();
        let hello = self.read(answer).await?;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = self.post(&initialized).await?;
        check("the status of notifications/initialized", answer.status().as_u16(), 202)?;
        Ok(hello["result"].clone())
    }

    /// The status of an `initialize` that is not meant to lead anywhere.
    pub(super) async fn knock(&mut self) -> Result<u16, Trouble> {
        let hello = self.request("initialize", &json!({}));
        Ok(self.post(&hello).await?.status().as_u16())
    }

    /// The session that it was given.
    pub(super) fn session(&self) -> &str {
        self.session.as_ref().and_then(|session| session.to_str().ok()).unwrap_or("none")
    }

    /// GET: the stream on which the server speaks unasked.
    pub(super) async fn listen(&self) -> Result<Events, Trouble> {
        let answer = self.send(Method::GET, Bytes::new()).await?;
        check("the status of the event stream", answer.status().as_u16(), 200)?;
        Ok(Events::new(answer.into_body()))
    }

    /// DELETE: the session ends.
    pub(super) async fn leave(&mut self) -> Result<(), Trouble> {
        let answer = self.send(Method::DELETE, Bytes::new()).await?;
        check("the status of DELETE", answer.status().as_u16(), 204)
    }

    /// The names in the menu.
    pub(super) async fn menu(&mut self) -> Result<Vec<String>, Trouble> {
        let answer = self.ask("tools/list", &json!({})).await?;
        let tools = answer["result"]["tools"].as_array().expecting("a menu");
        let tools = tools.map_err(|trouble| Trouble { seen: answer.to_string(), ..trouble })?;
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect())
    }

    /// Calls a tool; gives the whole JSON-RPC response.
    pub(super) async fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value, Trouble> {
        self.ask("tools/call", &json!({ "name": tool, "arguments": arguments })).await
    }

    /// A request; gives the whole JSON-RPC response.
    pub(super) async fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Trouble> {
        self.last_id += 1;
        let answer = self.post(&self.request(method, params)).await?;
        check(&format!("the status of {method}"), answer.status().as_u16(), 200)?;
        self.read(answer).await
    }

    fn request(&self, method: &str, params: &Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params })
    }

    async fn post(&self, message: &Value) -> Result<Response<Incoming>, Trouble> {
        self.send(Method::POST, Bytes::from(message.to_string())).await
    }

    async fn send(&self, method: Method, body: Bytes) -> Result<Response<Incoming>, Trouble> {
        let expected = format!("an answer from {} to {method}", self.url);
        let mut request = Request::builder().method(method).uri(&self.url);
        request = request.header(header::ACCEPT, format!("application/json, {EVENT_STREAM}"));
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(session) = &self.session {
            request = request.header(SESSION_ID, session).header(PROTOCOL_VERSION, REVISION);
        }
        let request = request.body(Full::new(body)).expecting("a request that can be sent")?;
        in_time(&expected, self.http.request(request)).await?.expecting(&expected)
    }

    /// The response to the last request, which comes as JSON or as an event.
    async fn read(&self, answer: Response<Incoming>) -> Result<Value, Trouble> {
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let body = in_time("the rest of an answer", answer.into_body().collect()).await?;
        let body = body.expecting("the rest of an answer")?.to_bytes();
        let response = if kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes())) {
            let data = Decoder::default().feed(&body).into_iter().filter_map(|event| event.data);
            let messages = data.filter_map(|data| serde_json::from_str::<Value>(&data).ok());
            messages.into_iter().find(|message| message["id"] == self.last_id).unwrap_or_default()
        } else {
            serde_json::from_slice(&body).expecting("a JSON-RPC response")?
        };
        check("the id of a response", &response["id"], &json!(self.last_id))?;
        Ok(response)
    }
}
