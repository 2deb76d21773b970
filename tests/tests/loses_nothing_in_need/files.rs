//! No more files can be opened.

use std::time::{Duration, Instant};

use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::agent::{Line, Raw};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::wait::{until_async, within};
use serde_json::json;

use super::{all_is_well, write};

/// Agents, or what take themselves for agents, want more connections than there are files: those over the limit are
/// told so, whoever is in is served, the relay and the store can be reached.
#[tokio::test]
async fn who_comes_when_there_are_no_files_is_told_so_and_the_others_are_served() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).most_open_files(Some(64)).start().await;
    let agent = proxy.agent();
    let mut line = Line::default();
    assert_eq!(line.send(agent.request("ping", &json!({}))).await.unwrap().status, 200);
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(within("a connection", Raw::connect(agent.address())).await);
    }
    let start = Instant::now();
    let refused = agent.request("ping", &json!({})).send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text());
    assert!(refused.text().contains("--max-connections"), "{}", refused.text());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    let served = line.send(agent.tool("relay_reply", r#"{"text":"before"}"#)).await.unwrap();
    assert_eq!(served.result()["structuredContent"]["duplicate"], false, "the relay was reached");
    relay.stop().await;
    let served = line.send(agent.tool("relay_reply", r#"{"text":"during"}"#)).await.unwrap();
    assert_eq!(served.result()["structuredContent"]["queued"], true, "the store was reached");

    drop(idle);
    let again = async || {
        agent.request("ping", &json!({})).try_send().await.ok().filter(|answer| answer.status == 200)
    };
    until_async("there is room again", again).await;
    write(&agent, "after").await.unwrap();
    all_is_well(&relay, &proxy, &["before", "during", "after"].map(String::from)).await;
}

/// B-1.7
#[tokio::test]
async fn connections_over_the_limit_are_told_to_come_again() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-connections", "2").start().await;
    let address = proxy.agent().address().to_owned();
    let (one, two) = (Raw::connect(&address).await, Raw::connect(&address).await);
    let mut third = Raw::connect(&address).await;
    let answer = third.to_end().await;
    assert_eq!(status_of(&answer), Some(503), "not a word was said: {answer}");
    assert!(answer.contains("retry-after: 1") && answer.contains("--max-connections"), "{answer}");
    drop((one, two));
    let again =
        async || proxy.agent().request("ping", &json!({})).try_send().await.ok().filter(|a| a.status == 200);
    until_async("there is room again", again).await;
}
