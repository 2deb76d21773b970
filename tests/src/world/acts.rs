//! What agents and the runner do.

use relay_mcp_core::{AgentRequest, Command, ExchangeId, Method, Reply, WriteState, WriteSummary};
use serde_json::{Value, json};

use super::judge::Asked;
use super::messages;
use super::plan::{Act, Poison};
use super::run::World;

impl Act {
    fn is_of_an_agent(&self) -> bool {
        match self {
            Self::Hello(_)
            | Self::Initialized(_)
            | Self::List(_)
            | Self::Read(_)
            | Self::Ping(_)
            | Self::Write { .. }
            | Self::Repeat(_)
            | Self::Stream(_)
            | Self::Listen(_)
            | Self::Delete(_) => true,
            Self::Leave(_)
            | Self::Context(_)
            | Self::Refresh
            | Self::Token
            | Self::RelayToken
            | Self::Menu
            | Self::Forget
            | Self::Outage(_)
            | Self::Silence(_)
            | Self::Restart(_)
            | Self::Notify
            | Self::FullDisk(_)
            | Self::Crash(_)
            | Self::Shutdown(_)
            | Self::Sleep(_)
            | Self::Stale(_)
            | Self::Retry(_)
            | Self::Discard(_) => false,
        }
    }
}

impl World {
    pub(super) fn act(&mut self, act: Act) {
        self.host.tell(&format!("{act:?}"));
        if self.is_draining && act.is_of_an_agent() {
            return;
        }
        match act {
            Act::Hello(agent) => {
                self.greet(agent);
            }
            Act::Initialized(agent) => {
                let request = messages::notification("notifications/initialized");
                self.send_in_session(agent, Asked::Other, request);
            }
            Act::List(agent) => {
                self.list(agent);
            }
            Act::Read(agent) => {
                self.read(agent);
            }
            Act::Ping(agent) => {
                self.ask(agent, Asked::Other, "ping", &json!({}));
            }
            Act::Write { agent, has_key, poison } => {
                self.write(agent, has_key, poison);
            }
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
            Act::FullDisk(millis) => self.full_until = self.host.now + u64::from(millis),
            Act::Crash(crash) => self.crash(crash),
            Act::Shutdown(clock) => self.shut_down(clock),
            Act::Sleep(millis) => self.host.now += u64::from(millis),
            Act::Stale(which) => self.host.hear_stale(which),
            Act::Retry(which) => self.retry(which),
            Act::Discard(which) => self.discard(which),
        }
    }

    pub(super) fn greet(&mut self, agent: usize) -> ExchangeId {
        if self.is_modern(agent) {
            return self.ask(agent, Asked::Other, "server/discover", &json!({}));
        }
        self.next_id += 1;
        let request = messages::initialize(self.next_id);
        self.send(agent, Asked::Hello, request)
    }

    pub(super) fn list(&mut self, agent: usize) -> ExchangeId {
        self.ask(agent, Asked::List, "tools/list", &json!({}))
    }

    pub(super) fn read(&mut self, agent: usize) -> ExchangeId {
        self.ask(agent, Asked::Other, "tools/call", &messages::tool("relay_read", &json!({})))
    }

    fn retry(&mut self, which: usize) {
        let dead = self.writes_in(|state| state == WriteState::Dead);
        if let Some(write) = nth(&dead, which) {
            self.last_event += 1;
            self.judge.made_again(&write.key, self.last_event);
            self.host.command(Command::RetryWrite(write.key.clone()));
        }
    }

    fn discard(&mut self, which: usize) {
        let all = self.writes_in(|_| true);
        if let Some(write) = nth(&all, which) {
            self.judge.discarded.insert(write.key.clone());
            self.host.command(Command::DiscardWrite(write.key.clone()));
        }
    }

    fn writes_in(&mut self, is: fn(WriteState) -> bool) -> Vec<WriteSummary> {
        let command = self.host.command(Command::ListOutbox);
        match self.host.replies.get(&command).cloned() {
            Some(Some(Reply::Outbox(writes))) => writes.into_iter().filter(|write| is(write.state)).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn write(&mut self, agent: usize, has_key: bool, poison: Poison) -> (u64, ExchangeId) {
        let number = self.judge.writes.len() as u64 + 1;
        let mut arguments = json!({ "n": number });
        if poison != Poison::None {
            arguments["poison"] = format!("{poison:?}").into();
        }
        if has_key {
            arguments["idempotencyKey"] = format!("key-{number}").into();
        }
        (number, self.send_write(agent, number, &arguments))
    }

    fn send_write(&mut self, agent: usize, number: u64, arguments: &Value) -> ExchangeId {
        let had_session = self.sessions[agent].is_some();
        self.last_event += 1;
        self.judge.made(number, agent, arguments, had_session, self.last_event);
        let params = messages::tool("relay_send_message", arguments);
        self.ask(agent, Asked::Write(number), "tools/call", &params)
    }

    pub(super) fn is_modern(&self, agent: usize) -> bool {
        self.plan.is_modern && agent % 2 == 1
    }

    fn ask(&mut self, agent: usize, asked: Asked, method: &str, params: &Value) -> ExchangeId {
        self.next_id += 1;
        let request = messages::request(self.is_modern(agent), self.next_id, method, params);
        self.send_in_session(agent, asked, request)
    }

    fn send_in_session(&mut self, agent: usize, asked: Asked, request: AgentRequest) -> ExchangeId {
        let request = messages::in_session(request, self.sessions[agent].as_deref());
        self.send(agent, asked, request)
    }

    fn send(&mut self, agent: usize, asked: Asked, request: AgentRequest) -> ExchangeId {
        let session = self.sessions[agent].clone();
        let viewer = if self.is_modern(agent) { None } else { Some(session) };
        let exchange = self.host.request(messages::with_secret(request));
        self.judge.asked(exchange, agent, asked, viewer);
        exchange
    }

    /// Opens a stream, of a legacy viewer's where `request` is a GET. The query tells it from others, here and
    /// at the relay.
    fn listen(&mut self, agent: usize, session: Option<String>, mut request: AgentRequest) {
        self.next_id += 1;
        let name = format!("stream={}", self.next_id);
        request.query = Some(name.clone());
        let viewer = (request.method == Method::Get).then_some(session);
        let exchange = self.host.request(messages::with_secret(request));
        self.upstreams.listens(name, exchange);
        self.judge.asked(exchange, agent, Asked::Stream, viewer);
    }
}

fn nth<T>(all: &[T], which: usize) -> Option<&T> {
    all.get(which % all.len().max(1))
}
