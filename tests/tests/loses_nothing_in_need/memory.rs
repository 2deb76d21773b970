//! No more memory.

use std::collections::BTreeSet;

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::wait::within;
use serde_json::json;

use super::{all_is_well, write};

/// How much more address space there is than an idle proxy takes, in KiB.
const LEFT: u64 = 8 << 10;
/// What is written when the need is over, if anybody is there to take it.
const NEXT: &str = "next";

/// More writes of a megabyte at once than there is memory for. Where the process has none left it dies of that, as the
/// system's means has it; where the sandbox gets none, the machine is opened again, and goes on. What was accepted before and
/// meanwhile is there when it is started again.
#[tokio::test]
async fn without_memory_it_keeps_what_it_accepted() {
    let relay = Relay::that().start_down().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let takes = proxy.address_space();
    proxy.restart_as(|builder| builder.address_space(Some(takes + LEFT))).await;
    let agent = proxy.agent();
    let before: Vec<String> = (0..5).map(|n| format!("before-{n}")).collect();
    for text in &before {
        write(&agent, text).await.unwrap();
    }
    let large: Vec<_> = (0..60).map(|n| format!("{n}-{}", "x".repeat(1 << 20))).collect();
    let made = large.iter().map(|text| {
        let write = agent.tool("relay_reply", &json!({ "text": text }).to_string());
        tokio::spawn(write.try_send())
    });
    let mut accepted: BTreeSet<String> = before.iter().cloned().collect();
    for (answer, text) in made.collect::<Vec<_>>().into_iter().zip(&large) {
        let answer = answer.await.unwrap();
        if answer.is_ok_and(|answer| answer.status == 200 && answer.rpc().get("result").is_some()) {
            accepted.insert(text.clone());
        }
    }
    assert!(accepted.len() < 5 + large.len(), "there was no memory for all of them");
    let has_died = within("its end, or the next write", dies_or_goes_on(&mut proxy, &agent)).await;
    // Natively it always dies. In a sandbox, which takes its memory at the start, there may be just enough: the limits
    // refuse what is too much at once.
    let program = std::env::var("RELAY_MCP_PROXY_BIN").unwrap_or_default();
    assert!(has_died || program.ends_with("-wasm"), "there was no memory for it to go on");
    assert!(!has_died || proxy.logs().contains("memory allocation of"), "it says what it died of");
    accepted.extend((!has_died).then(|| NEXT.to_owned()));

    proxy.restart_as(|builder| builder.address_space(None)).await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    let applied = relay.applied_texts();
    assert_eq!(applied[..5], before);
    assert_eq!(applied.iter().collect::<BTreeSet<_>>().len(), applied.len(), "each once");
    assert!(
        applied.iter().collect::<BTreeSet<_>>().is_superset(&accepted.iter().collect()),
        "and all of them"
    );
    relay.stop().await;
    all_is_well(&relay, &proxy, &applied).await;
}

/// Whether it dies; else it takes a write again.
async fn dies_or_goes_on(proxy: &mut Proxy, agent: &Agent) -> bool {
    let next = json!({ "text": NEXT }).to_string();
    while !proxy.has_ended() {
        let answer = agent.tool("relay_reply", &next).try_send().await;
        if answer.is_ok_and(|answer| answer.status == 200 && answer.rpc().get("result").is_some()) {
            return false;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    true
}
