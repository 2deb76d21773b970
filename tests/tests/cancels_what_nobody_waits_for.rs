//! When the agent goes away the relay is let go, except that a write in flight runs to its end (B-2.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::agent::Ask;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fate, Fault, Gate, On, Recorded, Relay, Speaks, Step};
use relay_mcp_tests::wait::{until, until_true};
use serde_json::json;

/// Sends a request, waits until it is at the relay, and goes away.
async fn ask_and_leave(relay: &Relay, ask: Ask) -> Recorded {
    let before = relay.requests().len();
    let asked = tokio::spawn(ask.try_send());
    let request = until("it is at the relay", || relay.requests().get(before).cloned()).await;
    asked.abort();
    request
}

async fn is_let_go(request: &Recorded) {
    until_true("the relay is let go", || request.fate() == Fate::Abandoned).await;
}

/// B-2.4
#[tokio::test]
async fn a_request_that_waits_for_its_answer() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).start().await;
    relay.always(On::Any, Fault::Hang);
    for agent in [proxy.agent(), proxy.agent().modern()] {
        for ask in [agent.request("x/y", &json!({})), agent.tool("relay_spawn_agent", "{}")] {
            is_let_go(&ask_and_leave(&relay, ask).await).await;
        }
    }
}

/// B-2.4
#[tokio::test]
async fn an_answer_that_is_under_way() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let steps = vec![Step::Say("data: 1\n\n".into()), Step::Wait(Gate::new())];
    relay.next(On::Any, Fault::Steps(Canned::sse(), steps));
    let mut events = proxy.agent().request("x/y", &json!({})).open().await;
    assert_eq!(events.event().await.data, "1");
    let request = relay.requests().remove(0);
    assert_eq!(request.fate(), Fate::Open);
    drop(events);
    is_let_go(&request).await;
}

/// B-2.4, B-5.6
#[tokio::test]
async fn but_a_write_in_flight_goes_on() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    let gate = Gate::new();
    relay.next(On::Tool("relay_reply"), Fault::Wait(gate.clone()));
    let write = ask_and_leave(&relay, agent.tool("relay_reply", r#"{"text":"w"}"#)).await;
    relay.next(On::Rpc("x/y"), Fault::Hang);
    is_let_go(&ask_and_leave(&relay, agent.request("x/y", &json!({}))).await).await;
    assert_eq!(write.fate(), Fate::Open, "the proxy has seen the agent leave by then");
    gate.open();
    assert_eq!(relay.applied_are(1).await[0].text(), "w");
    until_true("its answer is taken", || write.fate() == Fate::Answered).await;
}

/// B-11: it failed after the agent had left: nothing was promised, nothing is queued.
#[tokio::test]
async fn and_when_it_fails_nothing_was_promised() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("10s").start().await;
    let agent = proxy.agent();
    relay.next(On::Tool("relay_reply"), Fault::Hang);
    let write = ask_and_leave(&relay, agent.tool("relay_reply", r#"{"text":"w"}"#)).await;
    relay.next(On::Rpc("x/y"), Fault::Hang);
    is_let_go(&ask_and_leave(&relay, agent.request("x/y", &json!({}))).await).await;
    relay.stop().await;
    assert_eq!(write.fate(), Fate::Abandoned);
    assert_eq!(agent.call("ping", json!({})).await.result(), json!({}));
    assert_eq!(proxy.status().await["outbox"]["depth"], 0);
    relay.start_again().await;
    let after = agent.tools_call("relay_reply", r#"{"text":"after"}"#).await.result();
    assert_eq!(after["structuredContent"]["duplicate"], false);
    assert_eq!(relay.applied_texts(), ["after"]);
}

/// B-5.4: a receipt that nobody reads any more is a receipt all the same once the write is queued.
#[tokio::test]
async fn a_write_that_is_queued_stays_queued() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    for n in 0..5 {
        agent.tools_call("relay_reply", &format!(r#"{{"text":"{n}"}}"#)).await.result();
    }
    drop(agent);
    relay.start_again().await;
    relay.applied_are(5).await;
    assert_eq!(relay.applied_texts(), ["0", "1", "2", "3", "4"]);
}
