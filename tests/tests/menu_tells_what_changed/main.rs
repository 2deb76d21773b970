//! The menu against a model of it: what is shown, and who is told of a change (B-4.1 to B-4.7, B-7.3, B-9.2,
//! B-9.9, B-9.10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod model;

use std::collections::BTreeMap;

use model::{Model, Tools, Transition, VIEWERS};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use relay_mcp_core::{Command, Config, ExchangeId, Glob, MenuRule, Reply, Sent};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{get, in_session, legacy};
use serde_json::{Value, json};

fn tools() -> impl Strategy<Value = Tools> {
    let tools = prop::collection::btree_map(0..5u8, 0..2u8, 0..4);
    tools.prop_map(|tools| tools.into_iter().collect::<Tools>()).prop_shuffle()
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Transition> {
        prop_oneof![
            3 => tools().prop_map(Transition::Relay),
            3 => any::<bool>().prop_map(Transition::Away),
            4 => (0..VIEWERS).prop_map(Transition::List),
            3 => (0..VIEWERS).prop_map(Transition::Open),
            1 => (0..VIEWERS).prop_map(Transition::Close),
            3 => any::<bool>().prop_map(Transition::Context),
            2 => Just(Transition::Refresh),
            1 => Just(Transition::Restart),
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
    streams: BTreeMap<usize, ExchangeId>,
    shown: Option<Tools>,
}

fn definitions(tools: &Tools) -> Value {
    tools.iter().map(|(name, version)| json!({ "name": format!("tool{name}"), "v": version })).collect()
}

fn read_back(tools: &Value) -> Tools {
    let tools = tools.as_array().unwrap().iter();
    let number = |tool: &Value| tool["name"].as_str().unwrap().trim_start_matches("tool").parse().unwrap();
    tools.map(|tool| (number(tool), u8::try_from(tool["v"].as_u64().unwrap()).unwrap())).collect()
}

fn session(viewer: usize) -> String {
    format!("s{viewer}")
}

impl Machine {
    /// Whatever is asked of the relay is answered, with its menu, until nothing more is asked.
    fn settle(&mut self, model: &Model) {
        while let Some(call) = self.host.unanswered().first().copied() {
            if model.is_away {
                self.host.fail(call, Sent::No, "connection refused");
                continue;
            }
            let id = self.host.calls[&call].request.json()["id"].clone();
            let result = json!({ "tools": definitions(&model.relay) });
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": result });
            self.host.answer_call(call, 200, &[], &body.to_string());
        }
        self.host.store_all();
    }

    /// Somebody asks the relay for something else, so that its coming and going is noticed.
    fn notice(&mut self, model: &Model) {
        self.host.request(legacy(1, "resources/list", &json!({})));
        self.settle(model);
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let needs_worktree = (0..5).step_by(2).map(|name| Glob::new(format!("tool{name}"))).collect();
        let rule = MenuRule { tools: needs_worktree, needs: "isolatedWorktree".into() };
        let config = Config { rules: vec![rule], ..Config::default() };
        let mut host = Host::new(config);
        for viewer in 0..VIEWERS {
            host.greeted(Some(&session(viewer)));
        }
        Self { host, streams: BTreeMap::new(), shown: None }
    }

    fn apply(mut machine: Self, model: &Model, transition: Transition) -> Self {
        machine.shown = None;
        match transition {
            Transition::Relay(_) => {}
            Transition::Away(_) => machine.notice(model),
            Transition::List(viewer) => {
                let list = in_session(legacy(1, "tools/list", &json!({})), Some(&session(viewer)));
                let list = machine.host.request(list);
                machine.settle(model);
                machine.shown = Some(read_back(&machine.host.json(list)["result"]["tools"]));
            }
            Transition::Open(viewer) => {
                let stream = machine.host.request(get(Some(&session(viewer))));
                machine.streams.insert(viewer, stream);
            }
            Transition::Close(viewer) => {
                let stream = machine.streams.remove(&viewer).unwrap();
                machine.host.leave(stream);
            }
            Transition::Context(value) => {
                machine.host.command(Command::SetContext(vec![("isolatedWorktree".into(), value)]));
            }
            Transition::Refresh => {
                machine.host.command(Command::Refresh);
                machine.settle(model);
            }
            Transition::Restart => {
                machine.streams.clear();
                machine.host.crash(usize::MAX);
                machine.notice(model);
            }
        }
        machine.host.store_all();
        machine
    }

    fn check_invariants(machine: &Self, model: &Model) {
        assert_eq!(machine.shown, model.shown, "B-9.2: what is shown");
        let told = machine.streams.iter().map(|(viewer, stream)| {
            let text = machine.host.exchanges[stream].text();
            (*viewer, text.matches("notifications/tools/list_changed").count())
        });
        assert_eq!(told.collect::<BTreeMap<_, _>>(), model.streams, "B-9.9: who was told");
        let status = machine.host.clone().reply(Command::Status);
        let Reply::Status(status) = status else { panic!("{status:?}") };
        let visible: Vec<_> = model.visible().iter().map(|(name, _)| format!("tool{name}")).collect();
        assert_eq!(status.tools.visible, visible, "B-9.10: the menu converges");
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_local_rejects: u32::MAX, ..ProptestConfig::default() })]

    #[test]
    fn b_4_the_menu_shows_and_tells_what_it_should(sequential 1..30 => Machine);
}
