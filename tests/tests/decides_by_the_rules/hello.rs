//! B-3: the hello of both eras.

use relay_mcp_core::mcp::{META_CLIENT_CAPABILITIES, META_VERSION, MODERN};
use relay_mcp_core::{Command, Config, Sent};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{initialize, legacy, modern};
use serde_json::{Value, json};

fn discover(host: &mut Host) -> relay_mcp_core::ExchangeId {
    host.request(modern(1, "server/discover", &json!({})))
}

/// A relay that was seen to speak the modern era.
fn knows_a_modern_relay() -> Host {
    let mut host = Host::new(Config::default());
    discover(&mut host);
    host.relay_results(&json!({ "supportedVersions": ["2026-07-28"], "x": 1 }));
    host.store_all();
    host
}

fn assert_not_modern(host: &Host, exchange: relay_mcp_core::ExchangeId, what: &str) {
    let answer = host.answer(exchange);
    assert_eq!(answer.status, 400, "{what}");
    assert_eq!(
        (&answer.json()["id"], &answer.json()["error"]["code"]),
        (&Value::Null, &json!(-32000)),
        "{what}"
    );
}

#[test]
fn b_3_1_a_hello_is_forwarded_and_promises_to_tell_of_changes() {
    let mut host = Host::new(Config::default());
    let hello = host.request(initialize(1));
    let result = r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"x":{}},"n":1.50}"#;
    host.relay_says_with(200, &[("mcp-session-id", "s1")], &format!(r#"{{"id":1,"result":{result}}}"#));
    let expected =
        r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"x":{}},"n":1.50}"#;
    assert_eq!(host.answer(hello).text(), format!(r#"{{"id":1,"result":{expected}}}"#));
    assert_eq!(host.answer(hello).session(), "s1");
}

#[test]
fn b_3_2_without_a_relay_the_hello_is_the_last_one_and_holds_across_restarts() {
    let mut host = Host::new(Config::default());
    host.greeted(None);
    for _ in 0..2 {
        let hello = host.request(initialize(7));
        host.relay_is_away();
        let answer = host.json(hello);
        assert_eq!(answer["id"], 7);
        assert_eq!(answer["result"]["serverInfo"]["name"], "relay");
        assert_eq!(answer["result"]["capabilities"]["tools"]["listChanged"], true);
        host.crash(9);
    }
}

#[test]
fn b_3_2_of_an_unknown_relay_the_seeds_hello_speaks() {
    let mut host = Host::new(Config::default());
    let hello = host.request(initialize(1));
    host.relay_says(503, &json!({}));
    let result = host.json(hello)["result"].clone();
    assert_eq!(result["protocolVersion"], "2024-11-05");
    assert_eq!(result["serverInfo"]["title"], "Agent Relay (via runner)");
    assert_eq!(result["capabilities"], json!({ "tools": { "listChanged": true } }));
}

#[test]
fn b_3_2_initialize_is_never_answered_with_a_modern_version() {
    for is_away in [false, true] {
        let mut host = Host::new(Config::default());
        for turn in 0..2 {
            let params = json!({ "protocolVersion": "2026-07-28", "capabilities": {} });
            let hello = host.request(legacy(1, "initialize", &params));
            match is_away && turn == 1 {
                true => host.relay_is_away(),
                false => host.relay_results(&json!({ "protocolVersion": "2026-07-28" })),
            }
            assert_eq!(host.json(hello)["result"]["protocolVersion"], "2025-11-25");
        }
    }
}

#[test]
fn b_3_3_a_rejection_is_passed_on_verbatim() {
    let rejection = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","x":1.0}}"#;
    for status in [200, 400, 403, 500] {
        let mut host = Host::new(Config::default());
        let hello = host.request(initialize(1));
        host.relay_says_with(status, &[], rejection);
        assert_eq!((host.answer(hello).status, host.answer(hello).text()), (status, rejection.into()));
        assert_eq!(host.answer(hello).header("mcp-session-id"), None);
    }
}

#[test]
fn b_3_5_whatever_a_legacy_relay_says_to_discover_clients_fall_back() {
    let error = |code: i64| json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "?" } });
    for (status, body) in [
        (200, error(-32601)),
        (200, json!({ "jsonrpc": "2.0", "id": 1, "result": {} })),
        (200, json!("what?")),
        (202, Value::Null),
        (302, Value::Null),
        (400, error(-32000)),
        (400, error(-32600)),
        (400, Value::Null),
        (401, Value::Null),
        (403, error(-32001)),
        (404, Value::Null),
        (405, Value::Null),
        (406, error(-32000)),
        (429, Value::Null),
        (500, Value::Null),
        (502, Value::Null),
        (503, Value::Null),
    ] {
        let mut host = Host::new(Config::default());
        let exchange = discover(&mut host);
        host.relay_says(status, &body);
        assert_not_modern(&host, exchange, &format!("{status} {body}"));
    }
}

#[test]
fn b_3_3_a_malformed_discover_is_no_probe_and_its_rejection_is_passed_on() {
    let rejection = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","x":1.0}}"#;
    for (meta, is_probe) in [
        (json!({}), false),
        (json!({ META_VERSION: MODERN }), false),
        (json!({ META_CLIENT_CAPABILITIES: {} }), false),
        (json!({ META_VERSION: 20260728, META_CLIENT_CAPABILITIES: {} }), false),
        (json!({ META_VERSION: MODERN, META_CLIENT_CAPABILITIES: [] }), false),
        (json!({ META_VERSION: MODERN, META_CLIENT_CAPABILITIES: {} }), true),
    ] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(legacy(1, "server/discover", &json!({ "_meta": meta })));
        host.relay_says_with(400, &[], rejection);
        match is_probe {
            true => assert_not_modern(&host, exchange, &meta.to_string()),
            false => {
                let answer = host.answer(exchange);
                assert_eq!((answer.status, answer.text()), (400, rejection.into()), "{meta}");
            }
        }
    }
}

#[test]
fn b_3_5_an_answer_that_is_too_long_is_no_modern_answer() {
    let mut config = Config::default();
    config.limits.answer_bytes = 10;
    let mut host = Host::new(config);
    let exchange = discover(&mut host);
    host.relay_says(200, &json!({ "result": { "supportedVersions": [] } }));
    assert_not_modern(&host, exchange, "too long");
}

/// Its status is out by then, so that its id must say whose it is.
#[test]
fn b_9_1_an_answer_that_had_begun_and_broke_off_ends_with_an_answer_under_its_own_id() {
    let mut host = Host::new(Config::default());
    let exchange = discover(&mut host);
    let call = host.call();
    assert!(host.head(call, 200, &[("content-type", "text/event-stream")]));
    host.chunk(call, b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n");
    host.fail(call, Sent::Unknown, "connection reset");
    let answer = host.json(exchange);
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32000)));
}

#[test]
fn b_3_5_without_a_relay_only_one_that_is_known_to_be_modern_is_spoken_for() {
    let mut host = Host::new(Config::default());
    let exchange = discover(&mut host);
    host.relay_is_away();
    assert_not_modern(&host, exchange, "unknown");

    let mut host = knows_a_modern_relay();
    for _ in 0..2 {
        let exchange = discover(&mut host);
        host.relay_is_lost();
        let result = host.json(exchange)["result"].clone();
        assert_eq!(
            (&result["x"], &result["capabilities"]["tools"]["listChanged"]),
            (&json!(1), &json!(true))
        );
        host.crash(9);
    }
}

#[test]
fn b_3_5_a_modern_relays_own_errors_are_modern_answers() {
    for code in [-32020, -32021, -32022] {
        let mut host = Host::new(Config::default());
        let exchange = discover(&mut host);
        let error = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "?" } });
        host.relay_says(400, &error);
        assert_eq!((host.answer(exchange).status, host.json(exchange)), (400, error));
    }
}

#[test]
fn b_3_5_a_relay_that_became_legacy_is_not_spoken_for_as_modern() {
    let mut host = knows_a_modern_relay();
    let exchange = discover(&mut host);
    host.relay_says(404, &json!({}));
    assert_not_modern(&host, exchange, "404");
    let exchange = discover(&mut host);
    host.relay_is_away();
    assert_not_modern(&host, exchange, "and then away");
}

#[test]
fn b_3_5_a_relay_that_became_legacy_stays_so_over_a_restart_whatever_was_listed_before() {
    let mut host = knows_a_modern_relay();
    host.request(modern(2, "tools/list", &json!({})));
    host.relay_results(&json!({ "tools": [{ "name": "a" }] }));
    discover(&mut host);
    host.relay_says(404, &json!({}));
    host.crash(9);
    let exchange = discover(&mut host);
    host.relay_is_away();
    assert_not_modern(&host, exchange, "away after a restart");
}

/// A legacy relay may well answer a modern `tools/list`: it does not look at `_meta`.
#[test]
fn b_3_5_a_menu_that_was_asked_for_before_the_relay_became_legacy_does_not_make_it_modern() {
    let mut host = knows_a_modern_relay();
    host.request(modern(2, "tools/list", &json!({})));
    host.relay_results(&json!({ "tools": [{ "name": "a" }] }));
    host.store_all();
    host.command(Command::Refresh);
    let fetch = host.call();
    let exchange = discover(&mut host);
    let probe = host.unanswered()[1];
    host.answer_call(probe, 404, &[], "{}");
    assert_not_modern(&host, exchange, "404");
    host.relay_results(&json!({ "tools": [{ "name": "a" }] }));
    assert!(!host.calls.contains_key(&fetch), "it came");
    let exchange = discover(&mut host);
    host.relay_is_away();
    assert_not_modern(&host, exchange, "and then away");
}
