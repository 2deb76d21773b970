//! One key is one write: minted before the first attempt, the same ever after (B-5.3, B-5.7, B-9.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fault, Gate, On, Relay, Speaks};
use relay_mcp_tests::wait::{QUIET, until_true};
use serde_json::{Value, json};

const META_KEY: &str = "agent-relay/idempotencyKey";

async fn write(agent: &Agent, arguments: Value) -> Value {
    agent.tools_call("relay_reply", &arguments.to_string()).await.result()
}

/// B-5.3: it is there from the first byte on, not only when it is needed.
#[tokio::test]
async fn a_key_is_minted_before_the_first_attempt() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).start().await;
    for agent in [proxy.agent(), proxy.agent().modern()] {
        for arguments in [json!({}), json!({"idempotencyKey": ""}), json!({"idempotencyKey": 7})] {
            write(&agent, arguments).await;
        }
    }
    let no_arguments = json!({"name": "relay_reply"});
    proxy.agent().call("tools/call", no_arguments).await.result();
    let mut keys: Vec<String> = relay.applied().iter().map(|write| write.key.clone()).collect();
    assert!(keys.iter().all(|key| key.starts_with("mcp-relay_reply-")), "{keys:?}");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 7, "each has its own");
}

/// B-5.3, B-2.1: the rest of the body stays as it was.
#[tokio::test]
async fn a_key_is_put_in_without_touching_the_rest() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let parts = [
        r#"{ "id":1e0 ,"params":{"name":"relay_\u0072eply","#,
        r#""z":1.50e+2,"text":"\u00fc\/","a":[ 1, 2 ]"#,
        r#""_meta":{"progressToken":"p"},"x":null},"method":"tools/call","jsonrpc":"2.0","y":{}}"#,
    ];
    let body = format!(r#"{}"arguments":{{{}}},{}"#, parts[0], parts[1], parts[2]);
    let answer = proxy.agent().post(body).send().await;
    assert!(answer.text().contains(r#""id":1e0"#), "{}", answer.text());
    let seen = relay.request_of("tools/call").await;
    let text = String::from_utf8(seen.body.to_vec()).unwrap();
    for part in parts {
        assert!(text.contains(part.trim_start_matches('{')), "{part} in {text}");
    }
    assert!(seen.params()["arguments"]["idempotencyKey"].is_string(), "{text}");
}

/// B-5.3: a key of the agent's own is its own business.
#[tokio::test]
async fn the_agents_own_key_is_kept_and_the_body_untouched() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let body = r#"{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"relay_reply","arguments":{"x":1.0,"idempotencyKey":"my \u006bey"}}}"#;
    proxy.agent().post(body).send().await.result();
    assert_eq!(relay.request_of("tools/call").await.body, body);
    assert_eq!(relay.applied()[0].key, "my key");
}

/// B-5.3: calls of other tools get none.
#[tokio::test]
async fn only_writes_get_a_key() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    proxy.agent().tools_call("relay_spawn_agent", "{}").await.result();
    assert_eq!(relay.request_of("tools/call").await.key(), None);
}

/// B-11: a schema that admits no further argument would make the relay refuse the call.
#[tokio::test]
async fn a_closed_schema_gets_its_key_in_meta() {
    let closed = |properties: &str| {
        format!(
            r#"{{"name":"relay_reply","inputSchema":{{"type":"object","properties":{properties},"additionalProperties":false}}}}"#
        )
    };
    for (properties, in_arguments) in [
        (r#"{"text":{"type":"string"}}"#, false),
        (r#"{"text":{"type":"string"},"idempotencyKey":{"type":"string"}}"#, true),
    ] {
        let relay = Relay::that().offers([closed(properties)]).start().await;
        let proxy = Proxy::to(&relay).start().await;
        let agent = proxy.agent();
        agent.menu().await;
        write(&agent, json!({"text": "now"})).await;
        relay.stop().await;
        let receipt = write(&agent, json!({"text": "later"})).await["structuredContent"].clone();
        relay.start_again().await;
        relay.applied_are(2).await;
        let calls = relay.requests_of("tools/call");
        for call in &calls {
            let params = call.params();
            let key = call.key().expect("a key");
            assert!(key.starts_with("mcp-relay_reply-"), "{key}");
            let argument = params["arguments"].get("idempotencyKey");
            assert_eq!(argument.is_some(), in_arguments, "{params}");
            if !in_arguments {
                assert_eq!(params["_meta"][META_KEY], json!(key));
            }
        }
        assert_eq!(calls.last().unwrap().key().as_deref(), receipt["idempotencyKey"].as_str());
    }
}

/// B-5.3, B-5.6: the key of the attempt is the key of the receipt is the key of the delivery.
#[tokio::test]
async fn a_key_stays_the_same_over_retries_and_restarts() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    let agent = proxy.agent();
    relay.always(On::Tool("relay_reply"), Fault::status(503));
    let receipt = write(&agent, json!({"text": "x"})).await["structuredContent"].clone();
    until_true("it was tried again", || relay.requests_of("tools/call").len() > 2).await;
    proxy.restart().await;
    relay.heal();
    relay.applied_are(1).await;
    let key = receipt["idempotencyKey"].as_str();
    assert!(relay.requests_of("tools/call").iter().all(|call| call.key().as_deref() == key));
    assert_eq!(relay.applied_texts(), ["x"]);
}

/// B-5.7
#[tokio::test]
async fn the_same_write_again_is_not_queued_twice() {
    let relay = Relay::that().start_down().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let first = write(&proxy.agent(), json!({"text": "x", "idempotencyKey": "k"})).await;
    assert_eq!(write(&proxy.agent(), json!({"idempotencyKey": "k", "text": "x"})).await, first);
    proxy.restart().await;
    assert_eq!(write(&proxy.agent(), json!({"text": "x", "idempotencyKey": "k"})).await, first);
    assert_eq!(proxy.status().await["outbox"]["depth"], 1);
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.arrivals().len(), 1);
}

/// B-11: the same key for something else is a mistake that somebody must see.
#[tokio::test]
async fn the_same_key_with_other_arguments_is_refused() {
    let relay = Relay::that().speaks(Speaks::Both).start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    write(&agent, json!({"text": "x", "idempotencyKey": "k"})).await;
    for other in [&agent, &agent.modern()] {
        let answer = other.tools_call("relay_reply", r#"{"text":"y","idempotencyKey":"k"}"#).await;
        assert_eq!((answer.status, answer.error_code()), (200, -32602), "{}", answer.text());
    }
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["x"]);
}

/// B-11: in flight: the same outcome, each under its own id.
#[tokio::test]
async fn the_same_write_in_flight_has_the_same_outcome() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let gate = Gate::new();
    relay.next(On::Tool("relay_reply"), Fault::Wait(gate.clone()));
    let params = json!({"name": "relay_reply", "arguments": {"text": "x", "idempotencyKey": "k"}});
    let ask = |id: &str| proxy.agent().request_with_id(&json!(id), "tools/call", &params);
    let first = tokio::spawn(ask("one").send());
    until_true("it is at the relay", || relay.requests_of("tools/call").len() == 1).await;
    let second = tokio::spawn(ask("two").send());
    tokio::time::sleep(QUIET).await;
    gate.open();
    let (first, second) = (first.await.unwrap().rpc(), second.await.unwrap().rpc());
    assert_eq!((&first["id"], &second["id"]), (&json!("one"), &json!("two")));
    assert_eq!(first["result"], second["result"]);
    assert_eq!(relay.arrivals().len(), 1);
}

/// B-11, B-5.6: and when the outcome is a receipt, both get it.
#[tokio::test]
async fn the_same_write_in_flight_has_the_same_receipt() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("1s").start().await;
    relay.next(On::Tool("relay_reply"), Fault::ApplyThenHang);
    let arguments = r#"{"text":"x","idempotencyKey":"k"}"#;
    let first = tokio::spawn(proxy.agent().tool("relay_reply", arguments).send());
    until_true("it is at the relay", || relay.requests_of("tools/call").len() == 1).await;
    let second = proxy.agent().tools_call("relay_reply", arguments).await.result();
    assert_eq!(first.await.unwrap().result(), second);
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["x"]);
}

/// B-11: in the dead letters: queued again.
#[tokio::test]
async fn the_same_write_after_a_dead_letter_is_queued_again() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    write(&agent, json!({"text": "x", "idempotencyKey": "k"})).await;
    relay.next(On::Tool("relay_reply"), Fault::Answer(Canned::text(400, "not today")));
    relay.start_again().await;
    proxy.dead_letters_are(1).await;
    let again = write(&agent, json!({"text": "x", "idempotencyKey": "k"})).await;
    assert_eq!(again["structuredContent"]["queued"], true, "{again}");
    relay.applied_are(1).await;
    proxy.dead_letters_are(0).await;
    assert_eq!(relay.applied_texts(), ["x"]);
}

/// After it was delivered the key is the relay's to know.
#[tokio::test]
async fn the_same_write_after_its_delivery_goes_to_the_relay() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    let arguments = json!({"text": "x", "idempotencyKey": "k"});
    assert_eq!(write(&agent, arguments.clone()).await["structuredContent"]["duplicate"], false);
    assert_eq!(write(&agent, arguments).await["structuredContent"]["duplicate"], true);
}
