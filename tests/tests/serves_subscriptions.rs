//! `subscriptions/listen`, the modern stream from server to agent (B-7.2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Relay, Speaks};
use relay_mcp_tests::wait::QUIET;
use serde_json::{Value, json};

const CHANGED: &str = "notifications/tools/list_changed";

fn wish(id: &str) -> (Value, Value) {
    (json!(id), json!({"notifications": {"toolsListChanged": true}}))
}

/// B-7.2: acknowledged first, tagged, alone where the relay is down.
#[tokio::test]
async fn a_modern_agent_subscribes() {
    let up = Relay::that().speaks(Speaks::Both).start().await;
    let down = Relay::that().speaks(Speaks::Both).start().await;
    for (relay, stops) in [(up, false), (down, true)] {
        let proxy = Proxy::to(&relay).start().await;
        let agent = proxy.agent().modern();
        agent.discover().await.result();
        agent.menu().await;
        if stops {
            relay.stop().await;
        }
        let (id, params) = wish("sub-1");
        let mut events = agent.request_with_id(&id, "subscriptions/listen", &params).open().await;
        let tag =
            |message: &Value| message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].clone();
        let first = events.event().await.json();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(tag(&first), "sub-1");
        assert_eq!(first["params"]["notifications"]["toolsListChanged"], true);
        proxy.control().isolated_worktree(true).await;
        let told = events.event().await.json();
        assert_eq!((&told["method"], &tag(&told)), (&json!(CHANGED), &id));
        assert_eq!(events.event_within(QUIET).await, None);
    }
}

/// B-7.2: only what was asked for.
#[tokio::test]
async fn a_subscription_to_something_else_is_not_told_of_the_menu() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent().modern();
    agent.discover().await.result();
    agent.menu().await;
    let params = json!({"notifications": {"promptsListChanged": true}});
    let mut events = agent.request("subscriptions/listen", &params).open().await;
    assert_eq!(events.event().await.json()["method"], "notifications/subscriptions/acknowledged");
    proxy.control().isolated_worktree(true).await;
    assert_eq!(events.event_within(QUIET).await, None);
}

/// B-7.2, B-8.4: closed with the graceful result.
#[tokio::test]
async fn a_subscription_ends_gracefully() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent().modern();
    agent.discover().await.result();
    let (id, params) = wish("sub-9");
    let mut events = agent.request_with_id(&id, "subscriptions/listen", &params).open().await;
    events.event().await;
    proxy.ask_to_end();
    let last = events.event().await.json();
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&id, &json!("complete")));
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
    assert_eq!(events.frame().await, None);
    assert_eq!(proxy.ended().await.code(), Some(0));
}

/// B-1.7: streams have a limit of their own.
#[tokio::test]
async fn subscriptions_take_no_room_from_requests() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).flag("--max-requests", "1").start().await;
    let agent = proxy.agent().modern();
    let mut open = Vec::new();
    for name in ["sub-1", "sub-2"] {
        let (id, params) = wish(name);
        let mut events = agent.request_with_id(&id, "subscriptions/listen", &params).open().await;
        events.event().await;
        open.push(events);
    }
    assert_eq!(agent.request("tools/list", &json!({})).send().await.status, 200);
}
