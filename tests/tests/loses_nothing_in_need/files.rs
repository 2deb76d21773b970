//! No more files can be opened.

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::wait::within;
use serde_json::json;

use super::{all_is_well, write};

#[tokio::test]
async fn without_files_it_keeps_what_it_accepted_and_goes_on_when_there_are_some() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).most_open_files(Some(64)).start().await;
    let agent = proxy.agent();
    agent.tools_call("relay_reply", r#"{"text":"before"}"#).await.result();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(within("a connection", Raw::connect(agent.address())).await);
    }
    let answer = agent.request("ping", &json!({})).try_send().await;
    println!("{answer:?}");
    println!("{}", proxy.logs());
    drop(idle);
    relay.stop().await;
    write(&agent, "during").await.unwrap();
    all_is_well(&relay, &proxy, &["before".into(), "during".into()]).await;
}
