//! The whole machine. The input is a story as in `tests/golden`, one thing that happens a line, with any bytes from agents
//! and relay; the host keeps its side of the contract, and checks the machine's at every step.
//!
//! ```text
//! agent POST in $session {"jsonrpc":"2.0","id":1,"method":"tools/list"}
//! relay *1 200 content-type=application/json
//! relay *1 … {"jsonrpc":"2.0","id":$id,"result":{}}
//! relay *1 end
//! disk durable 1
//! ```
//!
//! `$id` is the id that the call was sent with, `$session` the session that the agent was given last. A number that names
//! nothing names the newest.

use relay_mcp_core::headers::{Header, SESSION_ID};
use relay_mcp_core::jsonrpc::{Message, Parsed, Response};
use relay_mcp_core::{
    Action, AgentRequest, AnswerHead, CallId, Command, Config, ExchangeId, Input, Method, Sent, WriteState,
};
use relay_mcp_tests::world::{CallStage, Host, Stage};

use crate::text;

/// Tells the machine a story, then lets all come to its end.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let mut story = Story { host: Host::new(config()), session: String::new(), read: 0 };
    story.host.tick();
    for line in String::from_utf8_lossy(bytes).lines().take(200) {
        story.tell(line);
        story.look();
    }
    story.end(bytes.len());
}

/// Small enough that every bound is reached.
fn config() -> Config {
    let mut config = Config::default();
    config.limits.answer_bytes = 2_000;
    (config.limits.outbox_entries, config.limits.outbox_bytes) = (4, 4_000);
    (config.limits.streams, config.limits.sessions) = (3, 3);
    config
}

struct Story {
    host: Host,
    /// The session that an agent was given last.
    session: String,
    /// How many steps of this life were looked at.
    read: usize,
}

impl Story {
    fn tell(&mut self, line: &str) {
        let (who, rest) = text::word(line);
        match who.as_bytes().first() {
            Some(b'a') => self.agent(rest),
            Some(b'r') => self.relay(rest),
            Some(b'd') => self.disk(rest),
            Some(b'c') => self.crash(text::number(rest).unwrap_or(0)),
            Some(b'u') => self.runner(rest),
            Some(b't') => self.host.pass(text::number(rest).unwrap_or(0) % 100_000),
            _ => {}
        }
    }

    fn agent(&mut self, line: &str) {
        let (method, rest) = text::word(line);
        let method = match method {
            "GET" => Method::Get,
            "DELETE" => Method::Delete,
            "gone" => return self.leave(text::number(rest)),
            _ => Method::Post,
        };
        let head = rest.find(['{', '[', '"']).unwrap_or(rest.len());
        let (head, body) = rest.split_at(head);
        let body = if method == Method::Post { text::body(body).into() } else { Vec::new().into() };
        let mut request = AgentRequest { method, query: None, headers: Vec::new(), body };
        let mut words = head.split(' ');
        while let Some(word) = words.next() {
            match word.split_once('=') {
                Some(("query", query)) => request.query = Some(query.into()),
                Some((name, value)) => request.headers.extend(header(name, value)),
                None if word == "in" => {
                    let session = words.next().unwrap_or_default().replace("$session", &self.session);
                    request.headers.extend(header(SESSION_ID, &session));
                }
                None => {}
            }
        }
        self.host.request(request);
    }

    fn leave(&mut self, which: Option<u64>) {
        let last = self.host.exchanges.keys().next_back().copied();
        let named = which.map(ExchangeId).filter(|exchange| self.host.exchanges.contains_key(exchange));
        if let Some(exchange) = named.or(last) {
            self.host.leave(exchange);
        }
    }

    fn relay(&mut self, line: &str) {
        let (which, rest) = text::word(line);
        let named = text::number(which).map(CallId).filter(|call| self.host.calls.contains_key(call));
        let Some(call) = named.or(self.host.calls.keys().next_back().copied()) else { return };
        let has_head = self.host.calls[&call].stage != CallStage::Sent;
        let (what, rest) = text::word(rest);
        match (what, has_head) {
            ("…", true) => {
                let body = rest.replace("$id", &self.host.calls[&call].request.json()["id"].to_string());
                self.host.chunk(call, &text::body(&body));
            }
            ("end", true) => self.host.end(call),
            ("refused", false) => self.host.fail(call, Sent::No, "connection refused"),
            (status, false) if text::number(status).is_some() => self.head(call, status, rest),
            _ => self.host.fail(call, Sent::Unknown, "connection reset"),
        }
    }

    fn head(&mut self, call: CallId, status: &str, headers: &str) {
        let status = text::number(status).and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        let headers = headers.split(' ').filter_map(|word| word.split_once('='));
        let headers: Vec<Header> = headers.filter_map(|(name, value)| header(name, value)).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|header| (&*header.name, header.value.as_str())).collect();
        self.host.head(call, status, &headers);
    }

    fn disk(&mut self, line: &str) {
        let (what, count) = text::word(line);
        let count = text::number(count).map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX));
        match what {
            "failed" => self.host.lose(count),
            _ => self.host.store(count),
        }
    }

    fn crash(&mut self, kept: u64) {
        self.look();
        self.host.check_determinism();
        self.host.crash(usize::try_from(kept).unwrap_or(usize::MAX));
        self.read = 0;
    }

    fn runner(&mut self, line: &str) {
        let (what, rest) = text::word(line);
        let key = String::from_utf8_lossy(&text::body(rest)).into_owned();
        let command = match what {
            "context" => {
                let (flag, value) = rest.split_once('=').unwrap_or((rest, "true"));
                Command::SetContext(vec![(flag.into(), value == "true")])
            }
            "refresh" => Command::Refresh,
            "token" => {
                self.host.token += 1;
                Command::TokenChanged
            }
            "list" => Command::ListOutbox,
            "show" => Command::ShowWrite(key),
            "retry" => Command::RetryWrite(key),
            "discard" => Command::DiscardWrite(key),
            "drain" => Command::Drain,
            _ => Command::Status,
        };
        self.host.command(command);
    }

    /// What holds at every step, beside what the host itself checks.
    fn look(&mut self) {
        for at in self.read..self.host.history.len() {
            let step = &self.host.history[at];
            for action in &step.actions {
                if let Action::Answer { exchange, head: AnswerHead::Own { status, .. }, body } = action {
                    check_answer(&self.host.exchanges[exchange].request, *status, body);
                }
            }
            let is_tick = step.input == Input::Tick;
            assert!(step.actions.len() < 200 || is_tick, "B-9.8: a step has an end");
        }
        self.read = self.host.history.len();
        let given = self.host.exchanges.values().rev().find_map(|exchange| exchange.header(SESSION_ID));
        self.session = given.unwrap_or_default().to_owned();
    }

    /// Everybody is answered, whatever happened before (B-9.1); what was stored is understood, and says the same (G11).
    fn end(mut self, told: usize) {
        for _ in 0..100 {
            self.break_off();
            if self.waiting().is_empty() {
                break;
            }
            self.host.pass(1_000);
        }
        let streams =
            self.host.exchanges.values().filter(|known| known.stage == Stage::Begun && !known.is_gone);
        let open = streams.count();
        assert!(self.waiting().is_empty(), "B-9.1: every request is answered: {:?}", self.waiting());
        let status = self.host.status();
        assert!(status.streams <= 3 && status.streams <= open, "B-1.7: {} streams of {open}", status.streams);
        assert!(status.sessions <= 3, "B-9.8: {} sessions", status.sessions);
        let outbox = &status.outbox;
        assert!(outbox.depth + outbox.dead_letters <= 4 && outbox.bytes <= 4_000, "G9: {outbox:?}");
        let before = self.writes();
        self.host.command(Command::Drain);
        for _ in 0..10 {
            self.break_off();
            self.host.pass(10_000);
        }
        self.break_off();
        self.look();
        let open: Vec<_> =
            self.host.exchanges.values().filter(|known| known.is_open() && !known.is_gone).collect();
        assert!(open.is_empty(), "B-8.4: streams end: {open:?}");
        assert!(self.host.replies.values().all(Option::is_some), "B-8.1: every command is answered");
        assert!(self.host.ended.is_empty(), "B-9.8: no head of an answer is kept for ever");
        assert_eq!(self.writes(), before, "B-5.9: nothing is lost by ending");
        self.host.check_determinism();
        // As text each byte takes four at the most, and no more viewers of a menu are remembered than there are sessions.
        let kept = format!("{:?}", self.host.proxy).len();
        assert!(kept < 40_000 + 40 * told, "B-9.8: {kept} bytes are kept of {told}");
        self.host.crash(usize::MAX);
        assert_eq!(self.writes(), before, "G11: recovery gives the same");
    }

    fn writes(&mut self) -> Vec<(String, WriteState)> {
        self.host.writes()
    }

    /// The relay is away, and the disk is well.
    fn break_off(&mut self) {
        let open: Vec<CallId> = self.host.calls.keys().copied().collect();
        open.into_iter().for_each(|call| text::break_off(&mut self.host, call));
        self.host.store_all();
    }

    /// The requests that nobody has begun to answer.
    fn waiting(&self) -> Vec<&AgentRequest> {
        let exchanges = self.host.exchanges.values();
        let waiting = exchanges.filter(|known| known.stage == Stage::Waiting && !known.is_gone);
        waiting.map(|known| &known.request).collect()
    }
}

/// A header as HTTP would have let it in.
fn header(name: &str, value: &str) -> Option<Header> {
    let name: http::HeaderName = name.parse().ok()?;
    http::HeaderValue::from_str(value).ok()?.to_str().ok()?;
    Some(Header::new(name.as_str().to_owned(), value))
}

/// An answer of ours is one response, with the id of its request (B-9.1).
fn check_answer(request: &AgentRequest, status: u16, body: &[u8]) {
    assert!((200..600).contains(&status), "{status}");
    if body.is_empty() {
        return;
    }
    let text = std::str::from_utf8(body).expect("an answer in UTF-8");
    let Some(response) = Response::parse(text) else { panic!("B-9.1: a response, not {text}") };
    if let Ok(Parsed { message: Message::Request { id, .. }, .. }) = Parsed::parse(&request.body)
        && status == 200
    {
        assert!(response.answers(&id), "B-9.1: {text} answers {id:?}");
    }
}
