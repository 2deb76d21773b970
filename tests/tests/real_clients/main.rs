//! rmcp, which was not written for these tests, as the agent and as the relay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod rmcp_agent;
mod rmcp_relay;

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::{until_async, until_true, within};
use rmcp::model::SubscriptionFilter;
use rmcp_agent::RmcpAgent;
use rmcp_relay::{Eras, RmcpRelay, TOOLS};
use serde_json::json;

async fn proxy_of(relay: &RmcpRelay) -> Proxy {
    Proxy::to_url(&relay.origin()).relay_timeout("5s").start().await
}

/// The whole life of a session: list, call, another context, an outage, a relay that knows nobody any more.
async fn lives_through_everything(relay: &RmcpRelay, proxy: &Proxy, agent: &RmcpAgent) {
    assert_eq!(agent.menu().await, TOOLS[..2]);
    assert_eq!(agent.call("relay_list_messages", json!({})).await["by"], "rmcp");
    assert_eq!(agent.call("relay_reply", json!({"text": "before"})).await["by"], "rmcp");

    relay.stop().await;
    let receipt = agent.call("relay_reply", json!({"text": "meanwhile"})).await;
    assert_eq!(receipt["queued"], true, "{receipt}");
    assert_eq!(agent.menu().await.len(), 2, "the menu is remembered");

    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(agent.call("relay_list_messages", json!({})).await["by"], "rmcp");
    assert_eq!(agent.call("relay_reply", json!({"text": "after"})).await["by"], "rmcp");
    assert_eq!(relay.applied(), ["before", "meanwhile", "after"]);
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
}

/// With nobody between them, so that a failure of the others is the proxy's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rmcp_understands_itself() {
    for eras in [Eras::Legacy, Eras::Both] {
        let relay = RmcpRelay::start(eras).await;
        let agent = RmcpAgent::directly(&format!("{}/api/mcp", relay.origin())).await;
        assert_eq!(agent.menu().await, TOOLS);
        let write = json!({"text": "x", "idempotencyKey": "k"});
        assert_eq!(agent.call("relay_reply", write).await["by"], "rmcp");
        assert_eq!(relay.applied(), ["x"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_legacy_client_of_a_legacy_relay() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::legacy(&proxy).await;
    lives_through_everything(&relay, &proxy, &agent).await;
    agent.client.cancel().await.unwrap();
}

/// B-3.5: it probes, falls back, and lives on. This relay answers the probe with a discovery that names
/// legacy revisions only; without the proxy the client gives up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probing_client_of_a_legacy_relay() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::auto(&proxy).await;
    lives_through_everything(&relay, &proxy, &agent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_modern_client_of_a_modern_relay() {
    let relay = RmcpRelay::start(Eras::Both).await;
    let proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::auto(&proxy).await;
    lives_through_everything(&relay, &proxy, &agent).await;
}

/// B-4.6, B-7.1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_legacy_client_is_told_of_another_menu() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::legacy(&proxy).await;
    assert_eq!(agent.menu().await, TOOLS[..2]);
    let listens = async || (proxy.status().await["streams"] == 1).then_some(());
    until_async("rmcp has opened its stream", listens).await;
    proxy.control().isolated_worktree(true).await;
    agent.is_told(1).await;
    assert_eq!(agent.menu().await, TOOLS);
    relay.stop().await;
    proxy.control().isolated_worktree(false).await;
    agent.is_told(2).await;
    assert_eq!(agent.menu().await, TOOLS[..2]);
}

/// B-4.6, B-7.2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_modern_client_is_told_of_another_menu() {
    let relay = RmcpRelay::start(Eras::Both).await;
    let proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::auto(&proxy).await;
    assert_eq!(agent.menu().await, TOOLS[..2]);
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = within("rmcp to subscribe", agent.client.listen(filter)).await.unwrap();
    proxy.control().isolated_worktree(true).await;
    let told = within("rmcp is told", subscription.next()).await.unwrap();
    assert!(told.is_some());
    assert_eq!(agent.menu().await, TOOLS);
}

/// B-3.2, B-3.4: it connects while there is no relay, and works when there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_before_the_relay() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    relay.stop().await;
    let proxy = proxy_of(&relay).await;
    let legacy = RmcpAgent::legacy(&proxy).await;
    let probing = RmcpAgent::auto(&proxy).await;
    for agent in [&legacy, &probing] {
        assert_eq!(agent.menu().await, [""; 0]);
    }
    assert_eq!(legacy.call("relay_reply", json!({"text": "early"})).await["queued"], true);
    relay.start_again().await;
    until_true("the early write arrives", || relay.applied() == ["early"]).await;
    for agent in [&legacy, &probing] {
        assert_eq!(agent.call("relay_list_messages", json!({})).await["by"], "rmcp");
        agent.is_told(1).await;
        assert_eq!(agent.menu().await, TOOLS[..2]);
    }
}

/// B-6.1: a restart of the proxy is no more than a broken connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_outlives_a_restart_of_the_proxy() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let mut proxy = proxy_of(&relay).await;
    let agent = RmcpAgent::legacy(&proxy).await;
    assert_eq!(agent.menu().await, TOOLS[..2]);
    proxy.restart_here().await;
    assert_eq!(agent.call("relay_reply", json!({"text": "x"})).await["by"], "rmcp");
    assert_eq!(relay.applied(), ["x"]);
}
