//! The runner's commands (B-8.1), and what becomes of stored changes.

use alloc::string::{String, ToString};

use crate::action::Action;
use crate::ids::{CommandId, Ticket};
use crate::input::Command;
use crate::menu::{Rules, divided};
use crate::observation::Observation;
use crate::outbox::Place;
use crate::proxy::Proxy;
use crate::status::{Reply, Status, ToolsStatus, Why, WriteState};
use crate::write_ahead::Held;

/// How long the store is left alone after it failed.
const STORE_RETRY: core::time::Duration = core::time::Duration::from_secs(1);

impl Proxy {
    pub(crate) fn on_command(&mut self, command: CommandId, request: Command) {
        match request {
            Command::SetContext(flags) => {
                self.context.extend(flags);
                self.tell_changes();
                self.reply(command, Reply::Done);
            }
            Command::Refresh => self.refresh(command),
            Command::TokenChanged => {
                self.unpause_delivery();
                self.hurry_upstreams();
                self.hurry_fetch();
                self.reply(command, Reply::Done);
            }
            Command::Status => {
                let status = self.status();
                self.reply(command, Reply::Status(status));
            }
            Command::ListOutbox => {
                let writes = self.outbox.entries().map(|entry| entry.summary()).collect();
                self.reply(command, Reply::Outbox(writes));
            }
            Command::ShowWrite(key) => {
                let entry = self.outbox.place_of(&key).and_then(|place| self.outbox.get(place));
                let reply = entry.map_or(Reply::UnknownWrite, |entry| Reply::Write(entry.detail()));
                self.reply(command, reply);
            }
            Command::RetryWrite(key) => self.with_write(command, &key, Self::retry_write),
            Command::DiscardWrite(key) => self.with_write(command, &key, Self::discard_write),
            Command::Drain => {
                self.draining = true;
                self.end_streams();
                self.timers.clear(Why::Delivery);
                self.timers.clear(Why::Probe);
                self.reply(command, Reply::Done);
            }
        }
    }

    pub(crate) fn reply(&mut self, command: CommandId, reply: Reply) {
        self.actions.push(Action::Reply { command, reply });
    }

    fn with_write(&mut self, command: CommandId, key: &str, act: fn(&mut Self, CommandId, Place)) {
        match self.outbox.place_of(key) {
            Some(place) => act(self, command, place),
            None => self.reply(command, Reply::UnknownWrite),
        }
    }

    /// A dead letter is queued again; a write that waits is tried now.
    fn retry_write(&mut self, command: CommandId, place: Place) {
        if self.outbox.get(place).is_some_and(|entry| entry.state == WriteState::Dead) {
            self.queue_again(place, None);
            return self.ahead.hold(Held::Reply(command, Reply::Done));
        }
        self.timers.clear(Why::Delivery);
        self.deliver_next();
        self.reply(command, Reply::Done);
    }

    fn discard_write(&mut self, command: CommandId, place: Place) {
        if !self.outbox.get(place).is_some_and(|entry| entry.is_durable) {
            return self.reply(command, Reply::Refused("the write is being stored: try again".to_string()));
        }
        self.discard(place);
        self.ahead.hold(Held::Reply(command, Reply::Done));
        self.deliver_next();
        self.send_next_write();
    }

    fn status(&self) -> Status {
        let rules = Rules::new(&self.config, &self.context);
        let (visible, hidden) = divided(self.menus.latest(), &rules);
        Status {
            relay: self.relay.status(self.now),
            outbox: self.outbox.status(self.now),
            streams: self.streams.count(),
            sessions: self.sessions.count(),
            context: self.context.clone(),
            tools: ToolsStatus { visible, hidden },
        }
    }

    pub(crate) fn on_durable(&mut self, through: Ticket) {
        let (held, _) = self.ahead.settle(through);
        for held in held {
            match held {
                Held::Receipts(place) => self.on_write_durable(place),
                Held::Reply(command, reply) => self.reply(command, reply),
                Held::Answer(action) => self.actions.push(action),
            }
        }
        self.on_shown(through);
    }

    /// The store refused some batches: writes among them are not accepted (OUTBOX G12), everything else is
    /// written again until it sticks.
    pub(crate) fn on_store_failed(&mut self, through: Ticket, reason: &str) {
        let (held, changes) = self.ahead.settle(through);
        self.observe(Observation::StoreFailed { reason: reason.into() });
        changes.into_iter().for_each(|change| self.ahead.refuse(change));
        for held in held {
            match held {
                Held::Receipts(place) => self.on_write_not_durable(place, reason),
                Held::Reply(command, _) => {
                    let sentence: String = alloc::format!("the store did not take the change: {reason}");
                    self.reply(command, Reply::Refused(sentence));
                }
                Held::Answer(action) => self.actions.push(action),
            }
        }
        self.on_shown(through);
        if self.ahead.has_refused() {
            self.timers.set(Why::StoreRetry, self.now + STORE_RETRY);
        }
    }
}
