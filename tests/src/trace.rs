//! Runs as text: one line for each input and each action, with short names for long ids, so that a change of
//! behaviour is a readable diff.

use std::path::Path;

use relay_mcp_core::headers::{Header, HeaderEdit};
use relay_mcp_core::{Action, AnswerHead, CallBody, CallHeaders, Change, Input, Method, RelayRequest};
use serde_json::Value;

use crate::world::{Host, Step};

/// The lines of a story: headings of the test's own, and what happened below each.
#[derive(Default)]
pub struct Story {
    text: String,
    told: usize,
    names: Vec<String>,
}

impl Story {
    /// Writes down what happened since the last heading, under this one.
    pub fn tell(&mut self, heading: &str, host: &Host) {
        self.text.push_str(&format!("## {heading}\n"));
        for step in &host.history[self.told.min(host.history.len())..] {
            self.step(step);
        }
        self.told = host.history.len();
    }

    /// The host was started anew: its history begins again.
    pub fn restarted(&mut self) {
        self.told = 0;
    }

    /// Compares the story with the one that is kept; with `UPDATE_GOLDEN=1` keeps this one.
    pub fn check(mut self, name: &str) {
        self.shorten();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name).with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &self.text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        if kept == self.text {
            return;
        }
        let same = kept.lines().zip(self.text.lines()).take_while(|(kept, told)| kept == told).count();
        let line = |text: &str| text.lines().nth(same).unwrap_or("(its end)").to_owned();
        let (kept, told) = (line(&kept), line(&self.text));
        panic!(
            "{name} is another story from line {} on (UPDATE_GOLDEN=1 keeps it):\n- {kept}\n+ {told}",
            same + 1
        );
    }

    fn step(&mut self, step: &Step) {
        self.text.push_str(&format!("{:>6} > {}\n", step.now.0 - 1_000_000, input(&step.input)));
        for done in &step.actions {
            self.note_names(done);
            self.text.push_str(&format!("         {}\n", action(done)));
        }
    }

    /// Ids that are random are named in the order in which they come up.
    fn note_names(&mut self, action: &Action) {
        for word in format!("{action:?}").split(|c: char| !c.is_ascii_hexdigit() && c != '-') {
            let word = word.get(word.len().saturating_sub(36)..).unwrap_or_default();
            let is_uuid = word.len() == 36 && word.as_bytes()[8] == b'-' && word.as_bytes()[23] == b'-';
            if is_uuid && !self.names.iter().any(|known| known == word) {
                self.names.push(word.into());
            }
        }
    }

    fn shorten(&mut self) {
        for (n, name) in self.names.iter().enumerate() {
            self.text = self.text.replace(name, &format!("uuid{}", n + 1));
        }
    }
}

/// A step in lines: its input, and each action of it.
pub fn lines(step: &Step) -> Vec<String> {
    let input = std::iter::once(format!("> {}", input(&step.input)));
    input.chain(step.actions.iter().map(|done| format!("    {}", action(done)))).collect()
}

fn input(input: &Input) -> String {
    match input {
        Input::Tick => "tick".into(),
        Input::Request { exchange, request } => {
            let session = session(&request.headers);
            format!("agent #{} {}{session} {}", exchange.0, method(request.method), body(&request.body))
        }
        Input::AgentGone { exchange } => format!("agent #{} gone", exchange.0),
        Input::RelayHead { call, head } => {
            format!("relay *{} {}{}", call.0, head.status, headers(&head.headers))
        }
        Input::Passed { call } => format!("relay *{} passed on", call.0),
        Input::RelayChunk { call, bytes } => format!("relay *{} … {}", call.0, body(bytes)),
        Input::RelayEnd { call } => format!("relay *{} end", call.0),
        Input::RelayFailed { call, failure } => {
            format!("relay *{} failed, sent {:?}: {}", call.0, failure.sent, failure.reason)
        }
        Input::Durable { through } => format!("disk  durable through {}", through.0),
        Input::StoreFailed { through, reason } => format!("disk  failed through {}: {reason}", through.0),
        Input::Command { request, .. } => format!("runner {request:?}"),
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Call { call, request, pass_to: _ } => format!("call *{} {}", call.0, relay_request(request)),
        Action::Splice { call, exchange, edits } => {
            format!("splice *{} → #{}{}", call.0, exchange.0, self::edits(edits))
        }
        Action::Read { call } => format!("read *{}", call.0),
        Action::Cancel { call } => format!("cancel *{}", call.0),
        Action::Answer { exchange, head, body: text } => {
            format!("answer #{} {} {}", exchange.0, answer_head(head), body(text))
        }
        Action::AnswerHead { exchange, head } => format!("begin #{} {}", exchange.0, answer_head(head)),
        Action::AnswerChunk { exchange, bytes } => format!("send #{} {}", exchange.0, body(bytes)),
        Action::AnswerEnd { exchange } => format!("end #{}", exchange.0),
        Action::Abort { exchange } => format!("abort #{}", exchange.0),
        Action::Persist { ticket, changes } => {
            let changes: Vec<String> = changes.iter().map(change).collect();
            format!("persist {} {}", ticket.0, changes.join(", "))
        }
        Action::Reply { reply, .. } => format!("reply {reply:?}"),
        Action::Observe(observation) => format!("observe {observation:?}"),
    }
}

fn relay_request(request: &RelayRequest) -> String {
    let from = match &request.headers {
        CallHeaders::OfExchange(exchange) => format!("headers of #{}", exchange.0),
        CallHeaders::Own(_) => "own headers".into(),
    };
    let body = match &request.body {
        CallBody::Empty => String::new(),
        CallBody::OfExchange(exchange) => format!("body of #{}", exchange.0),
        CallBody::Bytes(bytes) => body(bytes),
    };
    format!("{} {from}{} {body}", method(request.method), edits(&request.edits)).trim_end().into()
}

fn answer_head(head: &AnswerHead) -> String {
    match head {
        AnswerHead::Own { status, headers } => format!("{status}{}", session(headers)),
        AnswerHead::OfCall { call, edits } => format!("head of *{}{}", call.0, self::edits(edits)),
    }
}

fn edits(edits: &[HeaderEdit]) -> String {
    let edit = |edit: &HeaderEdit| match edit {
        HeaderEdit::Set(header) => format!(" +{}={}", header.name, header.value),
        HeaderEdit::Remove(name) => format!(" -{name}"),
    };
    edits.iter().map(edit).collect()
}

fn change(change: &Change) -> String {
    let key = change.key();
    let name = format!("{} {}", key.kind.name(), key.id.trim_start_matches('0'));
    match change {
        Change::Put(record) => {
            let value: Value = serde_json::from_slice(&record.value).unwrap();
            let state = value["state"].as_str().map(|state| format!(" ({state})")).unwrap_or_default();
            format!("+{name}{state}")
        }
        Change::Remove(_) => format!("-{name}"),
    }
}

fn session(headers: &[Header]) -> String {
    let session = headers.iter().filter(|header| header.name == "mcp-session-id");
    session.map(|header| format!(" in {}", header.value)).collect()
}

fn headers(headers: &[Header]) -> String {
    headers.iter().map(|header| format!(" {}={}", header.name, header.value)).collect()
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

/// A body on one line.
fn body(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "␍").replace('\n', "␊")
}
