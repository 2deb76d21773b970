//! Short words for tests that drive the machine by hand.

use relay_mcp_core::headers;
use relay_mcp_core::{CallId, Command, ExchangeId, Method, OutboxStatus, Reply, Sent, Status, WriteState};
use serde_json::{Value, json};

use super::host::{CallStage, Exchange, Host, SentRequest, Stage};
use super::messages;

impl Host {
    /// The one call whose answer has not begun.
    pub fn call(&self) -> CallId {
        let open = self.unanswered();
        assert_eq!(open.len(), 1, "one call is under way, not {open:?}");
        open[0]
    }

    /// The calls whose answer has not begun, oldest first.
    pub fn unanswered(&self) -> Vec<CallId> {
        let calls = self
            .calls
            .iter()
            .filter(|(_, call)| call.stage == CallStage::Sent && call.request.method != Method::Get);
        calls.map(|(call, _)| *call).collect()
    }

    /// What the one call says.
    pub fn sent(&self) -> SentRequest {
        self.calls[&self.call()].request.clone()
    }

    /// The relay answers the one call with a JSON body.
    pub fn relay_says(&mut self, status: u16, body: &Value) {
        self.relay_says_with(status, &[], &body.to_string());
    }

    /// The relay answers the one call, with headers.
    pub fn relay_says_with(&mut self, status: u16, more: &[(&str, &str)], body: &str) {
        let call = self.call();
        self.answer_call(call, status, more, body);
    }

    pub fn answer_call(&mut self, call: CallId, status: u16, more: &[(&str, &str)], body: &str) {
        let mut headers = vec![("content-type", "application/json")];
        if more.iter().any(|(name, _)| *name == "content-type") {
            headers.clear();
        }
        headers.extend(more);
        if self.head(call, status, &headers) {
            self.chunk(call, body.as_bytes());
            self.end(call);
        }
        self.store_what_is_remembered();
    }

    /// The relay answers the one call with this result, under the id that it was asked with.
    pub fn relay_results(&mut self, result: &Value) {
        let id = self.sent().json()["id"].clone();
        self.relay_says(200, &json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    /// The one call finds nobody.
    pub fn relay_is_away(&mut self) {
        let call = self.call();
        self.fail(call, Sent::No, "connection refused");
        self.store_what_is_remembered();
    }

    /// The one call was sent, and nothing came back; of the second try and the ping after it neither.
    pub fn relay_is_lost(&mut self) {
        let mut lost = Some(self.call());
        while let Some(call) = lost {
            self.fail(call, Sent::Unknown, "connection reset");
            lost = self.unanswered().into_iter().find(|call| self.says(*call) != "tools/call");
        }
    }

    /// The JSON-RPC method of a call.
    pub fn says(&self, call: CallId) -> String {
        self.calls[&call].request.rpc_method()
    }

    /// Hellos, menus and sessions become durable at once, so that a story of something else need not say so;
    /// writes only when it does.
    fn store_what_is_remembered(&mut self) {
        self.store(self.disk.pending_without_writes());
    }

    /// The relay's stream that was asked for and has not begun.
    pub fn upstream(&self) -> Option<(CallId, SentRequest)> {
        let mut calls = self.calls.iter().filter(|(_, call)| call.stage == CallStage::Sent);
        let found = calls.find(|(_, call)| call.request.method == Method::Get);
        found.map(|(call, known)| (*call, known.request.clone()))
    }

    /// The relay answers a request for a stream with this status.
    pub fn stream_meets(&mut self, status: u16) {
        let (call, _) = self.upstream().expect("a stream is asked for");
        self.answer_call(call, status, &[], "");
    }

    /// The relay gives the proxy this session, and hears that it is begun.
    pub fn opens_session(&mut self, session: &str) {
        let hello = self.call_that_says("initialize");
        let id = self.calls[&hello].request.json()["id"].clone();
        let result = json!({ "protocolVersion": "2025-06-18", "capabilities": {} });
        let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
        self.answer_call(hello, 200, &[("mcp-session-id", session)], &body);
        let initialized = self.call_that_says("notifications/initialized");
        self.answer_call(initialized, 202, &[], "");
    }

    fn call_that_says(&self, method: &str) -> CallId {
        let found = self.unanswered().into_iter().find(|call| self.says(*call) == method);
        found.unwrap_or_else(|| panic!("no call says {method}"))
    }

    /// All that was handed to the disk becomes durable.
    pub fn store_all(&mut self) {
        while self.disk.pending() > 0 {
            self.store(usize::MAX);
        }
    }

    /// Lets time pass, waking up whenever the machine wants to.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        while let Some(at) = self.wakeup().filter(|at| *at <= until) {
            self.now = at;
            self.tick();
        }
        self.now = until;
        self.tick();
    }

    /// Goes on to the next thing that the machine waits for.
    pub fn pass_to_wakeup(&mut self) {
        self.now = self.wakeup().expect("the machine waits for something");
        self.tick();
    }

    /// The answer that an exchange got whole.
    pub fn answer(&self, exchange: ExchangeId) -> &Exchange {
        let known = &self.exchanges[&exchange];
        assert_eq!(known.stage, Stage::Over, "answered");
        known
    }

    /// The JSON of that answer, out of its event where it came as a stream.
    pub fn json(&self, exchange: ExchangeId) -> Value {
        self.answer(exchange).json()
    }

    pub fn is_waiting(&self, exchange: ExchangeId) -> bool {
        self.exchanges[&exchange].is_open()
    }

    /// Whether an exchange got a receipt.
    pub fn is_queued(&self, exchange: ExchangeId) -> bool {
        self.json(exchange)["result"]["structuredContent"]["queued"] == true
    }

    pub fn reply(&mut self, request: Command) -> Reply {
        let command = self.command(request);
        self.store_all();
        self.replies[&command].clone().expect("an answered command")
    }

    pub fn status(&mut self) -> Status {
        match self.reply(Command::Status) {
            Reply::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    pub fn outbox(&mut self) -> OutboxStatus {
        self.status().outbox
    }

    /// Key and state of every write in the outbox.
    pub fn writes(&mut self) -> Vec<(String, WriteState)> {
        match self.reply(Command::ListOutbox) {
            Reply::Outbox(writes) => writes.into_iter().map(|write| (write.key, write.state)).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Greets the relay as a legacy agent does; gives the session.
    pub fn greeted(&mut self, relay_session: Option<&str>) -> String {
        let hello = self.request(messages::initialize(0));
        let id = self.sent().json()["id"].clone();
        let result = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "serverInfo": { "name": "relay", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
        let session: Vec<_> = relay_session.map(|session| ("mcp-session-id", session)).into_iter().collect();
        self.relay_says_with(200, &session, &body);
        self.store_all();
        self.answer(hello).session()
    }

    /// Lists the relay's menu, which is this, as a legacy agent does.
    pub fn listed(&mut self, session: Option<&str>, tools: &Value) -> ExchangeId {
        let list = messages::in_session(messages::legacy(9, "tools/list", &json!({})), session);
        let list = self.request(list);
        self.relay_results(&json!({ "tools": tools }));
        self.store_all();
        list
    }

    /// A write that was accepted while the relay was away.
    pub fn queued(&mut self, key: &str) -> ExchangeId {
        let write = self.request(messages::keyed_write(1, key, key));
        self.store_all();
        if self.is_waiting(write) {
            self.relay_is_away();
            self.store_all();
        }
        assert!(self.is_queued(write));
        write
    }
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::value(&self.headers, name)
    }

    pub fn session(&self) -> String {
        self.header("mcp-session-id").expect("a session").into()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// How many JSON-RPC responses the body holds.
    pub fn responses(&self) -> usize {
        if !self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return 1;
        }
        let text = self.text();
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let values = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        values.filter(|value| value.get("result").is_some() || value.get("error").is_some()).count()
    }

    /// The JSON of the body, or of its last event where it is a stream.
    pub fn json(&self) -> Value {
        let text = self.text();
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
            return serde_json::from_str(data.expect("an event")).expect("an event of JSON");
        }
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("a body of JSON, not {text:?}"))
    }
}
