//! A disk whose syncs and writes fail, one of them or all from one on: whoever is told "queued" has a write that
//! arrives, everybody else an error, and the proxy lives on and takes writes again when the disk does (B-5.4, B-9.3,
//! OUTBOX G12).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::disk::Recorder;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use serde_json::json;

/// How many syncs and writes there are in a start and some writes, so that each fails once.
const PLACES: usize = 12;

#[tokio::test]
async fn a_sync_that_fails_is_no_receipt() {
    for place in 1..=PLACES {
        is_survived(&format!("s {place}"), place <= 1).await;
    }
}

#[tokio::test]
async fn syncs_that_fail_from_one_on_are_no_receipts() {
    for place in (1..=PLACES).step_by(2) {
        is_survived(&format!("s {place}-"), place <= 6).await;
    }
}

#[tokio::test]
async fn a_write_that_there_is_no_room_for_is_no_receipt() {
    for place in (1..=3 * PLACES).step_by(2) {
        is_survived(&format!("w {place}"), false).await;
    }
}

#[tokio::test]
async fn a_disk_that_is_full_from_one_write_on_makes_no_receipts() {
    for place in (1..=3 * PLACES).step_by(3) {
        is_survived(&format!("w {place}-"), place <= 9).await;
    }
}

/// Agents write while the disk fails like this. Whether somebody must have been refused.
async fn is_survived(failure: &str, refuses: bool) {
    let relay = Relay::that().start_down().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let recorder = Recorder::of(&proxy.home().data());
    proxy.agent().tools_call("relay_reply", r#"{"text":"before"}"#).await.result();
    let mut accepted = vec!["before".to_owned()];
    match proxy.try_restart_as(|builder| recorder.failing(builder, failure)).await {
        Ok(()) => write_on(&proxy, failure, refuses, &mut accepted).await,
        Err(ended) => {
            let says = ended.stderr.lines().last().unwrap_or_default();
            assert_eq!(ended.code, Some(2), "{failure}: {says}");
            assert!(says.contains("store.sqlite3"), "{failure}: {says}");
        }
    }

    proxy.restart_as(|builder| builder.env("RECORD_FAIL", "")).await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    let applied = relay.applied_texts();
    let promised: Vec<&String> = applied.iter().filter(|text| accepted.contains(text)).collect();
    assert_eq!(promised, accepted.iter().collect::<Vec<_>>(), "{failure}: each once, in order, none lost");
}

async fn write_on(proxy: &Proxy, failure: &str, refuses: bool, accepted: &mut Vec<String>) {
    let (agent, mut refused) = (proxy.agent(), 0);
    for number in 0..6 {
        let text = format!("{number}-{}", "x".repeat(number * 3000));
        let answer = agent.tools_call("relay_reply", &json!({ "text": text }).to_string()).await;
        match answer.rpc().get("error") {
            None => accepted.push(text),
            Some(error) => {
                assert_eq!(error["code"], -31003, "{failure}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 || !refuses, "{failure}: somebody was refused");
    assert_eq!(agent.request("ping", &json!({})).send().await.status, 200, "{failure}: it lives on");
}
