//! What is queued goes out oldest first, one at a time, until the relay has answered; and what the relay
//! refuses is kept where somebody sees it (B-5.5, B-5.8, B-9.5, B-9.10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fate, Fault, Gate, On, Recorded, Relay, Speaks};
use relay_mcp_tests::wait;
use relay_mcp_tests::wait::{QUIET, until_async, until_true};
use serde_json::{Value, json};

/// Writes, and says whether it was queued.
async fn write(agent: &Agent, text: &str) -> bool {
    let arguments = json!({"text": text, "idempotencyKey": format!("key-{text}")});
    let result = agent.tools_call("relay_reply", &arguments.to_string()).await.result();
    result["structuredContent"]["queued"] == true
}

/// A proxy whose outbox holds these writes, and its relay, which is down.
async fn holding(texts: &[&str]) -> (Relay, Proxy, Agent) {
    let relay = Relay::that().speaks(Speaks::Both).start_down().await;
    let proxy = Proxy::to(&relay).relay_timeout("2s").token("old").start().await;
    let agent = proxy.agent();
    for text in texts {
        assert!(write(&agent, text).await);
    }
    (relay, proxy, agent)
}

fn calls(relay: &Relay) -> Vec<Recorded> {
    relay.requests_of("tools/call")
}

/// The entry of a write in `/v1/outbox`.
async fn entry(proxy: &Proxy, text: &str) -> Value {
    let key = format!("key-{text}");
    let entries = proxy.control().outbox().await;
    entries.into_iter().find(|entry| entry["key"] == key).unwrap_or_else(|| panic!("{key} is in the outbox"))
}

/// OUTBOX G14: draining needs no traffic.
#[tokio::test]
async fn the_outbox_drains_by_itself() {
    let (relay, proxy, _agent) = holding(&["a", "b", "c"]).await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a", "b", "c"]);
    assert_eq!(relay.arrivals().len(), 3, "each once");
}

/// B-5.5: newer writes go behind, relay up or not, and get a receipt at once.
#[tokio::test]
async fn nobody_overtakes() {
    let (relay, proxy, agent) = holding(&["a", "b"]).await;
    let gate = Gate::new();
    relay.next(On::Tool("relay_reply"), Fault::Wait(gate.clone()));
    relay.start_again().await;
    until_true("the oldest is at the relay", || calls(&relay).len() == 1).await;
    assert!(write(&agent, "c").await, "a receipt at once");
    assert!(write(&agent.another(), "d").await);
    assert_eq!(agent.tools_call("relay_list_messages", "{}").await.status, 200, "reads do not wait");
    gate.open();
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a", "b", "c", "d"]);
    assert!(!write(&agent, "e").await, "the backlog is gone");
    assert_eq!(relay.applied_texts(), ["a", "b", "c", "d", "e"]);
}

/// B-5.5: behind a write that is in flight and turns out to have failed, too.
#[tokio::test]
async fn a_write_whose_outcome_is_unknown_keeps_its_place() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("500ms").start().await;
    let agent = proxy.agent();
    relay.next(On::Tool("relay_reply"), Fault::Hang);
    assert!(write(&agent, "a").await);
    for text in ["b", "c"] {
        write(&agent, text).await;
    }
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a", "b", "c"]);
}

/// B-5.8: one at a time.
#[tokio::test]
async fn one_write_is_on_its_way_at_a_time() {
    let (relay, proxy, _agent) = holding(&["a", "b", "c"]).await;
    let gate = Gate::new();
    relay.next(On::Tool("relay_reply"), Fault::Wait(gate.clone()));
    relay.start_again().await;
    until_true("the oldest is at the relay", || calls(&relay).len() == 1).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(calls(&relay).len(), 1);
    gate.open();
    proxy.depth_is(0).await;
}

/// B-9.5: whatever happens in between.
#[tokio::test]
async fn order_holds_while_the_relay_flaps() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("500ms").start().await;
    let agent = proxy.agent();
    let mut texts = Vec::new();
    for n in 0..30 {
        match n % 6 {
            1 => relay.next(On::Tool("relay_reply"), Fault::ApplyThenReset),
            2 => relay.stop().await,
            4 => relay.start_again().await,
            5 => relay.next(On::Tool("relay_reply"), Fault::status(503)),
            _ => {}
        }
        texts.push(n.to_string());
        write(&agent, &n.to_string()).await;
    }
    relay.applied_are(30).await;
    assert_eq!(relay.applied_texts(), texts);
    proxy.depth_is(0).await;
}

/// B-5.8: same arguments, same key, live token.
#[tokio::test]
async fn what_is_delivered_is_what_was_accepted_with_todays_token() {
    let (relay, proxy, _agent) = holding(&["a"]).await;
    proxy.home().write_token("new");
    // An attempt that is under way has read the old one.
    let attempts = async || proxy.control().outbox().await[0]["attempts"].as_u64().unwrap();
    let before = attempts().await;
    wait::until_async("another attempt", async || (attempts().await > before).then_some(())).await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    let delivered = calls(&relay).remove(0);
    assert_eq!(delivered.token(), Some("new"));
    assert_eq!(delivered.params()["arguments"], json!({"text": "a", "idempotencyKey": "key-a"}));
    assert_eq!(delivered.header("content-type"), Some("application/json"));
    let accept = delivered.header("accept").expect("servers answer 406 without");
    assert!(accept.contains("application/json") && accept.contains("text/event-stream"), "{accept}");
    assert!(delivered.json()["id"].is_string() || delivered.json()["id"].is_number());
}

/// B-5.8: a result in an event stream is a result.
#[tokio::test]
async fn an_answer_in_a_stream_delivers() {
    let relay = Relay::that().answers_in_sse().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    assert!(write(&proxy.agent(), "a").await);
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.arrivals().len(), 1);
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
}

/// B-5.8, B-11, OUTBOX G8: a poisoned write never blocks the rest.
#[tokio::test]
async fn what_the_relay_refuses_becomes_a_dead_letter() {
    let body = |inner: &str| format!(r#"{{"jsonrpc":"2.0","id":$ID,{inner}}}"#);
    for (fault, reason) in [
        (Fault::error(-32602, "bad-words"), "bad-words"),
        (Fault::json(200, body(r#""result":{"isError":true,"content":[{"type":"text","text":"no"}]}"#)), ""),
        (Fault::json(200, body(r#""result":{"resultType":"input_required","inputRequests":{}}"#)), ""),
        (Fault::status(400), "400"),
        (Fault::status(404), "404"),
        (Fault::status(409), "409"),
        (Fault::status(413), "413"),
        (Fault::status(422), "422"),
        (Fault::Answer(Canned::text(307, "").header("location", "/x")), "307"),
        (Fault::Answer(Canned::new(200, "text/html", "<p>hi")), ""),
        (Fault::json(200, "[]"), ""),
        (Fault::json(202, ""), ""),
    ] {
        let (relay, proxy, _agent) = holding(&["bad", "good"]).await;
        relay.next(On::Tool("relay_reply"), fault.clone());
        relay.start_again().await;
        proxy.dead_letters_are(1).await;
        proxy.depth_is(0).await;
        assert_eq!(relay.applied_texts(), ["good"], "{fault:?}");
        let dead = entry(&proxy, "bad").await;
        assert_eq!((&dead["state"], &dead["tool"]), (&json!("dead"), &json!("relay_reply")), "{fault:?}");
        let error = dead["lastError"].as_str().expect("a reason");
        assert!(!error.is_empty() && error.contains(reason), "{fault:?}: {error}");
    }
}

/// B-5.8: kept, visible, retriable by hand.
#[tokio::test]
async fn a_dead_letter_is_kept_until_somebody_decides() {
    let (relay, mut proxy, _agent) = holding(&["bad", "worse"]).await;
    relay.next_n(2, On::Tool("relay_reply"), Fault::status(400));
    relay.start_again().await;
    proxy.dead_letters_are(2).await;
    // In order: killed before the sync, it would deliver once more what the relay refused.
    proxy.terminate().await;
    proxy.restart().await;
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 2);
    let control = proxy.control();
    assert!(control.ask("POST", "/v1/outbox/key-bad/retry", None).await.status < 300);
    relay.applied_are(1).await;
    assert_eq!(relay.applied_texts(), ["bad"]);
    assert!(control.ask("DELETE", "/v1/outbox/key-worse", None).await.status < 300);
    proxy.dead_letters_are(0).await;
    assert_eq!(control.outbox().await, [Value::Null; 0]);
    proxy.terminate().await;
    proxy.restart().await;
    assert_eq!(proxy.control().outbox().await, [Value::Null; 0]);
}

/// B-5.8: 408, 425, 429, 5xx, down: wait, and try again.
#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let faults: Vec<Fault> =
        [408, 425, 429, 500, 501, 502, 503, 504, 507].into_iter().map(Fault::status).collect();
    let (relay, proxy, _agent) = holding(&["a", "b"]).await;
    for fault in [Fault::Reset, Fault::ApplyThenReset].into_iter().chain(faults) {
        relay.next(On::Tool("relay_reply"), fault);
    }
    relay.start_again().await;
    let helped = async || {
        proxy.agent().call("x/y", json!({})).await;
        (relay.applied().len() == 2).then_some(())
    };
    until_async("both are delivered", helped).await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a", "b"]);
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
}

/// B-5.8: not faster and faster, and the attempts are counted.
#[tokio::test]
async fn attempts_are_spaced_and_counted() {
    let (relay, proxy, _agent) = holding(&["a"]).await;
    relay.always(On::Tool("relay_reply"), Fault::status(503));
    relay.start_again().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let attempts = calls(&relay).len();
    assert!((1..=20).contains(&attempts), "{attempts} in three seconds");
    let waiting = entry(&proxy, "a").await;
    assert_eq!(waiting["state"], "queued");
    assert!(waiting["attempts"].as_u64().unwrap() >= attempts as u64, "{waiting}");
    assert!(waiting["lastError"].as_str().is_some_and(|error| error.contains("503")), "{waiting}");
}

/// B-5.8
#[tokio::test]
async fn retry_after_is_honoured() {
    let (relay, proxy, _agent) = holding(&["a"]).await;
    relay.next(On::Tool("relay_reply"), Fault::Answer(Canned::text(429, "").header("retry-after", "2")));
    relay.start_again().await;
    proxy.depth_is(0).await;
    let calls = calls(&relay);
    let waited = calls[1].at - calls[0].at;
    assert!(waited >= Duration::from_millis(1_900), "{waited:?}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

/// B-5.8: 401 and 403 pause the queue until the token changes; they are no dead letters.
#[tokio::test]
async fn a_refused_token_pauses_the_queue_until_there_is_another() {
    for status in [401, 403] {
        for by_file in [false, true] {
            let (relay, proxy, agent) = holding(&["a", "b"]).await;
            relay.always(On::Tool("relay_reply"), Fault::status(status));
            relay.start_again().await;
            let paused = async || (proxy.status().await["outbox"]["paused"] == true).then_some(());
            until_async("the queue pauses", paused).await;
            let tried = calls(&relay).len();
            assert!(write(&agent, "c").await, "newer writes go behind");
            tokio::time::sleep(QUIET).await;
            assert_eq!(calls(&relay).len(), tried, "nothing is tried meanwhile");
            assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
            relay.heal();
            relay.require_token(Some("new"));
            if by_file {
                proxy.home().write_token("new");
            } else {
                proxy.control().token("new").await;
            }
            proxy.depth_is(0).await;
            assert_eq!(relay.applied_texts(), ["a", "b", "c"]);
            assert_eq!(proxy.status().await["outbox"]["paused"], false);
        }
    }
}

/// B-5.8, B-6.1: 404 with a session: a new session, and again.
#[tokio::test]
async fn a_forgotten_session_is_no_reason_to_give_up() {
    let relay = Relay::that().keeps_sessions().start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    for (restart, text) in [(false, "a"), (true, "b")] {
        relay.stop().await;
        relay.forget_sessions();
        assert!(write(&agent, text).await);
        if restart {
            proxy.restart_here().await;
        }
        relay.start_again().await;
        proxy.depth_is(0).await;
        assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
    }
    assert_eq!(relay.applied_texts(), ["a", "b"]);
}

/// B-5.8: the wait is cut short when any other forward shows that the relay is back.
#[tokio::test]
async fn a_sign_of_life_cuts_the_wait_short() {
    let (relay, proxy, agent) = holding(&["a"]).await;
    relay.always(On::Tool("relay_reply"), Fault::status(503));
    relay.start_again().await;
    until_true("the wait has grown", || calls(&relay).len() >= 5).await;
    relay.heal();
    let sign = async || {
        agent.call("x/y", json!({})).await;
        (relay.applied().len() == 1).then_some(())
    };
    tokio::time::timeout(Duration::from_secs(2), until_async("it is delivered", sign)).await.unwrap();
    proxy.depth_is(0).await;
}

/// B-8.2: what waits and since when.
#[tokio::test]
async fn the_outbox_is_visible() {
    let (relay, proxy, _agent) = holding(&["a", "b"]).await;
    let outbox = proxy.status().await["outbox"].clone();
    assert_eq!(
        (&outbox["depth"], &outbox["deadLetters"], &outbox["paused"]),
        (&json!(2), &json!(0), &json!(false))
    );
    assert!(outbox["bytes"].as_u64().is_some_and(|bytes| bytes > 20), "{outbox}");
    assert!(outbox["oldestAgeMs"].is_u64(), "{outbox}");
    let entries = proxy.control().outbox().await;
    let keys: Vec<_> = entries.iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["key-a", "key-b"], "oldest first");
    for entry in &entries {
        assert_eq!((&entry["tool"], &entry["state"]), (&json!("relay_reply"), &json!("queued")));
        assert!(entry["attempts"].is_u64() && entry.get("enqueuedAt").is_some(), "{entry}");
    }
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(proxy.status().await["outbox"]["oldestAgeMs"], Value::Null);
}

/// B-5.9: a delivery in flight when the proxy dies is not forgotten.
#[tokio::test]
async fn a_delivery_in_flight_at_a_kill_is_delivered_once() {
    let (relay, mut proxy, _agent) = holding(&["a"]).await;
    let gate = Gate::new();
    relay.next(On::Tool("relay_reply"), Fault::Wait(gate.clone()));
    relay.start_again().await;
    until_true("it is at the relay", || calls(&relay).len() == 1).await;
    proxy.kill().await;
    until_true("the relay sees it", || calls(&relay)[0].fate() == Fate::Abandoned).await;
    gate.open();
    proxy.restart().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a"]);
}
