//! The stories that every client lives through.

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::until_async;
use serde_json::{Value, json};

use crate::agent::{Agent, Called};
use crate::rmcp_relay::{RmcpRelay, TOOLS};

/// What an agent without a worktree sees, and one with it.
const SHOWN: &[&str] = TOOLS.split_at(2).0;
const ALL: &[&str] = &TOOLS;

/// It lists, calls, sees progress, is told of another menu, writes during an outage, and goes on with a relay
/// that has forgotten its sessions (B-2.3, B-4.1, B-4.4 to B-4.6, B-5.4, B-5.8, B-6.1, B-7.1, B-7.2).
pub(crate) async fn lives_through_everything(relay: &RmcpRelay, proxy: &Proxy, mut agent: impl Agent) {
    assert_eq!(menu(&mut agent).await, SHOWN);
    reads_with_progress(&mut agent).await;
    assert_eq!(writes(&mut agent, "before").await.content["by"], "rmcp");
    if agent.checks_results() {
        refuses_what_breaks_the_schema(relay, &mut agent).await;
    }
    proxy.control().isolated_worktree(true).await;
    assert_eq!(agent.told(1).await, 1);
    assert_eq!(menu(&mut agent).await, ALL);

    relay.stop().await;
    lives_through_an_outage(proxy, &mut agent).await;

    relay.start_again().await;
    proxy.depth_is(0).await;
    reads_with_progress(&mut agent).await;
    assert_eq!(writes(&mut agent, "after").await.content["by"], "rmcp");
    assert_eq!(relay.applied(), ["before", "meanwhile", "after"]);
    assert_eq!(relay.repeated(), [""; 0], "no answer was lost on the way");
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
    proxy.control().isolated_worktree(true).await;
    assert_eq!(agent.told(3).await, 3, "told of each change, and of nothing else");
    assert_eq!(menu(&mut agent).await, ALL);

    agent.leave().await;
    let closed = async || (proxy.status().await["streams"] == 0).then_some(());
    until_async("its streams are closed", closed).await;
}

async fn lives_through_an_outage(proxy: &Proxy, agent: &mut impl Agent) {
    let receipt = writes(agent, "meanwhile").await.content;
    assert_eq!(receipt["queued"], true, "{receipt}");
    assert_eq!(menu(agent).await, ALL, "the menu is remembered");
    let refusal = agent.call("relay_list_messages", json!({}), 0).await.unwrap_err();
    assert!(refusal.contains("relay unreachable"), "{refusal}");
    proxy.control().isolated_worktree(false).await;
    assert_eq!(agent.told(2).await, 2);
    assert_eq!(menu(agent).await, SHOWN);
}

/// It connects while there is no relay, and works when there is one (B-3.2, B-3.4, B-4.6).
pub(crate) async fn comes_before_the_relay(relay: &RmcpRelay, proxy: &Proxy, mut agent: impl Agent) {
    assert_eq!(agent.menu().await, [Value::Null; 0]);
    assert_eq!(writes(&mut agent, "early").await.content["queued"], true);
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(agent.told(1).await, 1);
    assert_eq!(menu(&mut agent).await, SHOWN);
    reads_with_progress(&mut agent).await;
    assert_eq!(writes(&mut agent, "late").await.content["by"], "rmcp");
    assert_eq!(relay.applied(), ["early", "late"]);
    agent.leave().await;
}

/// A restart of the proxy is no more to it than a broken connection (B-6.1).
pub(crate) async fn outlives_the_proxy(relay: &RmcpRelay, proxy: &mut Proxy, mut agent: impl Agent) {
    assert_eq!(menu(&mut agent).await, SHOWN);
    proxy.restart_here().await;
    assert_eq!(writes(&mut agent, "x").await.content["by"], "rmcp");
    assert_eq!(menu(&mut agent).await, SHOWN);
    assert_eq!(relay.applied(), ["x"]);
    agent.leave().await;
}

/// The names in the menu; each tool is whole.
async fn menu(agent: &mut impl Agent) -> Vec<String> {
    let tools = agent.menu().await;
    let reply = tools.iter().find(|tool| tool["name"] == "relay_reply").expect("relay_reply is there");
    assert!(reply["outputSchema"].is_object(), "a client checks results against it: {reply}");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

async fn reads_with_progress(agent: &mut impl Agent) {
    let called = agent.call("relay_list_messages", json!({}), 2).await.expect("a result");
    assert_eq!(called.content["by"], "rmcp");
    assert_eq!(called.progress, [1.0, 2.0]);
}

/// A write whose result, or receipt, passes the client's own checks.
async fn writes(agent: &mut impl Agent, text: &str) -> Called {
    agent.call("relay_reply", json!({"text": text}), 0).await.expect("a result that the client accepts")
}

/// So that what it accepts means something: the schema in the menu admits no more than result and receipt.
async fn refuses_what_breaks_the_schema(relay: &RmcpRelay, agent: &mut impl Agent) {
    relay.breaks_its_schema(true);
    let refusal = agent.call("relay_reply", json!({"text": "odd"}), 0).await.unwrap_err();
    relay.breaks_its_schema(false);
    assert!(refusal.to_lowercase().contains("structured content"), "{refusal}");
}
