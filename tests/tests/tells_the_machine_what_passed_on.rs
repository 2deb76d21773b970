//! B-2.3, B-6.1: a plain answer goes to the agent without a step, and the machine hears of it before all else, once and soon.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use relay_mcp_core::{Action, AnswerHead, CallId, ExchangeId, Input, Machine, Proxy, Timestamp, Wakeup};
use relay_mcp_host_native::config::{Environment, ServeArgs, resolve};
use relay_mcp_host_native::engine::Engine;
use relay_mcp_host_native::sidecar::Sidecar;
use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay};
use relay_mcp_tests::wait::until_true;
use serde_json::json;

/// What the machine was told, a batch for each step.
type Heard = Arc<Mutex<Vec<Vec<Input>>>>;

/// A machine that is listened to, and that may begin each answer before the relay does.
struct Listening {
    proxy: Proxy,
    heard: Heard,
    begins_first: bool,
}

impl Machine for Listening {
    type Fault = String;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, String> {
        self.heard.lock().unwrap().push(inputs.clone());
        let mut actions = Vec::new();
        for input in inputs {
            if self.begins_first
                && let Input::RelayHead { call, .. } = input
            {
                actions.extend([Action::Cancel { call }, Action::AnswerEnd { exchange: ExchangeId(call.0) }]);
                continue;
            }
            actions.extend(self.proxy.step(now, input));
        }
        if self.begins_first {
            self.begin(&mut actions);
        }
        Ok(actions)
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.proxy.next_wakeup()
    }
}

impl Listening {
    /// Begins the answer to whatever a call is for, and says all the same that a plain one may be passed on.
    fn begin(&self, actions: &mut Vec<Action>) {
        let calls: Vec<CallId> = actions
            .iter_mut()
            .filter_map(|action| match action {
                Action::Call { call, pass_to, .. } => {
                    *pass_to = Some(ExchangeId(call.0));
                    Some(*call)
                }
                _ => None,
            })
            .collect();
        actions.extend(calls.into_iter().map(|call| Action::AnswerHead {
            exchange: ExchangeId(call.0),
            head: AnswerHead::own(200, "text/plain"),
        }));
    }
}

/// A sidecar with such a machine, its agent, and what the machine hears.
async fn beside(relay: &Relay, begins_first: bool) -> (Agent, Heard, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let args = ServeArgs {
        relay_url: Some(relay.origin()),
        data_dir: Some(directory.path().into()),
        ..ServeArgs::default()
    };
    let settings = resolve(&args, &Environment::default()).unwrap().settings;
    let heard = Heard::default();
    let told = heard.clone();
    let engine = Engine::new("listening", move |config, seed, now, records| {
        let proxy = Proxy::open(config, seed, now, records)?;
        Ok(Listening { proxy, heard: told.clone(), begins_first })
    });
    let sidecar = Sidecar::start(settings, &engine).await.unwrap();
    let secret = std::fs::read_to_string(sidecar.ready().secret_file.as_ref().unwrap()).unwrap();
    let agent = Agent::of(&sidecar.ready().url, Some(secret.trim()));
    tokio::spawn(sidecar.run());
    (agent, heard, directory)
}

fn passed(heard: &Heard) -> Vec<CallId> {
    let heard = heard.lock().unwrap();
    let inputs = heard.iter().flatten();
    inputs.filter_map(|input| if let Input::Passed { call } = input { Some(*call) } else { None }).collect()
}

#[tokio::test]
async fn each_once_before_all_else_and_the_last_one_soon() {
    let relay = Relay::start().await;
    let (agent, heard, _directory) = beside(&relay, false).await;
    for _ in 0..5 {
        agent.call("x/y", json!({})).await;
    }
    // The first answer is news, and the others are not.
    until_true("it is told of all of them", || passed(&heard).len() == 4).await;
    assert_eq!(passed(&heard), [2, 3, 4, 5].map(CallId));
    let heard = heard.lock().unwrap();
    let is_passed = |input: &Input| matches!(input, Input::Passed { .. });
    assert!(heard.iter().all(|batch| batch.is_sorted_by_key(|input| !is_passed(input))), "{heard:?}");
    assert!(heard.iter().all(|batch| !batch.iter().all(is_passed)), "never alone: {heard:?}");
    let heads = heard.iter().flatten().filter(|input| matches!(input, Input::RelayHead { .. }));
    assert_eq!(heads.count(), 1);
}

/// An answer that has begun cannot begin once more, whatever the machine said before.
#[tokio::test]
async fn of_an_answer_that_has_begun_the_machine_decides() {
    let relay = Relay::start().await;
    let (agent, heard, _directory) = beside(&relay, true).await;
    let answer = agent.call("x/y", json!({})).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(passed(&heard), []);
}

/// The agent keeps the name of its session, though the relay calls it by another in each answer (B-6.1).
#[tokio::test]
async fn an_answer_names_the_session_that_the_agent_knows() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = proxy::Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    let session = agent.session().unwrap();
    for named in ["another", &session] {
        relay.always(On::Rpc("x/y"), Fault::Answer(Canned::json(200, "{}").header("mcp-session-id", named)));
        let answer = agent.call("x/y", json!({})).await;
        assert_eq!(answer.header("mcp-session-id"), Some(session.as_str()), "{named}");
    }
}
