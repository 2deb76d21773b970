//! The machine: its state, and where each input goes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;

use crate::action::Action;
use crate::call::{Call, Held};
use crate::config::Config;
use crate::context::Context;
use crate::exchange::Exchange;
use crate::hello::Hellos;
use crate::ids::{CallId, ExchangeId};
use crate::input::Input;
use crate::machine::Machine;
use crate::map::Map;
use crate::menu::Menus;
use crate::observation::Observation;
use crate::outbox::{Lane, Outbox};
use crate::own_id::OwnIds;
use crate::random::Random;
use crate::record::Record;
use crate::recovery::{self, OpenError};
use crate::relay::Relay;
use crate::session::Sessions;
use crate::status::{Wakeup, Why};
use crate::stream::Streams;
use crate::time::Timestamp;
use crate::timers::Timers;
use crate::write_ahead::WriteAhead;

/// One agent's proxy: a pure state machine. See the [crate's page](crate) for how it is driven.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) now: Timestamp,
    pub(crate) actions: Vec<Action>,
    pub(crate) context: Context,
    pub(crate) exchanges: Map<ExchangeId, Exchange>,
    pub(crate) calls: Map<CallId, Box<Call>>,
    pub(crate) last_call: CallId,
    pub(crate) held: Held,
    pub(crate) own_ids: OwnIds,
    pub(crate) relay: Relay,
    pub(crate) hellos: Hellos,
    pub(crate) menus: Menus,
    pub(crate) sessions: Sessions,
    pub(crate) streams: Streams,
    pub(crate) lane: Lane,
    pub(crate) outbox: Outbox,
    pub(crate) ahead: WriteAhead,
    pub(crate) timers: Timers,
    pub(crate) draining: bool,
}

impl Proxy {
    /// Opens the machine with what the store holds. A first start is the recovery of nothing.
    ///
    /// `seed` makes the run: the same seed, records and inputs give the same actions. Step it with
    /// [`Input::Tick`] at once, so that what was queued is delivered without waiting for traffic (OUTBOX G14).
    ///
    /// # Errors
    /// When a record is not one of ours; nothing may be stored then.
    pub fn open(
        config: Config,
        seed: [u8; 32],
        now: Timestamp,
        records: Vec<Record>,
    ) -> Result<Self, OpenError> {
        let mut proxy = Self {
            context: config.context.clone(),
            random: Random::new(seed),
            now,
            actions: Vec::new(),
            exchanges: Map::default(),
            calls: Map::default(),
            last_call: CallId(0),
            held: Held::new(),
            own_ids: OwnIds::new(seed),
            relay: Relay::new(now),
            hellos: Hellos::default(),
            menus: Menus::default(),
            sessions: Sessions::default(),
            streams: Streams::default(),
            lane: Lane::default(),
            outbox: Outbox::new(config.limits, config.backoff, now),
            ahead: WriteAhead::default(),
            timers: Timers::default(),
            draining: false,
            config,
        };
        recovery::recover(&mut proxy, records)?;
        proxy.resume_delivery();
        Ok(proxy)
    }

    /// Takes one input and says what to do about it, in order. Total: no input is an error.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Action> {
        self.now = self.now.max(now);
        let is_told_first = matches!(input, Input::Passed { .. });
        match input {
            Input::Tick => {}
            Input::Request { exchange, request } => self.on_request(exchange, request),
            Input::AgentGone { exchange } => self.on_agent_gone(exchange),
            Input::RelayHead { call, head } => self.on_relay_head(call, &head),
            Input::Passed { call } => self.on_passed(call),
            Input::RelayChunk { call, bytes } => self.on_relay_chunk(call, &bytes),
            Input::RelayEnd { call } => self.on_relay_end(call),
            Input::RelayFailed { call, failure } => self.on_relay_failed(call, failure),
            Input::Durable { through } => self.on_durable(through),
            Input::StoreFailed { through, reason } => self.on_store_failed(through, &reason),
            Input::Command { command, request } => self.on_command(command, request),
        }
        // Of several calls that were passed on, none may be taken for late before the machine was told of all.
        while !is_told_first && let Some(why) = self.timers.due(self.now) {
            self.on_timer(why);
        }
        self.flush();
        core::mem::take(&mut self.actions)
    }

    /// When to step next even if nothing happens, and why.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Wakeup> {
        self.timers.next()
    }

    fn on_timer(&mut self, why: Why) {
        match why {
            Why::CallTimeout(call) => self.on_call_timeout(call),
            Why::Delivery => self.deliver_next(),
            Why::Probe => self.probe(),
            Why::Restart => self.give_up_held(),
            Why::Menu => self.fetch_known_menus(),
            Why::Upstream(stream) => self.open_upstream(stream),
            Why::Keepalive => self.keep_streams_alive(),
            Why::StoreRetry => self.ahead.retry(),
        }
    }

    /// Hands this step's changes to the store. They stand before the actions of later steps, and what must
    /// wait for them is held.
    fn flush(&mut self) {
        if let Some((ticket, changes)) = self.ahead.flush() {
            self.actions.push(Action::Persist { ticket, changes });
        }
    }

    pub(crate) fn observe(&mut self, observation: Observation) {
        self.actions.push(Action::Observe(observation));
    }
}

impl Machine for Proxy {
    type Fault = Infallible;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Infallible> {
        let mut actions = Vec::new();
        for input in inputs {
            let more = Self::step(self, now, input);
            // Nearly always there are some for one input only.
            if actions.is_empty() { actions = more } else { actions.extend(more) }
        }
        Ok(actions)
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        Self::next_wakeup(self)
    }
}
