//! The run of a plan, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use relay_mcp_core::{CallId, Command, Config, ExchangeId, Method, Reply, Sent, WriteState};
use serde_json::{Value, json};

use super::Disk;
use super::host::{Host, SentRequest};
use super::judge::{Asked, Judge};
use super::messages;
use super::plan::{Act, DiskTurn, Outcome, Plan, Poison};
use super::relay::{Relay, Response};
use super::upstream::Upstreams;

pub struct World {
    pub host: Host,
    pub relay: Relay,
    pub judge: Judge,
    pub plan: Plan,
    pub(super) upstreams: Upstreams,
    sessions: [Option<String>; AGENTS],
    events: BTreeMap<(u64, u64), Event>,
    /// How many batches the disk has yet to take.
    disk_turns: usize,
    last_event: u64,
    outcomes: VecDeque<Outcome>,
    disk: VecDeque<DiskTurn>,
    away_until: u64,
    silent_until: u64,
    last_call: CallId,
    next_id: u64,
}

/// How many agents there are.
pub(super) const AGENTS: usize = 4;

/// How long a connection on which nothing happens lives.
const DEAD_CONNECTION: u64 = 60_000;

#[derive(Clone, Debug)]
enum Event {
    Act(Act),
    Arrive(CallId),
    Head(CallId, Answering),
    Body(CallId, Answering),
    Fail(CallId),
    Disk(DiskTurn),
}

impl Event {
    fn setting_out(&self) -> Option<CallId> {
        match self {
            Self::Arrive(call) => Some(*call),
            Self::Act(_) | Self::Head(..) | Self::Body(..) | Self::Fail(_) | Self::Disk(_) => None,
        }
    }
}

/// How an answer goes out.
#[derive(Clone, Debug)]
struct Answering {
    response: Response,
    is_stream: bool,
    piece: usize,
    /// It is broken off in its middle.
    breaks: bool,
    retry_after: Option<u8>,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let mut config = Config::default();
        config.limits.outbox_entries = plan.room;
        let host = Host::open(config, [plan.seed; 32], 1_000_000, Disk::default());
        let mut world = Self {
            relay: Relay::new(plan.is_modern, plan.keeps_sessions, plan.has_streams),
            upstreams: Upstreams::default(),
            judge: Judge::default(),
            sessions: [const { None }; AGENTS],
            events: BTreeMap::new(),
            disk_turns: 0,
            last_event: 0,
            outcomes: plan.outcomes.iter().copied().collect(),
            disk: plan.disk.iter().copied().collect(),
            away_until: 0,
            silent_until: 0,
            last_call: CallId(0),
            next_id: 0,
            host,
            plan,
        };
        let mut at = 0;
        for (after, act) in world.plan.acts.clone() {
            at += u64::from(after);
            world.schedule(at, Event::Act(act));
        }
        world.host.tick();
        world
    }

    /// Runs the plan to its end, then lets all faults stop and everything come to rest.
    pub fn run(&mut self) {
        self.go_on();
        self.outcomes.clear();
        self.disk.clear();
        (self.away_until, self.silent_until) = (0, 0);
        self.relay.token = self.host.token;
        self.host.command(Command::TokenChanged);
        self.host.command(Command::Refresh);
        self.go_on();
        let until = self.host.now + 600_000;
        while self.host.now < until {
            let rest = self.host.wakeup().unwrap_or(until).min(until);
            self.host.now = rest.max(self.host.now);
            self.host.tick();
            self.look_around();
            self.go_on();
        }
        self.host.check_determinism();
    }

    /// Until nothing is scheduled any more.
    fn go_on(&mut self) {
        self.look_around();
        for _ in 0..100_000 + 1_000 * self.plan.acts.len() {
            let Some((&(at, _), _)) = self.events.first_key_value() else { return };
            match self.host.wakeup().filter(|wakeup| *wakeup < at) {
                Some(wakeup) => {
                    self.host.now = self.host.now.max(wakeup);
                    self.host.tick();
                }
                None => {
                    self.host.now = self.host.now.max(at);
                    let (_, event) = self.events.pop_first().unwrap();
                    self.happen(event);
                }
            }
            self.look_around();
        }
        panic!("the world does not come to rest");
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.last_event += 1;
        self.events.insert((self.host.now + after, self.last_event), event);
    }

    /// What the last step began: calls set out, batches wait for the disk, answers reached their agents.
    fn look_around(&mut self) {
        let new: Vec<CallId> =
            self.host.calls.keys().copied().filter(|call| *call > self.last_call).collect();
        for call in new {
            self.last_call = call;
            self.schedule(1, Event::Arrive(call));
        }
        while self.disk_turns < self.host.disk.pending() {
            self.disk_turns += 1;
            let turn = self.disk.pop_front().unwrap_or(DiskTurn::Stores { after: 1, all: false });
            let (DiskTurn::Stores { after, .. } | DiskTurn::Fails { after }) = turn;
            self.schedule(u64::from(after), Event::Disk(turn));
        }
        let hellos = self.judge.look(&self.host, &self.relay);
        self.host.answered.clear();
        for (exchange, agent) in hellos {
            let known = &self.host.exchanges[&exchange];
            match known.status {
                200 => self.sessions[agent] = known.header("mcp-session-id").map(String::from),
                _ => self.sessions[agent] = None,
            }
        }
    }

    fn happen(&mut self, event: Event) {
        self.disk_turns -= usize::from(matches!(event, Event::Disk(_)));
        match event {
            Event::Act(act) => self.act(act),
            Event::Arrive(call) => self.arrive(call),
            Event::Head(call, answering) => self.begin_to_answer(call, answering),
            Event::Body(call, answering) => self.answer(call, &answering),
            Event::Fail(call) => self.host.fail(call, Sent::Unknown, "connection reset"),
            Event::Disk(DiskTurn::Stores { all, .. }) => self.host.store(if all { usize::MAX } else { 1 }),
            Event::Disk(DiskTurn::Fails { .. }) => self.host.lose(1),
        }
    }

    /// A call reaches the relay, or does not.
    fn arrive(&mut self, call: CallId) {
        let Some(request) = self.host.calls.get(&call).map(|call| call.request.clone()) else { return };
        if self.host.now < self.away_until {
            return self.host.fail(call, Sent::No, "connection refused");
        }
        if self.host.now < self.silent_until {
            return self.schedule(DEAD_CONNECTION, Event::Fail(call));
        }
        let calm = Outcome::Well { is_stream: false, piece: 1 << 20 };
        let mut answering = Answering {
            response: Response::default(),
            is_stream: false,
            piece: 1 << 20,
            breaks: false,
            retry_after: None,
        };
        let mut after = 1;
        match self.outcomes.pop_front().unwrap_or(calm) {
            Outcome::Refused => return self.host.fail(call, Sent::No, "connection refused"),
            Outcome::Hang { is_done } => {
                self.do_if(is_done, &request);
                return self.schedule(DEAD_CONNECTION, Event::Fail(call));
            }
            Outcome::Lost { has_head: false } => {
                self.relay.handle(&request);
                return self.schedule(1, Event::Fail(call));
            }
            Outcome::Lost { has_head: true } => {
                answering.response = self.relay.handle(&request);
                answering.breaks = true;
            }
            Outcome::Well { is_stream, piece } => {
                answering.response = self.relay.handle(&request);
                (answering.is_stream, answering.piece) = (is_stream, piece.max(1));
            }
            Outcome::Slow(millis) => {
                answering.response = self.relay.handle(&request);
                after += u64::from(millis);
            }
            Outcome::Gateway { is_done, retry_after } => {
                self.do_if(is_done, &request);
                answering.response.status = 502 + self.host.now as u16 % 3;
                answering.retry_after = retry_after;
            }
            Outcome::Busy(seconds) => {
                answering.response.status = 429;
                answering.retry_after = Some(seconds);
            }
            Outcome::Broken => answering.response.status = 500,
            Outcome::Forgets => {
                self.relay.forget_sessions();
                answering.response = self.relay.handle(&request);
            }
        }
        self.schedule(after, Event::Head(call, answering));
    }

    fn do_if(&mut self, is_done: bool, request: &SentRequest) {
        if is_done {
            self.relay.handle(request);
        }
    }

    fn begin_to_answer(&mut self, call: CallId, answering: Answering) {
        let response = &answering.response;
        let kind =
            if streams(&answering) || response.is_open { "text/event-stream" } else { "application/json" };
        let retry_after = answering.retry_after.map(|seconds| seconds.to_string());
        let mut headers = vec![("content-type", kind)];
        headers.extend(response.session.as_deref().map(|session| ("mcp-session-id", session)));
        headers.extend(retry_after.as_deref().map(|seconds| ("retry-after", seconds)));
        if self.host.head(call, response.status, &headers) {
            match response.is_open && !answering.breaks {
                true => self.open_upstream(call),
                false => self.schedule(1, Event::Body(call, answering)),
            }
        }
    }

    fn answer(&mut self, call: CallId, answering: &Answering) {
        let Some(known) = self.host.calls.get(&call) else { return };
        let request = known.request.clone();
        let body = body_of(answering);
        let end = if answering.breaks { body.len() / 2 } else { body.len() };
        if !answering.breaks {
            self.judge.relayed(&request, &answering.response);
        }
        for piece in body[..end].chunks(answering.piece) {
            self.host.chunk(call, piece);
        }
        if answering.breaks {
            return self.host.fail(call, Sent::Unknown, "connection reset");
        }
        self.host.end(call);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Hello(agent) if self.is_modern(agent) => {
                self.ask(agent, Asked::Other, "server/discover", &json!({}));
            }
            Act::Hello(agent) => {
                self.next_id += 1;
                let request = messages::initialize(self.next_id);
                self.send(agent, Asked::Hello, request);
            }
            Act::Initialized(agent) => {
                let request = messages::notification("notifications/initialized");
                self.send_in_session(agent, Asked::Other, request);
            }
            Act::List(agent) => self.ask(agent, Asked::List, "tools/list", &json!({})),
            Act::Read(agent) => {
                self.ask(agent, Asked::Other, "tools/call", &messages::tool("relay_read", &json!({})));
            }
            Act::Ping(agent) => self.ask(agent, Asked::Other, "ping", &json!({})),
            Act::Write { agent, has_key, poison } => self.write(agent, has_key, poison),
            Act::Repeat(which) => {
                let Some((number, agent)) = self.judge.nth_keyed(which) else { return };
                let arguments = self.judge.writes[&number].arguments.clone();
                self.send_write(agent, number, &arguments);
            }
            Act::Stream(agent) => {
                let session = self.sessions[agent].clone();
                let request = messages::get(session.as_deref());
                self.listen(agent, session, request);
            }
            Act::Listen(agent) if self.is_modern(agent) => {
                let filter = json!({ "notifications": { "toolsListChanged": true } });
                self.next_id += 1;
                self.listen(agent, None, messages::modern(self.next_id, "subscriptions/listen", &filter));
            }
            Act::Listen(_) => {}
            Act::Delete(agent) => {
                if let Some(session) = self.sessions[agent].take() {
                    self.judge.ended(&session);
                    self.send(agent, Asked::Other, messages::delete(&session));
                }
            }
            Act::Leave(which) => {
                let open: Vec<_> = self.judge.open().collect();
                if !open.is_empty() {
                    self.host.leave(open[which % open.len()]);
                }
            }
            Act::Context(value) => {
                self.judge.is_isolated = value;
                self.host.command(Command::SetContext(vec![("isolatedWorktree".into(), value)]));
            }
            Act::Refresh => {
                self.host.command(Command::Refresh);
            }
            Act::Token => {
                self.host.token += 1;
                self.host.command(Command::TokenChanged);
            }
            Act::RelayToken => self.relay.token = self.host.token,
            Act::Menu => {
                self.relay.menu_version += 1;
                self.tell_upstreams_of_the_menu();
            }
            Act::Notify => self.tell_upstreams(),
            Act::Forget => self.relay.forget_sessions(),
            Act::Outage(millis) => self.away_until = self.host.now + u64::from(millis),
            Act::Silence(millis) => self.silent_until = self.host.now + u64::from(millis),
            Act::Restart(millis) => self.restart(millis),
            Act::Crash(kept) => self.crash(kept),
            Act::Retry(which) => self.retry(which),
        }
    }

    /// The relay's connections break: what had reached it gets no answer, what comes now finds nobody.
    fn restart(&mut self, millis: u16) {
        self.relay.forget_sessions();
        self.away_until = self.host.now + u64::from(millis);
        let setting_out: BTreeSet<CallId> = self.events.values().filter_map(Event::setting_out).collect();
        let calls: Vec<CallId> = self.host.calls.keys().copied().collect();
        for call in calls.into_iter().filter(|call| *call <= self.last_call && !setting_out.contains(call)) {
            self.host.fail(call, Sent::Unknown, "connection reset");
        }
    }

    fn crash(&mut self, kept: usize) {
        self.host.check_determinism();
        self.events.retain(|_, event| matches!(event, Event::Act(_)));
        self.disk_turns = 0;
        self.last_call = CallId(0);
        self.upstreams = Upstreams::default();
        self.host.crash(kept);
        self.judge.crashed(&self.host.disk);
    }

    fn retry(&mut self, which: usize) {
        let command = self.host.command(Command::ListOutbox);
        let Some(Some(Reply::Outbox(writes))) = self.host.replies.get(&command).cloned() else { return };
        let dead: Vec<_> = writes.into_iter().filter(|write| write.state == WriteState::Dead).collect();
        if !dead.is_empty() {
            self.host.command(Command::RetryWrite(dead[which % dead.len()].key.clone()));
        }
    }

    fn write(&mut self, agent: usize, has_key: bool, poison: Poison) {
        let number = self.judge.writes.len() as u64 + 1;
        let mut arguments = json!({ "n": number });
        if poison != Poison::None {
            arguments["poison"] = format!("{poison:?}").into();
        }
        if has_key {
            arguments["idempotencyKey"] = format!("key-{number}").into();
        }
        self.send_write(agent, number, &arguments);
    }

    fn send_write(&mut self, agent: usize, number: u64, arguments: &Value) {
        let had_session = self.sessions[agent].is_some();
        self.last_event += 1;
        self.judge.made(number, agent, arguments, had_session, self.last_event);
        let params = messages::tool("relay_send_message", arguments);
        self.ask(agent, Asked::Write(number), "tools/call", &params);
    }

    fn is_modern(&self, agent: usize) -> bool {
        self.plan.is_modern && agent % 2 == 1
    }

    fn ask(&mut self, agent: usize, asked: Asked, method: &str, params: &Value) {
        self.next_id += 1;
        let request = messages::request(self.is_modern(agent), self.next_id, method, params);
        self.send_in_session(agent, asked, request);
    }

    fn send_in_session(&mut self, agent: usize, asked: Asked, request: relay_mcp_core::AgentRequest) {
        let request = messages::in_session(request, self.sessions[agent].as_deref());
        self.send(agent, asked, request);
    }

    fn send(&mut self, agent: usize, asked: Asked, request: relay_mcp_core::AgentRequest) {
        let session = self.sessions[agent].clone();
        let viewer = if self.is_modern(agent) { None } else { Some(session) };
        let exchange = self.host.request(request);
        self.judge.asked(exchange, agent, asked, viewer);
    }

    /// Opens a stream, of a legacy viewer's where `request` is a GET. The query tells it from others, here and
    /// at the relay.
    fn listen(&mut self, agent: usize, session: Option<String>, mut request: relay_mcp_core::AgentRequest) {
        self.next_id += 1;
        let name = format!("stream={}", self.next_id);
        request.query = Some(name.clone());
        let viewer = (request.method == Method::Get).then_some(session);
        let exchange = self.host.request(request);
        self.upstreams.listens(name, exchange);
        self.judge.asked(exchange, agent, Asked::Stream, viewer);
    }

    /// The exchanges, other than event streams, that had no last action.
    pub fn unanswered(&self) -> Vec<ExchangeId> {
        let open = self.judge.open();
        open.filter(|exchange| self.judge.kind(*exchange) != Asked::Stream).collect()
    }
}

fn streams(answering: &Answering) -> bool {
    answering.is_stream && answering.response.status == 200 && answering.response.body["id"] != Value::Null
}

/// The bytes of an answer; as events, with some that are not the response.
fn body_of(answering: &Answering) -> Vec<u8> {
    let body = &answering.response.body;
    if body.is_null() {
        return Vec::new();
    }
    if !streams(answering) {
        return body.to_string().into_bytes();
    }
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
    format!(": hi\n\nid: 1\ndata: \n\ndata: {notification}\n\nid: 2\r\ndata: {body}\r\n\r\n").into_bytes()
}
