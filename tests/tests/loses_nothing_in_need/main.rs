//! A machine on which something has run out: no room on the disk, no right to write, no files, no memory. What was
//! accepted is kept, what cannot be is refused in words, and all is well again when the need is over (B-5.9, B-9.4,
//! OUTBOX G12, T5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod disk;
mod files;
mod memory;

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use serde_json::json;

/// Writes; whether it was accepted, or else the refusal.
async fn write(agent: &Agent, text: &str) -> Result<(), String> {
    let answer = agent.tools_call("relay_reply", &json!({"text": text}).to_string()).await;
    match answer.rpc().get("error") {
        None => {
            assert_eq!(answer.result()["structuredContent"]["queued"], true, "{}", answer.text());
            Ok(())
        }
        Some(error) => {
            assert_eq!(error["code"], -31003, "{error}");
            Err(error["message"].as_str().unwrap().to_owned())
        }
    }
}

/// The need is over: what was accepted arrives, each once and in order, and the next outage is one like any other.
async fn all_is_well(relay: &Relay, proxy: &Proxy, accepted: &[String]) {
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), accepted);
    relay.stop().await;
    write(&proxy.agent(), "afterwards").await.unwrap();
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts().last().unwrap(), "afterwards");
}
