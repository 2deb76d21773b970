//! Clients that were not written for these tests, as the agent: the official SDKs in TypeScript, Python and Rust,
//! and the Inspector. The relay is rmcp, which was not written for them either.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod agent;
mod inspector;
mod rmcp_agent;
mod rmcp_relay;
mod scripted;
mod story;

use agent::Agent;
use relay_mcp_tests::proxy::Proxy;
use rmcp_agent::RmcpAgent;
use rmcp_relay::{Eras, RmcpRelay, TOOLS};
use scripted::{PYTHON_1, PYTHON_2, ScriptedAgent, TYPESCRIPT_1, TYPESCRIPT_2};
use serde_json::json;

/// Every story with one client; `$best` is the latest revision that it speaks.
macro_rules! client {
    ($name:ident, $best:literal, $connect:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn lives_with_a_legacy_relay() {
                lives_with(Eras::Legacy, "2025-11-25", $connect).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn lives_with_a_relay_of_both_eras() {
                lives_with(Eras::Both, $best, $connect).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn comes_before_the_relay() {
                comes_first($connect).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn outlives_the_proxy() {
                outlives($connect).await;
            }
        }
    };
}

client!(typescript_1, "2025-11-25", async |proxy| ScriptedAgent::connect(TYPESCRIPT_1, "legacy", proxy)
    .await);
client!(typescript_2, "2025-11-25", async |proxy| ScriptedAgent::connect(TYPESCRIPT_2, "legacy", proxy)
    .await);
client!(typescript_2_auto, "2026-07-28", async |proxy| ScriptedAgent::connect(TYPESCRIPT_2, "auto", proxy)
    .await);
client!(python_1, "2025-11-25", async |proxy| ScriptedAgent::connect(PYTHON_1, "legacy", proxy).await);
client!(python_2, "2026-07-28", async |proxy| ScriptedAgent::connect(PYTHON_2, "auto", proxy).await);
client!(rmcp_initializing, "2025-11-25", async |proxy| RmcpAgent::legacy(proxy).await);
client!(rmcp_probing, "2026-07-28", async |proxy| RmcpAgent::auto(proxy).await);

async fn proxy_of(relay: &RmcpRelay) -> Proxy {
    Proxy::to_url(&relay.origin()).relay_timeout("15s").start().await
}

async fn lives_with<A: Agent>(eras: Eras, version: &str, connect: impl AsyncFn(&Proxy) -> A) {
    let relay = RmcpRelay::start(eras).await;
    let proxy = proxy_of(&relay).await;
    let agent = connect(&proxy).await;
    assert_eq!(agent.version(), version);
    story::lives_through_everything(&relay, &proxy, agent).await;
}

async fn comes_first<A: Agent>(connect: impl AsyncFn(&Proxy) -> A) {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    relay.stop().await;
    let proxy = proxy_of(&relay).await;
    let agent = connect(&proxy).await;
    story::comes_before_the_relay(&relay, &proxy, agent).await;
}

async fn outlives<A: Agent>(connect: impl AsyncFn(&Proxy) -> A) {
    let relay = RmcpRelay::start(Eras::Both).await;
    let mut proxy = proxy_of(&relay).await;
    let agent = connect(&proxy).await;
    story::outlives_the_proxy(&relay, &mut proxy, agent).await;
}

/// With nobody between them, so that a failure of the others is the proxy's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rmcp_understands_itself() {
    for eras in [Eras::Legacy, Eras::Both] {
        let relay = RmcpRelay::start(eras).await;
        let mut agent = RmcpAgent::directly(&format!("{}/api/mcp", relay.origin())).await;
        let names: Vec<_> = agent.menu().await.iter().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, TOOLS);
        let write = json!({"text": "x", "idempotencyKey": "k"});
        assert_eq!(agent.call("relay_reply", write, 0).await.unwrap().content["by"], "rmcp");
        assert_eq!(relay.applied(), ["x"]);
    }
}
