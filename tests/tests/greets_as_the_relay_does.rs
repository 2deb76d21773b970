//! The hello is the relay's own, with `listChanged`; and an agent that was greeted here while the relay was
//! down works when it is back (B-3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use relay_mcp_tests::agent::{Agent, initialize_params};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::behaviour::{DISCOVER, HELLO};
use relay_mcp_tests::relay::tools::VISIBLE;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay, RelayBuilder, Speaks};
use relay_mcp_tests::wait::until_true;
use serde_json::{Value, json};

/// B-3.1
#[tokio::test]
async fn the_hello_is_the_relays_with_list_changed() {
    for relay in [Relay::that(), Relay::that().keeps_sessions(), Relay::that().answers_in_sse()] {
        let relay = relay.start().await;
        let proxy = Proxy::to(&relay).start().await;
        let answer = proxy.agent().initialize().await;
        let mut wanted: Value = serde_json::from_str(HELLO).unwrap();
        wanted["capabilities"]["tools"]["listChanged"] = json!(true);
        assert_eq!(answer.result(), wanted);
        assert_keeps_spelling(&answer.text(), &[r#""x-tools":1.0"#, r#""x-hello":1e3"#, r"Be \u006bind."]);
    }
}

/// B-3.1
#[tokio::test]
async fn the_discovery_is_the_relays_with_list_changed() {
    for relay in [Relay::that(), Relay::that().answers_in_sse()] {
        let relay = relay.speaks(Speaks::Both).start().await;
        let proxy = Proxy::to(&relay).start().await;
        let answer = proxy.agent().modern().discover().await;
        let result = answer.result();
        let mut wanted: Value = serde_json::from_str(DISCOVER).unwrap();
        wanted["capabilities"]["tools"]["listChanged"] = json!(true);
        for member in ["resultType", "supportedVersions", "capabilities", "_meta", "instructions", "x-hello"]
        {
            assert_eq!(result[member], wanted[member], "{member}");
        }
        assert_keeps_spelling(&answer.text(), &[r#""x-cap":1.0"#, r#""x-hello":1e3"#]);
    }
}

fn assert_keeps_spelling(text: &str, spellings: &[&str]) {
    for spelling in spellings {
        assert!(text.contains(spelling), "{spelling} in {text}");
    }
}

/// B-3.1: whatever the relay says of its tools.
#[tokio::test]
async fn list_changed_becomes_true_in_every_hello() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for (capabilities, wanted) in [
        (r#"{"tools":{"listChanged":false}}"#, json!({"tools": {"listChanged": true}})),
        (r#"{"tools":{"listChanged":true}}"#, json!({"tools": {"listChanged": true}})),
        (r#"{"logging":{}}"#, json!({"logging": {}, "tools": {"listChanged": true}})),
        ("{}", json!({"tools": {"listChanged": true}})),
    ] {
        relay.change(|behaviour| {
            behaviour.hello = format!(
                r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"serverInfo":{{"name":"r","version":"1"}}}}"#
            );
        });
        assert_eq!(proxy.agent().initialize().await.result()["capabilities"], wanted);
    }
}

/// B-11, B-6.1: SDKs open their stream only in a session.
#[tokio::test]
async fn a_legacy_hello_always_begins_a_session() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.initialize().await.result();
    assert_eq!(agent.session(), relay.sessions().first().cloned(), "the relay's own is passed on");

    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    let session = agent.session().expect("one of ours");
    assert!(session.len() >= 16 && session.bytes().all(|byte| byte.is_ascii_graphic()), "{session}");
    agent.menu().await;
    assert!(relay.requests().iter().all(|request| request.session().is_none()), "the relay gave none");
    let other = proxy.agent();
    other.greet().await;
    assert_ne!(other.session(), Some(session));
}

/// B-3.3
#[tokio::test]
async fn a_rejected_hello_is_passed_on_word_by_word() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let body =
        r#"{ "error":{"message":"no \u0061gents today","code":-32602,"data":1.0},"id":5,"jsonrpc":"2.0"}"#;
    for canned in
        [Canned::json(200, body), Canned::json(400, body), Canned::text(403, "no"), Canned::text(404, "")]
    {
        relay.next(On::Rpc("initialize"), Fault::Answer(canned.clone()));
        let answer =
            proxy.agent().request_with_id(&json!(5), "initialize", &initialize_params()).send().await;
        assert_eq!((answer.status, &answer.body), (canned.status, &canned.body));
    }
}

/// The methods that reached the relay, in order.
fn methods(relay: &Relay) -> Vec<String> {
    relay.requests().iter().filter_map(relay_mcp_tests::relay::Recorded::rpc_method).collect()
}

/// Greets an agent while there is no relay, and brings the relay back.
async fn greeted_early(relay: RelayBuilder) -> (Arc<Relay>, Proxy, Agent) {
    let relay = Arc::new(relay.start_down().await);
    let proxy = Proxy::to(&relay).relay_timeout("5s").start().await;
    let agent = proxy.agent();
    agent.greet().await;
    relay.start_again().await;
    (relay, proxy, agent)
}

/// B-3.4
#[tokio::test]
async fn an_agent_greeted_early_is_introduced_when_the_relay_is_back() {
    for relay in [Relay::that().keeps_sessions(), Relay::that()] {
        let (relay, _proxy, agent) = greeted_early(relay).await;
        assert_eq!(agent.menu().await, VISIBLE);
        let seen = methods(&relay);
        let place = |method: &str| seen.iter().position(|seen| seen == method).expect(method);
        assert!(place("initialize") < place("notifications/initialized"), "{seen:?}");
        assert!(place("notifications/initialized") < place("tools/list"), "{seen:?}");
        let hello = relay.request_of("initialize").await;
        assert_eq!(hello.params(), initialize_params(), "in the agent's own words");
        assert_eq!(hello.session(), None);
    }
}

/// B-3.4: once, not before each request.
#[tokio::test]
async fn it_is_introduced_once() {
    let (relay, _proxy, agent) = greeted_early(Relay::that().keeps_sessions()).await;
    let asked: Vec<_> =
        (0..5).map(|_| tokio::spawn(agent.request("tools/list", &json!({})).send())).collect();
    for answer in asked {
        answer.await.unwrap().result();
    }
    agent.tools_call("relay_list_messages", "{}").await.result();
    assert_eq!(relay.requests_of("initialize").len(), 1);
    assert_eq!(relay.sessions().len(), 1);
    let session = relay.sessions().remove(0);
    assert!(relay.requests_of("tools/list").iter().all(|request| request.session() == Some(&session)));
}

/// B-3.4: whatever its first request is.
#[tokio::test]
async fn it_is_introduced_before_a_write_too() {
    let (relay, _proxy, agent) = greeted_early(Relay::that().keeps_sessions()).await;
    let result = agent.tools_call("relay_reply", r#"{"text":"first"}"#).await.result();
    relay.applied_are(1).await;
    assert_eq!(relay.applied_texts(), ["first"]);
    assert!(result.get("structuredContent").is_some(), "{result}");
}

/// B-3.4, B-6.1: also when the proxy was restarted in between.
#[tokio::test]
async fn it_is_introduced_after_a_restart_of_the_proxy() {
    let relay = Relay::that().keeps_sessions().start_down().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    proxy.restart_here().await;
    relay.start_again().await;
    assert_eq!(agent.menu().await, VISIBLE);
    assert_eq!(relay.request_of("initialize").await.params(), initialize_params());
}

/// B-6.1: the relay restarted; the agent sees nothing of it.
#[tokio::test]
async fn a_session_that_the_relay_forgot_is_opened_again() {
    let relay = Relay::that().keeps_sessions().start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    for restart in [false, true] {
        relay.forget_sessions();
        if restart {
            proxy.restart_here().await;
        }
        assert_eq!(agent.menu().await, VISIBLE);
        assert_eq!(
            agent.tools_call("relay_reply", r#"{"text":"x"}"#).await.result()["content"][0]["text"],
            "applied"
        );
        let hellos = relay.requests_of("initialize");
        assert_eq!(hellos.last().unwrap().params(), initialize_params());
        assert_eq!(relay.sessions().len(), 1);
    }
}

/// B-6.2
#[tokio::test]
async fn several_sessions_live_side_by_side() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agents = [proxy.agent(), proxy.agent(), proxy.agent()];
    for agent in &agents {
        agent.greet().await;
    }
    relay.forget_sessions();
    for agent in &agents {
        assert_eq!(agent.menu().await, VISIBLE);
    }
    assert_eq!(relay.sessions().len(), 3);
    agents[0].ask("DELETE").send().await;
    until_true("one session is ended", || relay.sessions().len() == 2).await;
    assert_eq!(agents[1].menu().await, VISIBLE);
    assert_eq!(agents[0].tools_list().await.status, 404);
}

/// B-3.5: all the ways in which a legacy relay says that it does not know `server/discover`.
#[tokio::test]
async fn a_legacy_relay_sends_modern_agents_back_to_initialize() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    let error = |code| format!(r#"{{"jsonrpc":"2.0","id":$ID,"error":{{"code":{code},"message":"no"}}}}"#);
    let ways = [
        Fault::error(-32601, "Method not found"),
        Fault::error(-32602, "no params"),
        Fault::error(-32600, "invalid request"),
        Fault::json(400, error(-32000)),
        Fault::json(400, error(-32600)),
        Fault::json(400, error(-32602)),
        Fault::json(400, ""),
        Fault::json(401, error(-32001)),
        Fault::json(401, ""),
        Fault::status(403),
        Fault::json(404, error(-32001)),
        Fault::status(404),
        Fault::status(405),
        Fault::status(406),
        Fault::status(415),
        Fault::json(422, "{}"),
        Fault::status(429),
        Fault::status(500),
        Fault::json(500, error(-32603)),
        Fault::status(501),
        Fault::status(502),
        Fault::status(503),
        Fault::status(504),
        Fault::json(202, ""),
        Fault::json(200, ""),
        Fault::json(200, "null"),
        Fault::json(200, "[]"),
        Fault::json(200, r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#),
        Fault::Answer(Canned::new(200, "text/html", "<p>hello")),
        Fault::Answer(Canned::new(200, "text/event-stream", "")),
        Fault::Answer(Canned::text(307, "").header("location", "/login")),
        Fault::Reset,
        Fault::Hang,
    ];
    for way in ways {
        relay.next(On::Rpc("server/discover"), way.clone());
        let answer = proxy.agent().modern().discover().await;
        assert_eq!(answer.status, 400, "{way:?}: {}", answer.text());
        let message = answer.json();
        assert_eq!((&message["jsonrpc"], &message["id"]), (&json!("2.0"), &Value::Null), "{way:?}");
        assert_eq!(message["error"]["code"], -32000, "{way:?}");
        assert!(message["error"]["message"].is_string(), "{way:?}");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(proxy.agent().greet().await["serverInfo"]["name"], "test-relay", "and so they come in");
}

/// B-3.5: a discovery that names legacy revisions only is no modern answer: clients would give up over it.
#[tokio::test]
async fn a_discovery_of_legacy_revisions_sends_back_to_initialize() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    relay.change(|behaviour| behaviour.discover = DISCOVER.replace("2026-07-28", "2025-11-25"));
    let proxy = Proxy::to(&relay).start().await;
    let answer = proxy.agent().modern().discover().await;
    assert_eq!((answer.status, answer.error_code()), (400, -32000), "{}", answer.text());
}

/// One proxy serves agents of both eras at once.
#[tokio::test]
async fn both_eras_are_served_at_once() {
    let relay = Relay::that().speaks(Speaks::Both).keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (legacy, modern) = (proxy.agent(), proxy.agent().modern());
    modern.discover().await.result();
    legacy.greet().await;
    assert_eq!(modern.menu().await, VISIBLE);
    assert_eq!(legacy.menu().await, VISIBLE);
    modern.tools_call("relay_reply", r#"{"text":"m"}"#).await.result();
    legacy.tools_call("relay_reply", r#"{"text":"l"}"#).await.result();
    assert_eq!(relay.applied_texts(), ["m", "l"]);
}

/// The era is told from `_meta`: legacy clients already send `Mcp-Method`.
#[tokio::test]
async fn headers_alone_make_nobody_modern() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let ask = proxy.agent().request("x/y", &json!({}));
    let answer = ask.header("mcp-method", "x/y").header("mcp-protocol-version", "2026-07-28").send().await;
    assert_eq!(answer.error_code(), -32002);
    let meta = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2027-01-01"}});
    assert_eq!(proxy.agent().call("x/y", meta).await.error_code(), -31002);
}
