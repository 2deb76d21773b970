//! What is in flight when the machine fails: each request gets its one answer, and the truth.

use std::sync::atomic::Ordering;

use relay_mcp_core::Machine;
use relay_mcp_host_native::engine::Engine;
use relay_mcp_tests::agent::Ask;
use relay_mcp_tests::relay::{Fault, Gate, On, Relay};
use relay_mcp_tests::wait::{until_true, within};
use serde_json::{Value, json};

use crate::engines::{component, native};
use crate::sidecar::{failure, start};

async fn each_gets_its_answer<M: Machine + Send + 'static>(engine: Engine<M>) {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let sidecar = start(&relay.origin(), engine).await;
    let agent = &sidecar.agent;
    agent.greet().await;
    let other = agent.another();
    other.initialize().await;
    let mut stream = agent.listen().await;
    stream.frame().await.expect("it is connected");
    until_true("the relay's stream is open", || relay.open_streams() == 1).await;

    relay.always(On::Any, Fault::Hang);
    relay.forget_requests();
    let tool = |name: &str| json!({"name": name, "arguments": {"text": "x"}});
    let requests = [
        agent.request_with_id(&json!(1), "tools/call", &tool("relay_list_messages")),
        agent.request_with_id(&json!("two"), "tools/call", &tool("relay_send_message")),
        agent.request_with_id(&json!(3), "tools/list", &json!({})),
        agent.request_with_id(&json!(4), "ping", &json!({})),
        agent.another().request_with_id(&json!(5), "initialize", &json!({})),
        agent.modern().request_with_id(&json!(6), "x/y", &json!({})),
    ];
    let others = [
        agent.modern().request_with_id(&json!(7), "server/discover", &json!({})),
        agent.post(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#),
        agent.post(r#"{"jsonrpc":"2.0","id":8,"result":{}}"#),
        other.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
    ];
    let in_flight = requests.len() + others.len();
    let asked = |asks: Vec<Ask>| asks.into_iter().map(|ask| tokio::spawn(ask.send())).collect::<Vec<_>>();
    let (requests, others) = (asked(requests.into()), asked(others.into()));
    until_true("all are at the relay", || relay.requests().len() == in_flight).await;

    // What the machine fails over was neither sent nor stored; of the rest nobody can know.
    assert_eq!(failure(&sidecar.fail().await), (json!("poison"), "no".into()));
    for (request, id) in
        requests.into_iter().zip([json!(1), json!("two"), json!(3), json!(4), json!(5), json!(6)])
    {
        let answer = within("an answer", request).await.unwrap();
        assert_eq!(failure(&answer), (id, "unknown".into()));
    }
    let mut told = Vec::new();
    for other in others {
        let answer = within("an answer", other).await.unwrap();
        let code = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["error"]["code"].clone();
        told.push((answer.status, code, answer.header("retry-after").map(str::to_owned)));
    }
    let nothing = (202, Value::Null, None);
    let not_modern = (400, json!(-32000), None);
    let again = (503, json!(-32603), Some("1".to_owned()));
    assert_eq!(told, [not_modern, nothing.clone(), nothing, again]);
    while stream.frame().await.is_some() {}

    // The relay hears that nobody waits, and all goes on in the same session.
    relay.heal();
    relay.forget_requests();
    agent.tools_call("relay_list_messages", "{}").await.result();
    let mut stream = agent.listen().await;
    stream.frame().await.expect("it is connected");
    assert_eq!(relay.requests_of("initialize").len(), 0, "the session is known");
    assert_eq!(sidecar.figure("machine_failures_total").await, 1.0);
    assert_eq!(sidecar.figure("machine_up").await, 1.0);
    sidecar.end().await;
}

#[tokio::test]
async fn b_9_1_each_request_gets_its_answer() {
    each_gets_its_answer(native().0).await;
}

#[tokio::test]
async fn b_9_1_each_request_gets_its_answer_from_the_component() {
    each_gets_its_answer(component()).await;
}

/// What the relay answers plainly passes on without the machine. That hears of it soon, and fails over that.
#[tokio::test]
async fn b_9_1_an_answer_that_needs_no_machine_passes_before_it_fails() {
    let relay = Relay::start().await;
    let (engine, faults) = native();
    let sidecar = start(&relay.origin(), engine).await;
    let agent = &sidecar.agent;
    agent.tools_call("relay_list_messages", "{}").await.result();
    let gate = Gate::new();
    relay.next(On::Tool("relay_list_messages"), Fault::Wait(gate.clone()));
    let tool = json!({"name": "relay_list_messages", "arguments": {}});
    let waiting = tokio::spawn(agent.request("tools/call", &tool).send());
    until_true("it is at the relay", || relay.requests_of("tools/call").len() == 2).await;

    faults.fail_next();
    gate.open();
    within("an answer", waiting).await.unwrap().result();
    until_true("it has failed", || faults.failed.load(Ordering::SeqCst) == 1).await;
    agent.tools_call("relay_list_messages", "{}").await.result();
    assert_eq!(faults.opened.load(Ordering::SeqCst), 2);
    sidecar.end().await;
}
