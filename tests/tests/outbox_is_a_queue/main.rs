//! The outbox against a model of it: after every transition both hold the same writes in the same order, have
//! the same one before the relay, and have told every agent the same (B-5.4 to B-5.8).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod model;

use model::{Fate, Model, Outcome, Transition};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use relay_mcp_core::{CallId, Command, Config, ExchangeId, Sent, WriteState};
use relay_mcp_tests::world::messages::keyed_write;
use relay_mcp_tests::world::{Host, Stage};
use serde_json::json;

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Transition> {
        let outcome = prop_oneof![
            4 => Just(Outcome::Done),
            3 => Just(Outcome::Away),
            2 => Just(Outcome::Rejected),
            1 => Just(Outcome::Unauthorized),
            1 => Just(Outcome::Busy),
        ];
        let items = state.writes().len().max(1);
        prop_oneof![
            6 => Just(Transition::Write),
            3 => (0..state.keys.max(1)).prop_map(Transition::Repeat),
            8 => outcome.prop_map(Transition::Outcome),
            4 => prop::bool::weighted(0.8).prop_map(Transition::Disk),
            3 => Just(Transition::Wait),
            1 => Just(Transition::Token),
            2 => (0..items).prop_map(Transition::Retry),
            1 => (0..items).prop_map(Transition::Discard),
        ]
        .boxed()
    }

    fn preconditions(state: &Self, transition: &Transition) -> bool {
        state.can(transition)
    }

    fn apply(mut state: Self, transition: &Transition) -> Self {
        Model::apply(&mut state, transition);
        state
    }
}

struct Machine {
    host: Host,
    exchanges: Vec<ExchangeId>,
}

impl Machine {
    fn ask(&mut self, key: usize) {
        let key = format!("k{key}");
        let write = keyed_write(self.exchanges.len() as u64, &key, &key);
        self.exchanges.push(self.host.request(write));
    }

    /// The call that is a write, and its key.
    fn before_relay(&self) -> Option<(CallId, usize)> {
        let mut writes = self.host.calls.iter().filter_map(|(call, known)| {
            let key = known.request.json()["params"]["arguments"]["idempotencyKey"].clone();
            Some((*call, key.as_str()?.trim_start_matches('k').parse().unwrap()))
        });
        let first = writes.next();
        assert_eq!(writes.next(), None, "one at a time");
        first
    }

    fn outcome(&mut self, outcome: Outcome) {
        let (call, _) = self.before_relay().unwrap();
        let wait = [("retry-after", "1")];
        match outcome {
            Outcome::Done => {
                let id = self.host.calls[&call].request.json()["id"].clone();
                let body = json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } });
                self.host.answer_call(call, 200, &[], &body.to_string());
            }
            Outcome::Away => self.host.answer_call(call, 503, &wait, ""),
            Outcome::Rejected => self.host.answer_call(call, 400, &[], "{}"),
            Outcome::Unauthorized => self.host.answer_call(call, 401, &[], ""),
            Outcome::Busy => self.host.answer_call(call, 429, &wait, ""),
        }
    }

    /// Time passes until a write is before the relay; whoever asks whether it is back hears nothing.
    fn wait(&mut self) {
        let until = self.host.now + 100_000;
        while self.before_relay().is_none() {
            assert!(self.host.now < until, "the queue is tried again");
            self.host.pass_to_wakeup();
            for call in self.host.unanswered() {
                if self.host.calls[&call].request.rpc_method() != "tools/call" {
                    self.host.fail(call, Sent::No, "connection refused");
                }
            }
        }
    }

    fn nth(&mut self, which: usize) -> String {
        self.writes().remove(which).0
    }

    fn writes(&mut self) -> Vec<(String, WriteState)> {
        // Not through `Host::writes`, which would settle the disk.
        let command = self.host.command(Command::ListOutbox);
        match self.host.replies[&command].clone() {
            Some(relay_mcp_core::Reply::Outbox(writes)) => {
                writes.into_iter().map(|write| (write.key, write.state)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn fate(&self, exchange: ExchangeId) -> Fate {
        let known = &self.host.exchanges[&exchange];
        if known.stage == Stage::Waiting {
            return Fate::Waits;
        }
        let answer = match known.body.is_empty() {
            true => return Fate::Answer,
            false => known.json(),
        };
        match answer["error"]["code"].as_i64() {
            Some(-31003) => Fate::NotStored,
            _ if answer["result"]["structuredContent"]["queued"] == true => Fate::Receipt,
            _ => Fate::Answer,
        }
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        Self { host: Host::new(Config::default()), exchanges: Vec::new() }
    }

    fn apply(mut machine: Self, model: &Model, transition: Transition) -> Self {
        match transition {
            Transition::Write => machine.ask(model.keys - 1),
            Transition::Repeat(key) => machine.ask(key),
            Transition::Outcome(outcome) => machine.outcome(outcome),
            Transition::Disk(true) => machine.host.store(usize::MAX),
            Transition::Disk(false) => machine.host.lose(usize::MAX),
            Transition::Wait => machine.wait(),
            Transition::Token => {
                machine.host.command(Command::TokenChanged);
            }
            Transition::Retry(which) => {
                let key = machine.nth(which);
                machine.host.command(Command::RetryWrite(key));
            }
            Transition::Discard(which) => {
                let key = machine.nth(which);
                machine.host.command(Command::DiscardWrite(key));
            }
        }
        machine
    }

    fn check_invariants(machine: &Self, model: &Model) {
        let mut copy = Machine { host: machine.host.clone(), exchanges: machine.exchanges.clone() };
        let state = |is_dead| if is_dead { WriteState::Dead } else { WriteState::Queued };
        let expected: Vec<_> =
            model.writes().into_iter().map(|(key, is_dead)| (format!("k{key}"), state(is_dead))).collect();
        assert_eq!(copy.writes(), expected);
        assert_eq!(machine.before_relay().map(|(_, key)| key), model.before_relay());
        for (exchange, expected) in machine.exchanges.iter().zip(&model.fates) {
            let fate = machine.fate(*exchange);
            // An answer may wait for what else its step stores.
            let is_late = fate == Fate::Waits && machine.host.disk.pending() > 0;
            assert!(fate == *expected || is_late, "{exchange:?}: {fate:?}, not {expected:?}");
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_local_rejects: u32::MAX, ..ProptestConfig::default() })]

    #[test]
    fn b_5_the_outbox_does_what_a_queue_does(sequential 1..40 => Machine);
}
