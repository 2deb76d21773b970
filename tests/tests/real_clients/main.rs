//! Clients that were not written for these tests, as the agent: the official SDKs in TypeScript, Python and Rust,
//! and the Inspector. The relay is rmcp, which was not written for them either.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod agent;
mod rmcp_agent;
mod rmcp_relay;
mod scripted;
mod story;

use relay_mcp_tests::proxy::Proxy;
use rmcp_agent::RmcpAgent;
use rmcp_relay::{Eras, RmcpRelay, TOOLS};
use scripted::{Client, PYTHON_1, PYTHON_2, ScriptedAgent, TYPESCRIPT_1, TYPESCRIPT_2};
use serde_json::json;

async fn proxy_of(relay: &RmcpRelay) -> Proxy {
    Proxy::to_url(&relay.origin()).relay_timeout("5s").start().await
}

async fn scripted(client: Client, mode: &str, eras: Eras, version: &str) {
    let relay = RmcpRelay::start(eras).await;
    let proxy = proxy_of(&relay).await;
    let agent = ScriptedAgent::connect(client, mode, &proxy).await;
    assert_eq!(agent::Agent::version(&agent), version);
    story::lives_through_everything(&relay, &proxy, agent).await;
}

macro_rules! t {
    ($name:ident, $c:expr, $m:expr, $e:expr, $v:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            scripted($c, $m, $e, $v).await;
        }
    };
}
t!(ts1, TYPESCRIPT_1, "legacy", Eras::Legacy, "2025-11-25");
t!(ts2l, TYPESCRIPT_2, "legacy", Eras::Legacy, "2025-11-25");
t!(ts2a, TYPESCRIPT_2, "auto", Eras::Legacy, "2025-11-25");
t!(ts2m, TYPESCRIPT_2, "auto", Eras::Both, "2026-07-28");
t!(py1, PYTHON_1, "legacy", Eras::Legacy, "2025-11-25");
t!(py2l, PYTHON_2, "legacy", Eras::Legacy, "2025-11-25");
t!(py2a, PYTHON_2, "auto", Eras::Legacy, "2025-11-25");
t!(py2m, PYTHON_2, "auto", Eras::Both, "2026-07-28");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsl() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let proxy = proxy_of(&relay).await;
    let a = RmcpAgent::legacy(&proxy).await;
    story::lives_through_everything(&relay, &proxy, a).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsa() {
    let relay = RmcpRelay::start(Eras::Legacy).await;
    let proxy = proxy_of(&relay).await;
    let a = RmcpAgent::auto(&proxy).await;
    story::lives_through_everything(&relay, &proxy, a).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsm() {
    let relay = RmcpRelay::start(Eras::Both).await;
    let proxy = proxy_of(&relay).await;
    let a = RmcpAgent::auto(&proxy).await;
    story::lives_through_everything(&relay, &proxy, a).await;
}
