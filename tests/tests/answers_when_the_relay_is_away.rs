//! While the relay is down every request still gets an answer that a client understands (B-2.5, B-2.6,
//! B-2.8, B-3.2, B-3.5, B-4.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use relay_mcp_tests::agent::{Agent, LEGACY, names};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::tools::VISIBLE;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay, Speaks};
use relay_mcp_tests::wait;
use serde_json::{Value, json};

/// A proxy of a relay that was never there.
async fn alone() -> (Relay, Proxy) {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).relay_timeout("500ms").start().await;
    (relay, proxy)
}

fn assert_unreachable(answer: &relay_mcp_tests::agent::Answer, code: i64, delivered: &str) {
    assert_eq!(answer.status, 200, "clients hide the body of anything else: {}", answer.text());
    let error = answer.error();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().unwrap().starts_with("relay unreachable: "), "{error}");
    assert_eq!(error["data"]["delivered"], delivered, "{error}");
}

/// Waits until the proxy sees the relay in this state.
async fn relay_is(proxy: &Proxy, state: &str) {
    let sees = async || (proxy.status().await["relay"]["state"] == state).then_some(());
    wait::until_async(&format!("a relay that is {state}"), sees).await;
}

/// B-2.5
#[tokio::test]
async fn a_request_is_answered_with_its_id_and_that_nothing_was_sent() {
    let (_relay, proxy) = alone().await;
    let agent = proxy.agent();
    for id in [json!(1), json!("1"), json!("x\"\u{e9}"), json!(0), json!(-4)] {
        for method in ["x/y", "resources/list", "prompts/get", "completion/complete"] {
            let answer = agent.request_with_id(&id, method, &json!({})).send().await;
            assert_unreachable(&answer, -32002, "no");
            assert_eq!(answer.rpc()["id"], id);
        }
    }
    assert_unreachable(&agent.tools_call("relay_spawn_agent", "{}").await, -32002, "no");
}

/// B-2.5: the id comes back as it was spelled.
#[tokio::test]
async fn an_id_keeps_its_spelling() {
    let (_relay, proxy) = alone().await;
    for id in ["1.0", "12345678901234567890123", "\"\\u0061\\/\"", "1e2"] {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"x/y","id":{id}}}"#);
        let answer = proxy.agent().post(body).send().await;
        assert!(answer.text().contains(&format!("\"id\":{id}")), "{id}: {}", answer.text());
    }
}

/// B-2.6: modern agents must not be sent the seed's codes.
#[tokio::test]
async fn a_modern_agent_gets_a_modern_code() {
    let (_relay, proxy) = alone().await;
    let agent = proxy.agent().modern();
    assert_unreachable(&agent.call("x/y", json!({})).await, -31002, "no");
    assert_unreachable(&agent.tools_call("relay_spawn_agent", "{}").await, -31002, "no");
}

/// B-2.5: sent, and then nothing: nobody knows.
#[tokio::test]
async fn a_request_that_may_have_arrived_says_so() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for fault in [
        Fault::Reset,
        Fault::ApplyThenReset,
        Fault::status(502),
        Fault::status(504),
        Fault::json(504, r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#),
    ] {
        for (agent, code) in [(proxy.agent(), -32002), (proxy.agent().modern(), -31002)] {
            relay.next(On::Rpc("tools/call"), fault.clone());
            assert_unreachable(&agent.tools_call("relay_spawn_agent", "{}").await, code, "unknown");
        }
    }
    relay.next(On::Rpc("x/y"), Fault::Answer(Canned::text(503, "busy").header("retry-after", "3")));
    let answer = proxy.agent().call("x/y", json!({})).await;
    assert_eq!((answer.status, answer.error_code()), (200, -32002));
    assert!(matches!(answer.error()["data"]["delivered"].as_str(), Some("no" | "unknown")));
}

/// B-2.5: TLS that fails is no answer either.
#[tokio::test]
async fn a_relay_without_tls_is_away_for_an_https_url() {
    let relay = Relay::start().await;
    let proxy = Proxy::to_url(&relay.origin().replace("http://", "https://")).start().await;
    assert_unreachable(&proxy.agent().call("x/y", json!({})).await, -32002, "no");
    assert_eq!(relay.requests().len(), 0);
}

/// B-2.5
#[tokio::test]
async fn notifications_and_responses_are_accepted() {
    let (_relay, proxy) = alone().await;
    for body in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":3,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"3","error":{"code":-1,"message":"no"}}"#,
    ] {
        let answer = proxy.agent().post(body).send().await;
        assert_eq!((answer.status, answer.text().as_str()), (202, ""), "{body}");
    }
}

/// B-2.8
#[tokio::test]
async fn a_ping_is_answered_here() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    for fault in [Fault::status(502), Fault::status(503), Fault::Reset, Fault::Hang] {
        relay.next(On::Rpc("ping"), fault);
        let answer = proxy.agent().request_with_id(&json!("p"), "ping", &json!({})).send().await;
        assert_eq!(answer.rpc(), json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
    }
    relay.stop().await;
    assert_eq!(proxy.agent().call("ping", json!({})).await.result(), json!({}));
}

/// B-2.8: only while it is down.
#[tokio::test]
async fn a_ping_to_a_relay_that_is_up_is_the_relays() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    relay.next(On::Rpc("ping"), Fault::error(-32601, "no ping here"));
    assert_eq!(proxy.agent().call("ping", json!({})).await.error_code(), -32601);
    assert_eq!(relay.requests_of("ping").len(), 1);
}

/// B-3.2: the seed's hello, and a session, without which SDKs open no stream (B-11).
#[tokio::test]
async fn an_agent_that_comes_first_is_greeted_all_the_same() {
    let (_relay, proxy) = alone().await;
    let agent = proxy.agent();
    let hello = agent.initialize().await.result();
    assert_eq!(hello["protocolVersion"], "2024-11-05");
    assert_eq!(hello["serverInfo"]["name"], "agent-relay");
    assert_eq!(hello["serverInfo"]["title"], "Agent Relay (via runner)");
    assert!(hello["serverInfo"]["version"].is_string(), "{hello}");
    assert_eq!(hello["capabilities"]["tools"]["listChanged"], true);
    assert!(agent.session().is_some());
    assert_eq!(agent.notify("notifications/initialized").await.status, 202);
    assert_eq!(agent.menu().await, [""; 0]);
}

/// B-3.2: also when the relay takes the request and is silent, or sends a gateway's page.
#[tokio::test]
async fn a_relay_that_does_not_answer_the_hello_is_away() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    for fault in [Fault::Hang, Fault::Reset, Fault::status(502), Fault::status(503), Fault::status(504)] {
        relay.next(On::Rpc("initialize"), fault.clone());
        if matches!(fault, Fault::Reset) {
            relay.next(On::Rpc("initialize"), Fault::Reset);
        }
        let hello = proxy.agent().initialize().await.result();
        assert_eq!(hello["serverInfo"]["title"], "Agent Relay (via runner)", "{fault:?}");
    }
}

/// PEERS 8: a connection that the relay was closing is not an outage.
#[tokio::test]
async fn a_hello_or_a_menu_whose_connection_breaks_is_asked_for_once_more() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    for method in ["initialize", "tools/list"] {
        relay.next(On::Rpc(method), Fault::Reset);
    }
    assert_eq!(agent.greet().await["serverInfo"]["name"], "test-relay");
    assert_eq!(agent.menu().await, VISIBLE);
    assert_eq!(relay.requests_of("tools/list").len(), 2);
    assert!(!proxy.logs().contains("does not answer"), "{}", proxy.logs());
}

/// A restart that takes a moment is not seen: what the relay refused was not executed, and waits for it.
#[tokio::test]
async fn a_call_that_meets_a_restart_of_the_relay_is_answered_by_the_relay() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    relay.stop().await;
    let call = agent.tools_call("relay_spawn_agent", "{}");
    let restart = async {
        relay_is(&proxy, "down").await;
        relay.start_again().await;
    };
    let (answer, ()) = tokio::join!(call, restart);
    answer.result();
}

/// OUTBOX G6: a relay that takes requests and answers none costs one wait, not one each.
#[tokio::test]
async fn a_relay_that_is_silent_is_waited_for_once() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("500ms").start().await;
    let agent = proxy.agent();
    agent.greet().await;
    relay.always(On::Any, Fault::Hang);
    agent.menu().await;
    relay_is(&proxy, "down").await;
    let begun = Instant::now();
    for _ in 0..20 {
        assert_unreachable(&agent.tools_call("relay_spawn_agent", "{}").await, -32002, "no");
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    relay.heal();
    relay_is(&proxy, "up").await;
    agent.tools_call("relay_spawn_agent", "{}").await.result();
}

/// B-3.2
#[tokio::test]
async fn the_last_hello_is_remembered_over_a_restart() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let first = proxy.agent().initialize().await.result();
    relay.stop().await;
    assert_eq!(proxy.agent().initialize().await.result(), first);
    proxy.restart().await;
    assert_eq!(proxy.agent().initialize().await.result(), first);
    assert_eq!(first["serverInfo"]["name"], "test-relay");
}

async fn initialize_as(agent: &Agent, version: &str) -> Value {
    let params = json!({
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}
    });
    agent.call("initialize", params).await.result()["protocolVersion"].clone()
}

/// B-11: nobody is answered with a revision newer than the one that it asked for.
#[tokio::test]
async fn a_remembered_hello_is_no_newer_than_the_agent() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    assert_eq!(initialize_as(&proxy.agent(), LEGACY).await, LEGACY);
    relay.stop().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        assert_eq!(initialize_as(&proxy.agent(), version).await, version);
    }
}

/// B-3.2: rmcp asks for it in `initialize`; whoever gets it back talks modern ever after.
#[tokio::test]
async fn initialize_is_never_answered_with_the_modern_revision() {
    let (_relay, proxy) = alone().await;
    assert_eq!(initialize_as(&proxy.agent(), "2026-07-28").await, "2024-11-05");
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    assert_eq!(initialize_as(&proxy.agent(), "2026-07-28").await, LEGACY);
    relay.stop().await;
    assert_eq!(initialize_as(&proxy.agent(), "2026-07-28").await, LEGACY);
}

fn assert_sends_back_to_initialize(answer: &relay_mcp_tests::agent::Answer) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    let message = answer.json();
    assert_eq!(message["jsonrpc"], "2.0");
    assert!(message.as_object().unwrap().contains_key("id") && message["id"].is_null(), "{message}");
    assert_eq!(message["error"]["code"], -32000, "{message}");
}

/// B-3.5: down, and not known to be modern.
#[tokio::test]
async fn a_modern_agent_that_comes_first_falls_back() {
    let (relay, proxy) = alone().await;
    assert_sends_back_to_initialize(&proxy.agent().modern().discover().await);
    relay.start_again().await;
    proxy.agent().greet().await;
    relay.stop().await;
    assert_sends_back_to_initialize(&proxy.agent().modern().discover().await);
}

/// B-3.2
#[tokio::test]
async fn the_last_discovery_is_remembered_over_a_restart() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let first = proxy.agent().modern().discover().await.result();
    assert_eq!(first["resultType"], "complete");
    relay.stop().await;
    assert_eq!(proxy.agent().modern().discover().await.result(), first);
    proxy.restart().await;
    assert_eq!(proxy.agent().modern().discover().await.result(), first);
}

/// B-4.4
#[tokio::test]
async fn the_last_menu_is_shown_whatever_way_the_relay_is_away() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    let agent = proxy.agent();
    assert_eq!(agent.menu().await, VISIBLE);
    for fault in [Fault::Hang, Fault::Reset, Fault::status(502), Fault::status(503), Fault::status(504)] {
        relay.next(On::Rpc("tools/list"), fault.clone());
        assert_eq!(agent.menu().await, VISIBLE, "{fault:?}");
    }
    relay.stop().await;
    assert_eq!(agent.menu().await, VISIBLE);
}

/// B-4.4: nothing known is an empty menu, and a modern one has what modern clients need.
#[tokio::test]
async fn an_unknown_menu_is_empty() {
    let (_relay, proxy) = alone().await;
    assert_eq!(proxy.agent().tools_list().await.result()["tools"], json!([]));
    let modern = proxy.agent().modern().tools_list().await.result();
    assert_eq!(names(&modern), [""; 0]);
    assert_eq!((&modern["resultType"], &modern["ttlMs"]), (&json!("complete"), &json!(0)));
    assert_eq!(modern["cacheScope"], "private");
}

/// B-2 (*Down*): everything else that comes from the relay is an answer.
#[tokio::test]
async fn a_500_is_an_answer() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    assert_eq!(agent.menu().await, VISIBLE);
    for method in ["x/y", "ping", "tools/list", "initialize"] {
        relay.next(On::Rpc(method), Fault::Answer(Canned::text(500, "boom")));
        let answer = agent.call(method, json!({})).await;
        assert_eq!((answer.status, answer.text().as_str()), (500, "boom"), "{method}");
    }
}

/// B-8.2: what is known of the relay is what the last request showed.
#[tokio::test]
async fn the_status_says_whether_the_relay_is_there() {
    let (relay, proxy) = alone().await;
    assert_eq!(proxy.agent().call("x/y", json!({})).await.error_code(), -32002);
    assert_eq!(proxy.status().await["relay"]["state"], "down");
    relay.start_again().await;
    assert_eq!(proxy.agent().call("x/y", json!({})).await.error_code(), -32601);
    assert_eq!(proxy.status().await["relay"]["state"], "up");
}
