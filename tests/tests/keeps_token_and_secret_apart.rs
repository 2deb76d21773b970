//! The agent never sees the relay's token, the relay never the agent's secret, and nobody else either of
//! them (B-2.2, B-2.7, B-9.6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use relay_mcp_tests::agent::{Answer, Ask};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fault, Gate, On, Recorded, Relay, Speaks};
use relay_mcp_tests::wait::until_true;
use serde_json::json;

const TOKEN: &str = "the-token-of-the-runner-1";
const NEXT: &str = "the-token-of-the-runner-2";

fn tokens(requests: &[Recorded]) -> Vec<Option<&str>> {
    requests.iter().map(Recorded::token).collect()
}

/// B-2.2
#[tokio::test]
async fn the_token_takes_the_place_of_the_secret() {
    let relay = Relay::that().requires(TOKEN).start().await;
    let proxy = Proxy::to(&relay).token(&format!("{TOKEN}\n")).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    agent.menu().await;
    agent.tools_call("relay_reply", r#"{"text":"x"}"#).await.result();
    for request in relay.requests() {
        assert_eq!(request.token(), Some(TOKEN));
        assert_eq!(request.headers.get_all("authorization").iter().count(), 1);
        assert!(!format!("{request:?}").contains(proxy.secret()), "{request:?}");
    }
}

/// B-2.2, B-10: an absent token forwards none, least of all the secret.
#[tokio::test]
async fn no_token_is_no_authorization() {
    let relay = Relay::start().await;
    for proxy in [Proxy::to(&relay).start().await, Proxy::to(&relay).token_file().start().await] {
        proxy.agent().greet().await;
        assert!(relay.requests().iter().all(|request| request.header("authorization").is_none()));
    }
}

/// B-2.2: read at each forward.
#[tokio::test]
async fn another_token_in_the_file_is_used_at_once() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).token_file().start().await;
    let agent = proxy.agent();
    agent.call("x/1", json!({})).await;
    for (n, token) in [TOKEN, NEXT, TOKEN].into_iter().enumerate() {
        proxy.home().write_token(token);
        agent.call("x/2", json!({})).await;
        assert_eq!(relay.requests()[n + 1].token(), Some(token));
    }
    assert_eq!(relay.requests()[0].token(), None);
}

/// B-11
#[tokio::test]
async fn the_runner_can_hand_another_token_in() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).env("RELAY_TOKEN", TOKEN).start().await;
    proxy.agent().call("x/1", json!({})).await;
    proxy.control().token(NEXT).await;
    proxy.agent().call("x/2", json!({})).await;
    assert_eq!(tokens(&relay.requests()), [Some(TOKEN), Some(NEXT)]);
}

/// B-2.7: the token changed while the request was on its way.
#[tokio::test]
async fn a_refused_token_is_read_again_and_the_request_sent_once_more() {
    let relay = Relay::that().requires(TOKEN).start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    let asks: [(&'static str, Ask); 4] = [
        ("x/y", agent.request("x/y", &json!({}))),
        ("tools/list", agent.request("tools/list", &json!({}))),
        ("tools/call", agent.tool("relay_list_messages", "{}")),
        ("tools/call", agent.tool("relay_reply", r#"{"text":"x"}"#)),
    ];
    for (method, ask) in asks {
        let gate = Gate::new();
        let (old, new) = (TOKEN, NEXT);
        proxy.home().write_token(old);
        relay.require_token(Some(old));
        relay.forget_requests();
        relay.next(On::Rpc(method), Fault::Wait(gate.clone()));
        let asked = tokio::spawn(ask.send());
        relay.request_of(method).await;
        relay.require_token(Some(new));
        proxy.home().write_token(new);
        gate.open();
        let answer = asked.await.unwrap();
        assert_ne!(answer.status, 401);
        let requests = relay.requests_of(method);
        assert_eq!(tokens(&requests), [Some(old), Some(new)], "{method}");
        assert_eq!(requests[0].body, requests[1].body, "{method}");
        assert_ne!(answer.rpc()["error"]["code"], -32001, "{method}: {}", answer.text());
    }
    assert_eq!(relay.applied_texts(), ["x"]);
}

fn assert_not_taken_for_ours(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("www-authenticate"), None);
}

/// B-2.7
#[tokio::test]
async fn a_token_that_stays_refused_is_told_in_the_relays_words() {
    let relay = Relay::that().requires(NEXT).start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    let agent = proxy.agent();
    for ask in [
        agent.request_with_id(&json!("i"), "x/y", &json!({})),
        agent.request_with_id(&json!("i"), "initialize", &relay_mcp_tests::agent::initialize_params()),
        agent.request_with_id(&json!("i"), "tools/list", &json!({})),
        agent.request_with_id(&json!("i"), "tools/call", &json!({"name": "relay_reply", "arguments": {}})),
        agent.request_with_id(&json!("i"), "tools/call", &json!({"name": "relay_spawn_agent"})),
    ] {
        relay.forget_requests();
        let answer = ask.send().await;
        assert_not_taken_for_ours(&answer);
        assert_eq!(answer.rpc()["id"], "i");
        assert_eq!(answer.error()["message"], "the relay does not know this token");
        assert_eq!(relay.requests().len(), 1, "the token has not changed");
    }
    assert_eq!(proxy.status().await["outbox"]["depth"], 0, "a refusal is an answer");
}

/// B-2.7, B-2.6: -31005 for both eras.
#[tokio::test]
async fn a_token_that_is_refused_without_a_word_is_told_in_ours() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    for agent in [proxy.agent(), proxy.agent().modern()] {
        for body in ["", "<html>", "{\"error\":\"invalid_token\"}", "[1]"] {
            relay.next(On::Any, Fault::json(401, body));
            let answer = agent.request_with_id(&json!(77), "x/y", &json!({})).send().await;
            assert_not_taken_for_ours(&answer);
            assert_eq!(answer.rpc()["id"], 77, "{body}");
            assert_eq!(answer.error_code(), -31005, "{body}");
            assert!(answer.text().contains("relay refused the token"), "{}", answer.text());
        }
    }
}

/// B-2.7, B-11: nor on GET, DELETE and notifications.
#[tokio::test]
async fn no_request_is_ever_answered_with_the_relays_401() {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    relay.require_token(Some(NEXT));
    let events = agent.stream().open().await;
    assert_eq!((events.status, events.headers.get("www-authenticate")), (200, None));
    assert_ne!(agent.notify("notifications/x").await.status, 401);
    assert_eq!(agent.ask("DELETE").send().await.status, 204);
}

/// B-2.7: other refusals are the relay's own business with the agent.
#[tokio::test]
async fn a_403_crosses_as_it_is() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    for ask in [proxy.agent().tool("relay_reply", "{}"), proxy.agent().request("tools/list", &json!({}))] {
        relay.next(On::Any, Fault::Answer(Canned::text(403, "not you")));
        let answer = ask.send().await;
        assert_eq!((answer.status, answer.text().as_str()), (403, "not you"));
    }
}

/// B-9.6, B-8.2: no token, no secret and no argument in logs, status, metrics or on stdout.
#[tokio::test]
async fn nobody_else_is_told() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay)
        .token(TOKEN)
        .relay_timeout("500ms")
        .env("RUST_LOG", "trace")
        .control("127.0.0.1:0")
        .start()
        .await;
    let agent = proxy.agent();
    agent.greet().await;
    agent.menu().await;
    let argument = "an-argument-of-the-agent";
    let write = format!(r#"{{"text":"{argument}"}}"#);
    agent.tools_call("relay_list_messages", &write).await.result();
    proxy.stranger(Some("a-wrong-secret-of-a-stranger")).tools_list().await;
    agent.post(format!("{argument} is not JSON")).send().await;
    relay.next(On::Any, Fault::Answer(Canned::text(401, "")));
    agent.tools_call("relay_reply", &write).await;
    proxy.home().write_token(NEXT);
    relay.stop().await;
    agent.tools_call("relay_reply", &write).await.result();
    agent.tools_call("relay_list_messages", &write).await;
    let status = proxy.status().await.to_string();
    let metrics = proxy.control().metrics().await;
    let list = proxy.control().ask("GET", "/v1/outbox", None).await.text();
    let (logs, printed) = (proxy.logs(), proxy.printed().concat());
    let secret = proxy.secret();
    let control_secret = proxy.control().secret();
    for (what, text) in
        [("status", status), ("metrics", metrics), ("outbox", list), ("logs", logs), ("stdout", printed)]
    {
        let hidden = [TOKEN, NEXT, secret, &control_secret, argument, "a-wrong-secret-of-a-stranger"];
        for hidden in hidden {
            assert!(!text.contains(hidden), "{hidden} in {what}: {text}");
        }
    }
}

/// OUTBOX G15: no token or secret in the store; only its owner may read it.
#[tokio::test]
async fn the_store_keeps_neither() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).token(TOKEN).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    agent.menu().await;
    relay.stop().await;
    agent.tools_call("relay_reply", r#"{"text":"kept"}"#).await.result();
    proxy.terminate().await;
    let secret_file = proxy.ready().secret_file.clone().unwrap();
    let mut kept = false;
    for (path, bytes) in proxy.home().files() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        let text = String::from_utf8_lossy(&bytes);
        kept |= text.contains("kept");
        assert!(!text.contains(TOKEN), "the token is in {}", path.display());
        assert!(path == secret_file || !text.contains(proxy.secret()), "the secret is in {}", path.display());
    }
    assert!(kept, "the write is in the store, so that was the right place to look");
}

/// B-2.2: rotation needs no restart, and a request in flight ends with what it began with.
#[tokio::test]
async fn a_request_in_flight_is_not_disturbed_by_rotation() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).token(TOKEN).start().await;
    let gate = Gate::new();
    relay.next(On::Rpc("x/wait"), Fault::Wait(gate.clone()));
    let asked = tokio::spawn(proxy.agent().request("x/wait", &json!({})).send());
    until_true("it is at the relay", || relay.requests().len() == 1).await;
    proxy.control().token(NEXT).await;
    gate.open();
    assert_eq!(asked.await.unwrap().error_code(), -32601, "the relay's own answer");
    assert_eq!(tokens(&relay.requests()), [Some(TOKEN)]);
}
