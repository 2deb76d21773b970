//! Told to end, it finishes what it began, within its time, and forgets nothing (B-8.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use relay_mcp_tests::crash::{Keys, complaints, write_until};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Fault, Gate, On, Relay, port};
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::wait::{until_async, until_true};
use rustix::process::Signal;
use serde_json::json;

/// B-11
#[tokio::test]
async fn shutdown_can_be_ordered() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    assert!(proxy.control().ask("POST", "/v1/shutdown", None).await.status < 300);
    assert_eq!(proxy.ended().await.code(), Some(0));
}

/// B-8.4: no moment after the ready line is too early.
#[tokio::test]
async fn a_signal_right_after_the_ready_line_finds_it_prepared() {
    let relay = Relay::start().await;
    for _ in 0..5 {
        let mut proxy = Proxy::to(&relay).start().await;
        assert_eq!(proxy.terminate().await.code(), Some(0));
        assert!(!proxy.home().data().join("control.sock").exists());
    }
}

/// B-8.4: what is in flight is finished, streams are closed, nobody new comes in.
#[tokio::test]
async fn it_ends_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let relay = Relay::start().await;
        let mut proxy = Proxy::to(&relay).flag("--grace", "15s").start().await;
        let agent = proxy.agent();
        agent.greet().await;
        let mut events = agent.listen().await;
        let gate = Gate::new();
        relay.always(On::Rpc("tools/call"), Fault::Wait(gate.clone()));
        let read = tokio::spawn(agent.tool("relay_list_messages", "{}").send());
        let write = tokio::spawn(agent.tool("relay_reply", r#"{"text":"x"}"#).send());
        until_true("both are at the relay", || relay.requests_of("tools/call").len() == 2).await;
        proxy.signal(signal);
        events.rest().await;
        let refused = async || {
            let answer = agent.request("ping", &json!({})).try_send().await;
            answer.is_err().then_some(()).or_else(|| (answer.ok()?.status == 503).then_some(()))
        };
        until_async("nobody new comes in", refused).await;
        gate.open();
        assert_eq!(read.await.unwrap().status, 200);
        assert_eq!(write.await.unwrap().result()["structuredContent"]["duplicate"], false);
        assert_eq!(proxy.ended().await.code(), Some(0));
    }
}

/// B-8.4: within a grace time.
#[tokio::test]
async fn it_does_not_wait_for_ever() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).flag("--grace", "300ms").start().await;
    let agent = proxy.agent();
    relay.always(On::Any, Fault::Hang);
    let hanging = tokio::spawn(agent.tool("relay_list_messages", "{}").try_send());
    until_true("it is at the relay", || relay.requests().len() == 1).await;
    let start = Instant::now();
    assert_eq!(proxy.terminate().await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(hanging.await.unwrap());
}

/// B-8.4, B-5.4: a write that the grace cuts off was accepted or was not; it is never lost between the two.
#[tokio::test]
async fn a_write_that_the_grace_cuts_off_is_not_promised_and_lost() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).flag("--grace", "300ms").relay_timeout("30s").start().await;
    relay.next(On::Tool("relay_reply"), Fault::Hang);
    let write = tokio::spawn(proxy.agent().tool("relay_reply", r#"{"text":"x"}"#).try_send());
    until_true("it is at the relay", || relay.requests().len() == 1).await;
    proxy.terminate().await;
    let promised = write.await.unwrap().is_ok_and(|answer| answer.text().contains("\"queued\""));
    proxy.restart().await;
    if promised {
        relay.applied_are(1).await;
    } else {
        assert_eq!(proxy.status().await["outbox"]["depth"], 0);
    }
}

/// B-8.4, B-5.9: asked to end again and again while agents write and the relay comes and goes, it loses nothing, and
/// sends nothing twice that the relay has answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_under_load_outlives_each_end() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).port(port::free().await).relay_timeout("2s").start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [("own1", Keys::Own), ("own2", Keys::Own), ("minted", Keys::Minted)]
        .into_iter()
        .map(|(name, keys)| tokio::spawn(write_until(proxy.agent(), name.into(), keys, stop.clone())))
        .collect();
    let mut chance = Seeded::new(20_261_122);
    for round in 0..11 {
        let seen = relay.applied().len();
        match round % 3 {
            0 => until_true("the relay applies some", || relay.applied().len() > seen + 5).await,
            1 => relay.stop().await,
            _ => relay.start_again().await,
        }
        tokio::time::sleep(Duration::from_micros(chance.below(50_000))).await;
        assert_eq!(proxy.terminate().await.code(), Some(0), "{}", proxy.logs());
        proxy.restart_here().await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut promised = Vec::new();
    for writer in writers {
        promised.push(writer.await.unwrap());
    }
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(complaints(&promised, &relay.applied()), [""; 0]);
    assert!(
        promised.iter().any(|promised| promised.queued > 0),
        "some of it was in the outbox: {promised:?}"
    );
}
