//! B-2.7: the relay's 401.

use relay_mcp_core::{Config, Sent};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{legacy, modern, notification, tool, write};
use serde_json::{Value, json};

#[test]
fn b_2_7_with_another_token_the_request_is_sent_once_more() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(legacy(1, "resources/list", &json!({})));
    let first = host.sent();
    host.token = 2;
    host.relay_says(401, &json!({}));
    assert_eq!((host.sent().body, host.sent().token), (first.body, 2));
    host.token = 3;
    host.relay_says(401, &json!({}));
    assert_eq!(host.json(exchange)["error"]["code"], -31005, "once is enough");
}

#[test]
fn b_2_7_the_agent_gets_200_with_the_relays_own_error_or_ours() {
    let own = json!({ "code": -31005, "message": "relay refused the token" });
    let relays = json!({ "code": -32001, "message": "expired", "data": { "at": 1.50 } });
    for (body, expected) in [
        (json!({ "jsonrpc": "2.0", "id": 1, "error": relays }), relays.clone()),
        (json!({ "error": "invalid_token" }), own.clone()),
        (Value::Null, own.clone()),
    ] {
        for method in ["resources/list", "tools/list", "initialize", "ping"] {
            let mut host = Host::new(Config::default());
            let exchange = host.request(legacy(1, method, &json!({})));
            host.relay_says_with(401, &[("www-authenticate", "Bearer")], &body.to_string());
            let answer = host.answer(exchange);
            assert_eq!((answer.status, answer.header("www-authenticate")), (200, None), "{method}");
            assert_eq!(host.json(exchange)["error"], expected, "{method}");
        }
    }
}

#[test]
fn b_2_7_a_refused_write_is_not_queued() {
    for is_modern in [false, true] {
        let mut host = Host::new(Config::default());
        let params = tool("relay_reply", &json!({}));
        let request = relay_mcp_tests::world::messages::request(is_modern, 1, "tools/call", &params);
        let exchange = host.request(request);
        host.relay_says(401, &json!({}));
        assert_eq!(host.json(exchange)["error"]["code"], -31005);
        assert_eq!(host.outbox().depth, 0);
    }
}

#[test]
fn b_2_7_a_refused_notification_is_accepted_all_the_same() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(notification("notifications/cancelled"));
    host.relay_says(401, &json!({}));
    assert_eq!(host.answer(exchange).status, 202);
}

#[test]
fn b_9_1_a_refusal_that_is_too_long_or_breaks_off_or_hangs_is_a_refusal() {
    let mut config = Config::default();
    config.limits.answer_bytes = 10;
    let ends: [fn(&mut Host); 3] = [
        |host| {
            let call = host.calls.keys().next_back().copied().unwrap();
            host.chunk(call, b"more than ten bytes");
        },
        |host| {
            let call = host.calls.keys().next_back().copied().unwrap();
            host.fail(call, Sent::Unknown, "connection reset");
        },
        |host| host.pass(60_000),
    ];
    for end in ends {
        for request in [
            legacy(1, "resources/list", &json!({})),
            modern(1, "ping", &json!({})),
            legacy(1, "tools/list", &json!({})),
            write(1, "a"),
        ] {
            let mut host = Host::new(config.clone());
            let exchange = host.request(request);
            let call = host.call();
            host.head(call, 401, &[]);
            end(&mut host);
            assert_eq!(host.json(exchange)["error"]["code"], -31005);
            assert!(host.calls.is_empty());
        }
    }
}

#[test]
fn b_2_7_other_refusals_pass_as_they_are() {
    for status in [400, 403, 404, 405, 422] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(legacy(1, "resources/list", &json!({})));
        host.relay_says_with(status, &[], "as it is");
        assert_eq!((host.answer(exchange).status, host.answer(exchange).text()), (status, "as it is".into()));
    }
}

#[test]
fn b_2_7_a_403_with_another_token_is_sent_once_more_too() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(legacy(1, "resources/list", &json!({})));
    host.token = 2;
    host.relay_says(403, &json!({}));
    host.relay_says_with(403, &[], "no");
    assert_eq!((host.answer(exchange).status, host.answer(exchange).text()), (403, "no".into()));
}
