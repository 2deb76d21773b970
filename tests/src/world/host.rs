//! A host in memory: does what the machine says, in order, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use relay_mcp_core::headers::{self, Header, concerning_answer, concerning_request};
use relay_mcp_core::{
    Action, AgentRequest, CallId, Command, CommandId, Config, ExchangeId, Input, Machine, Method,
    Observation, Proxy, Record, RelayHead, Reply, Timestamp,
};

use super::Disk;
use super::pace::Pace;
use crate::trace;

/// When every world begins.
const BEGIN: u64 = 1_000_000;

#[derive(Clone)]
pub struct Host {
    pub proxy: Proxy,
    pub now: u64,
    pub disk: Disk,
    /// The runner's token at this moment, as a number.
    pub token: u32,
    pub exchanges: BTreeMap<ExchangeId, Exchange>,
    /// The calls under way.
    pub calls: BTreeMap<CallId, Call>,
    /// The heads of the answers that were read, for those who answer under them.
    pub(super) heads: BTreeMap<CallId, RelayHead>,
    /// The exchanges that were answered whole, in the order in which they were.
    pub(super) answered: Vec<ExchangeId>,
    /// Calls whose answer was read to its end; the machine has yet to let their heads go.
    pub ended: BTreeSet<CallId>,
    pub replies: BTreeMap<CommandId, Option<Reply>>,
    pub observed: Vec<Observation>,
    pub history: Vec<Step>,
    /// The lives before this one.
    past: Vec<(Opened, Vec<Step>)>,
    /// Gets every event in a line.
    pub teller: Option<fn(&str)>,
    /// Whether plain answers are passed on without asking the machine.
    pub passes: bool,
    /// What it is yet to be told of those.
    pub(super) passed: Vec<CallId>,
    /// After how many steps the machine dies, and how many actions of the step after those are done.
    pub(super) fuse: Option<(u8, u8)>,
    /// The machine has died: nothing that happens reaches it, and it does nothing.
    pub(super) is_dead: bool,
    pub(super) pace: Pace,
    pub(super) last_call: CallId,
    pub(super) last_ticket: Option<relay_mcp_core::Ticket>,
    last_exchange: u64,
    last_command: u64,
    opened: Opened,
}

/// One step of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub now: Timestamp,
    pub input: Input,
    pub actions: Vec<Action>,
}

/// What the machine was opened with.
#[derive(Clone)]
struct Opened {
    config: Config,
    seed: [u8; 32],
    now: Timestamp,
    records: Vec<Record>,
}

/// A request of the agent and what it got.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: AgentRequest,
    pub stage: Stage,
    pub is_gone: bool,
    pub status: u16,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Waiting,
    Begun,
    /// The relay's answer flows straight to the agent.
    Spliced,
    Over,
    Broken,
}

/// A call under way.
#[derive(Clone, Debug)]
pub struct Call {
    pub request: SentRequest,
    pub stage: CallStage,
    /// Whom a plain answer is for.
    pub pass_to: Option<ExchangeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    Sent,
    /// Its head came in this step.
    Headed,
    Reading,
    Spliced(ExchangeId),
    /// The same, without asking the machine.
    Passed(ExchangeId),
}

/// A request to the relay as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    pub method: Method,
    pub query: Option<String>,
    pub headers: Vec<Header>,
    pub body: Bytes,
    pub token: u32,
}

impl SentRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::value(&self.headers, name)
    }

    /// The body; null where it is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn rpc_method(&self) -> String {
        self.json()["method"].as_str().unwrap_or_default().into()
    }

    /// Whether it calls the tool that writes.
    pub fn is_write(&self) -> bool {
        // Most say nothing of it, and need not be taken apart.
        let names_it = std::str::from_utf8(&self.body).is_ok_and(|text| text.contains("relay_send_message"));
        names_it && {
            let call = self.json();
            let is_call = call["method"] == "tools/call" && call.get("id").is_some();
            is_call && call["params"]["name"] == "relay_send_message"
        }
    }

    /// The id of a request of the proxy's own.
    pub fn own_id(&self) -> Option<String> {
        let id = self.json()["id"].as_str()?.to_owned();
        id.starts_with("relay-mcp-proxy").then_some(id)
    }
}

impl Exchange {
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Begun)
    }
}

impl Host {
    pub fn new(config: Config) -> Self {
        Self::open(config, [7; 32], BEGIN, Disk::default())
    }

    pub fn open(config: Config, seed: [u8; 32], now: u64, disk: Disk) -> Self {
        let opened = Opened { config, seed, now: Timestamp(now), records: disk.records() };
        let proxy = Proxy::open(opened.config.clone(), seed, opened.now, opened.records.clone()).unwrap();
        Self {
            proxy,
            now,
            disk,
            token: 1,
            exchanges: BTreeMap::new(),
            calls: BTreeMap::new(),
            heads: BTreeMap::new(),
            answered: Vec::new(),
            ended: BTreeSet::new(),
            replies: BTreeMap::new(),
            observed: Vec::new(),
            history: Vec::new(),
            past: Vec::new(),
            teller: None,
            passes: false,
            passed: Vec::new(),
            fuse: None,
            is_dead: false,
            pace: Pace::default(),
            last_call: CallId(0),
            last_ticket: None,
            last_exchange: 0,
            last_command: 0,
            opened,
        }
    }

    /// Dies and is started again. The oldest `kept` batches that were not acknowledged had made it to disk.
    /// The exchanges that were open are broken off.
    pub fn crash(&mut self, kept: usize) {
        self.disk.crash(kept);
        let mut seed = self.opened.seed;
        seed[0] = seed[0].wrapping_add(1);
        let mut next = Self::open(self.opened.config.clone(), seed, self.now, self.disk.clone());
        next.token = self.token;
        (next.teller, next.passes) = (self.teller, self.passes);
        next.past = std::mem::take(&mut self.past);
        next.past.push((self.opened.clone(), std::mem::take(&mut self.history)));
        next.tell("the proxy is started again");
        next.last_exchange = self.last_exchange;
        next.last_command = self.last_command;
        next.exchanges = std::mem::take(&mut self.exchanges);
        for exchange in next.exchanges.values_mut().filter(|known| known.stage != Stage::Over) {
            exchange.stage = Stage::Broken;
        }
        *self = next;
        self.tick();
    }

    /// Steps the machine with what happened, after what was passed on since the last step.
    pub fn step(&mut self, input: Input) -> Vec<Action> {
        for call in std::mem::take(&mut self.passed) {
            self.step_one(Input::Passed { call });
        }
        self.step_one(input)
    }

    /// Steps the machine, does what it says, and checks the contract.
    fn step_one(&mut self, input: Input) -> Vec<Action> {
        if self.is_dead {
            return Vec::new();
        }
        let is_head = self.check_input(&input);
        let now = Timestamp(self.now);
        let actions = self.proxy.step(now, input.clone());
        self.history.push(Step { now, input: input.clone(), actions: actions.clone() });
        let lives_for = self.burn();
        self.tell_step();
        for action in actions.iter().take(lives_for.unwrap_or(usize::MAX)) {
            self.perform(action);
        }
        if lives_for.is_some() {
            self.is_dead = true;
            return Vec::new();
        }
        self.check_step(&input, &actions, is_head);
        actions
    }

    /// One step less to live. How many actions of this one are done, if it is the last.
    fn burn(&mut self) -> Option<usize> {
        let (steps, actions) = self.fuse?;
        match steps.checked_sub(1) {
            Some(left) => {
                self.fuse = Some((left, actions));
                None
            }
            None => {
                self.tell(&format!("the proxy dies after {actions} of these actions"));
                Some(usize::from(actions))
            }
        }
    }

    /// Runs all of this life's inputs through a second machine: the actions must be the same (B-9.7).
    pub fn check_determinism(&self) {
        let open = |config, seed, now, records| Proxy::open(config, seed, now, records).unwrap();
        check_life(&self.opened, &self.history, open);
    }

    /// Runs the inputs of all lives through machines of another engine, which must not be told from these.
    pub fn check_equality<M: Machine>(&self, open: impl Fn(Config, [u8; 32], Timestamp, Vec<Record>) -> M) {
        for (opened, history) in &self.past {
            check_life(opened, history, &open);
        }
        check_life(&self.opened, &self.history, &open);
    }

    /// How many lives there were, how many steps in them, and how many milliseconds they lasted.
    pub fn amount(&self) -> (u64, u64, u64) {
        let this = std::iter::once((&self.opened, &self.history));
        let lives = self.past.iter().map(|(opened, history)| (opened, history)).chain(this);
        lives.fold((0, 0, 0), |(lives, steps, millis), (opened, history)| {
            let lasted = history.last().map_or(0, |step| step.now.0.saturating_sub(opened.now.0));
            (lives + 1, steps + history.len() as u64, millis + lasted)
        })
    }

    /// Tells something, if anybody listens.
    pub(super) fn tell(&self, what: &str) {
        if let Some(teller) = self.teller {
            let at = Duration::from_millis(self.now.saturating_sub(self.opened.now.0));
            teller(&format!("{at:>10?}  {what}"));
        }
    }

    fn tell_step(&self) {
        let Some(step) = self.history.last().filter(|_| self.teller.is_some()) else { return };
        trace::lines(step).iter().for_each(|line| self.tell(line));
    }

    pub fn tick(&mut self) -> Vec<Action> {
        self.step(Input::Tick)
    }

    pub fn wakeup(&self) -> Option<u64> {
        self.proxy.next_wakeup().map(|wakeup| wakeup.at.0)
    }

    pub fn request(&mut self, request: AgentRequest) -> ExchangeId {
        self.last_exchange += 1;
        let exchange = ExchangeId(self.last_exchange);
        let known = Exchange {
            request: request.clone(),
            stage: Stage::Waiting,
            is_gone: false,
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
        };
        self.exchanges.insert(exchange, known);
        let mut request = request;
        request.headers.retain(|header| concerning_request(&header.name).is_some());
        self.step(Input::Request { exchange, request });
        exchange
    }

    /// The agent goes away, unless its answer has been handed over already.
    pub fn leave(&mut self, exchange: ExchangeId) {
        let Some(known) = self.exchanges.get_mut(&exchange) else { return };
        known.is_gone = true;
        if known.is_open() {
            self.step(Input::AgentGone { exchange });
        }
    }

    pub fn command(&mut self, request: Command) -> CommandId {
        self.last_command += 1;
        let command = CommandId(self.last_command);
        self.replies.insert(command, None);
        self.step(Input::Command { command, request });
        command
    }

    /// The relay begins to answer, unless the call was cancelled. Whether it goes on to be read or spliced.
    pub fn head(&mut self, call: CallId, status: u16, response_headers: &[(&str, &str)]) -> bool {
        let Some(known) = self.calls.get(&call) else { return false };
        let token_changed = matches!(status, 401 | 403) && known.request.token != self.token;
        let headers: Vec<Header> =
            response_headers.iter().map(|(name, value)| Header::new((*name).to_owned(), *value)).collect();
        let concerning =
            headers.iter().filter(|header| concerning_answer(&header.name).is_some()).cloned().collect();
        let head = RelayHead { status, headers, token_changed };
        self.heads.insert(call, head.clone());
        if self.passes && self.pass_on(call) {
            return true;
        }
        self.step(Input::RelayHead { call, head: RelayHead { headers: concerning, ..head } });
        self.calls.contains_key(&call)
    }

    /// A piece of the relay's answer, for whoever reads it.
    pub fn chunk(&mut self, call: CallId, bytes: &[u8]) {
        match self.calls.get(&call).map(|call| call.stage).filter(|_| !self.is_dead) {
            Some(CallStage::Reading) => {
                self.step(Input::RelayChunk { call, bytes: Bytes::copy_from_slice(bytes) });
            }
            Some(CallStage::Spliced(exchange) | CallStage::Passed(exchange)) => {
                self.exchanges.get_mut(&exchange).unwrap().body.extend_from_slice(bytes);
            }
            Some(CallStage::Sent | CallStage::Headed) => panic!("a body before the head"),
            None => {}
        }
    }

    /// The relay's answer is complete.
    pub fn end(&mut self, call: CallId) {
        if self.calls.contains_key(&call) && !self.is_dead && self.tells_of_end(call, Stage::Over) {
            self.step(Input::RelayEnd { call });
        }
    }

    pub fn fail(&mut self, call: CallId, sent: relay_mcp_core::Sent, reason: &str) {
        if self.calls.contains_key(&call) && !self.is_dead && self.tells_of_end(call, Stage::Broken) {
            let failure = relay_mcp_core::RelayFailure { sent, reason: reason.into() };
            self.step(Input::RelayFailed { call, failure });
        }
    }

    /// The oldest batches become durable, and the machine is told.
    pub fn store(&mut self, count: usize) {
        if let Some(through) = self.disk.store(count) {
            self.step(Input::Durable { through });
        }
    }

    /// The oldest batches are lost, and the machine is told.
    pub fn lose(&mut self, count: usize) {
        if let Some(through) = self.disk.lose(count) {
            self.step(Input::StoreFailed { through, reason: "disk full".into() });
        }
    }
}

fn check_life<M: Machine>(
    opened: &Opened,
    history: &[Step],
    open: impl Fn(Config, [u8; 32], Timestamp, Vec<Record>) -> M,
) {
    let Opened { config, seed, now, records } = opened;
    let mut again = open(config.clone(), *seed, *now, records.clone());
    // What was passed on comes with the input behind it.
    let is_told_first = |step: &Step| matches!(step.input, Input::Passed { .. });
    for steps in history.split_inclusive(|step| !is_told_first(step)) {
        let Some(last) = steps.last().filter(|step| !is_told_first(step)) else { break };
        let inputs = steps.iter().map(|step| step.input.clone()).collect();
        let actions = match again.step(last.now, inputs) {
            Ok(actions) => actions,
            Err(fault) => panic!("B-9.7: {fault}, at {:?}", last.input),
        };
        let expected: Vec<_> = steps.iter().flat_map(|step| step.actions.clone()).collect();
        assert!(actions == expected, "B-9.7: {:?}: {actions:?}, not {expected:?}", last.input);
    }
}
