//! What becomes of the proxy's calls: the network, and the relay behind it.

use relay_mcp_core::{CallId, Sent};
use serde_json::{Value, json};

use super::host::SentRequest;
use super::plan::Outcome;
use super::relay::Response;
use super::run::{Event, World};

/// How long a connection on which nothing happens lives, where somebody says so.
const DEAD_CONNECTION: u64 = 60_000;

/// How long it takes until a connection is found dead of which nobody says so: longer than anybody waits.
const HALF_OPEN: u64 = 7_200_000;

/// How an answer goes out.
#[derive(Clone, Debug)]
pub(super) struct Answering {
    response: Response,
    is_stream: bool,
    /// Its response comes twice.
    is_double: bool,
    /// In how many bytes it comes, or in how many pieces where they do not come at once.
    piece: usize,
    every: Option<u64>,
    end: End,
    retry_after: Option<u8>,
    /// What is yet to come of its body.
    rest: Vec<u8>,
}

/// How the body of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Well,
    /// It is broken off in its middle.
    Breaks,
    /// Nothing comes after its middle.
    Stalls,
}

impl Answering {
    fn new(response: Response) -> Self {
        Self {
            response,
            is_stream: false,
            is_double: false,
            piece: 1 << 20,
            every: None,
            end: End::Well,
            retry_after: None,
            rest: Vec::new(),
        }
    }

    fn of_status(status: u16, retry_after: Option<u8>) -> Self {
        Self { retry_after, ..Self::new(Response { status, ..Response::default() }) }
    }

    fn streams(&self) -> bool {
        self.is_stream && self.response.status == 200 && self.response.body["id"] != Value::Null
    }

    /// The bytes of the body; as events, with some that are not the response.
    fn body(&self) -> Vec<u8> {
        let body = &self.response.body;
        if body.is_null() {
            return Vec::new();
        }
        if !self.streams() {
            return body.to_string().into_bytes();
        }
        let notification = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
        let mut text =
            format!(": hi\n\nid: 1\ndata: \n\ndata: {notification}\n\nid: 2\r\ndata: {body}\r\n\r\n");
        if self.is_double {
            text.push_str(&format!("id: 3\ndata: {body}\n\n"));
        }
        text.into_bytes()
    }

    fn prepare(&mut self) {
        self.rest = self.body();
        if self.end != End::Well {
            self.rest.truncate(self.rest.len() / 2);
        }
        if self.every.is_some() {
            self.piece = (self.rest.len() / self.piece).max(1);
        }
    }

    /// What comes next; the last piece is no shorter than the others.
    fn next_piece(&mut self) -> Vec<u8> {
        let length = if self.rest.len() < 2 * self.piece { self.rest.len() } else { self.piece };
        let rest = self.rest.split_off(length);
        std::mem::replace(&mut self.rest, rest)
    }
}

impl World {
    /// A call reaches the relay, or does not.
    pub(super) fn arrive(&mut self, call: CallId) {
        let Some(request) = self.host.calls.get(&call).map(|call| call.request.clone()) else { return };
        if self.host.now < self.away_until {
            return self.refuse(call);
        }
        if self.host.now < self.silent_until {
            return self.schedule(DEAD_CONNECTION, Event::Fail(call));
        }
        let calm = Outcome::Well { is_stream: false, piece: 1 << 20 };
        let outcome = self.outcomes.pop_front().unwrap_or(calm);
        self.host.tell(&format!("relay takes *{}: {outcome:?}", call.0));
        let answering = match outcome {
            Outcome::Refused => return self.refuse(call),
            Outcome::Hang { is_done } => {
                self.do_if(is_done, &request);
                return self.schedule(DEAD_CONNECTION, Event::Fail(call));
            }
            Outcome::Lost { is_done, has_head: false } => {
                self.do_if(is_done, &request);
                return self.schedule(1, Event::Fail(call));
            }
            Outcome::HalfOpen { is_done, has_head: false } => {
                self.do_if(is_done, &request);
                return self.schedule(HALF_OPEN, Event::Fail(call));
            }
            Outcome::Lost { is_done, has_head: true } => {
                Answering { end: End::Breaks, ..self.do_or_begin(is_done, &request) }
            }
            Outcome::HalfOpen { is_done, has_head: true } => {
                Answering { end: End::Stalls, ..self.do_or_begin(is_done, &request) }
            }
            Outcome::Late(millis) => {
                let event = Event::Do(Some(call), Box::new(request));
                return self.schedule(u64::from(millis), event);
            }
            Outcome::Slow(millis) => {
                let answering = Answering::new(self.relay.handle(&request));
                return self.schedule(1 + u64::from(millis), Event::Head(call, answering));
            }
            Outcome::Well { is_stream, piece } => {
                Answering { is_stream, piece: piece.max(1), ..Answering::new(self.relay.handle(&request)) }
            }
            Outcome::Drips { is_stream, pieces, every } => {
                let (piece, every) = (usize::from(pieces.max(1)), Some(u64::from(every)));
                Answering { is_stream, piece, every, ..Answering::new(self.relay.handle(&request)) }
            }
            Outcome::Twice { is_stream } => {
                Answering { is_stream, is_double: true, ..Answering::new(self.relay.handle(&request)) }
            }
            Outcome::Gateway { is_done, retry_after } => {
                self.do_if(is_done, &request);
                Answering::of_status(502 + self.host.now as u16 % 3, retry_after)
            }
            Outcome::Busy(seconds) => Answering::of_status(429, Some(seconds)),
            Outcome::Broken => Answering::of_status(500, None),
            Outcome::Forgets => {
                self.relay.forget_sessions();
                Answering::new(self.relay.handle(&request))
            }
        };
        self.schedule(1, Event::Head(call, answering));
    }

    fn refuse(&mut self, call: CallId) {
        self.host.fail(call, Sent::No, "connection refused");
    }

    fn do_if(&mut self, is_done: bool, request: &SentRequest) {
        if is_done {
            self.relay.handle(request);
        }
    }

    /// An answer that does not get far, to something that was done or not.
    fn do_or_begin(&mut self, is_done: bool, request: &SentRequest) -> Answering {
        let response = match is_done {
            true => self.relay.handle(request),
            false => Response { status: 200, body: json!({ "jsonrpc": "2.0" }), ..Response::default() },
        };
        Answering::new(response)
    }

    /// The relay does at last what it was asked. Nobody may wait for it any more.
    pub(super) fn do_late(&mut self, call: Option<CallId>, request: &SentRequest) {
        let call = call.filter(|call| self.host.calls.contains_key(call));
        let before = self.relay.applied.len();
        let response = self.relay.handle(request);
        match call {
            Some(call) => self.schedule(1, Event::Head(call, Answering::new(response))),
            None => self.relay.late.extend(&self.relay.applied[before..]),
        }
    }

    pub(super) fn begin_to_answer(&mut self, call: CallId, mut answering: Answering) {
        let response = &answering.response;
        let kind =
            if answering.streams() || response.is_open { "text/event-stream" } else { "application/json" };
        let retry_after = answering.retry_after.map(|seconds| seconds.to_string());
        let mut headers = vec![("content-type", kind)];
        headers.extend(response.session.as_deref().map(|session| ("mcp-session-id", session)));
        headers.extend(retry_after.as_deref().map(|seconds| ("retry-after", seconds)));
        if !self.host.head(call, response.status, &headers) {
            return;
        }
        if response.is_open && answering.end == End::Well {
            return self.open_upstream(call);
        }
        answering.prepare();
        self.schedule(1, Event::Body(call, answering));
    }

    /// Goes on with an answer: the proxy has it whole when its last piece is there.
    pub(super) fn answer(&mut self, call: CallId, mut answering: Answering) {
        let Some(known) = self.host.calls.get(&call) else { return };
        let request = known.request.clone();
        loop {
            let piece = answering.next_piece();
            let is_last = answering.rest.is_empty();
            if is_last && answering.streams() {
                self.told_whole(call, &request, &answering);
            }
            self.host.chunk(call, &piece);
            match answering.every {
                _ if is_last => break,
                Some(every) => return self.schedule(every, Event::Body(call, answering)),
                None => {}
            }
        }
        match answering.end {
            End::Well => {
                self.told_whole(call, &request, &answering);
                self.host.end(call);
            }
            End::Breaks => self.host.fail(call, Sent::Unknown, "connection reset"),
            End::Stalls => self.schedule(HALF_OPEN, Event::Fail(call)),
        }
        if answering.is_double && !answering.streams() {
            self.host.answer_once_more(call, answering.response.status, &answering.body());
        }
    }

    /// With the next input the proxy has this answer whole, unless it has given up the call.
    fn told_whole(&mut self, call: CallId, request: &SentRequest, answering: &Answering) {
        if answering.end == End::Well && self.host.calls.contains_key(&call) {
            self.judge.relayed(request, &answering.response);
        }
    }
}
