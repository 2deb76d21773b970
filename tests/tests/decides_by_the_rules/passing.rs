//! B-1.5, B-2 and B-7.1: what passes, and what is answered here.

use relay_mcp_core::headers::{Header, SESSION_ID};
use relay_mcp_core::{Config, Sent};
use relay_mcp_tests::world::messages::{get, legacy, modern, notification, post, request};
use relay_mcp_tests::world::{Host, Stage};
use serde_json::{Value, json};

#[test]
fn b_1_5_what_is_no_message_is_refused_with_the_status_of_its_kind() {
    for (body, code) in
        [("{", -32700), ("", -32700), ("\u{0}", -32700), ("[]", -32600), ("[{}]", -32600), ("7", -32600)]
    {
        let mut host = Host::new(Config::default());
        let exchange = host.request(post(body));
        assert_eq!(host.answer(exchange).status, 400, "{body}");
        let answer = host.json(exchange);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(code)), "{body}");
    }
}

#[test]
fn b_2_1_bytes_query_and_headers_pass_as_they_are() {
    let body = r#" {"method":"resources/read", "id":1.0, "id" : 2, "x":1e2, "params":null} "#;
    let mut sent = post(body);
    sent.query = Some("a=1&b".into());
    sent.headers.push(Header::new("mcp-param-x", "y"));
    let mut host = Host::new(Config::default());
    let exchange = host.request(sent.clone());
    let passed = host.sent();
    assert_eq!((&passed.body, &passed.query, &passed.headers), (&sent.body, &sent.query, &sent.headers));
    host.relay_says_with(207, &[("mcp-x", "1")], "anything");
    let answer = host.answer(exchange);
    assert_eq!((answer.status, answer.text().as_str(), answer.header("mcp-x")), (207, "anything", Some("1")));
}

/// Of two session ids the one counts that is looked at here, so the relay must not see the other.
#[test]
fn b_6_1_one_session_is_named_to_the_relay() {
    for (given, named) in [(&["a"][..], &["a"][..]), (&["a", "b"], &["a"]), (&["a", "a"], &["a"])] {
        let mut sent = legacy(1, "resources/list", &json!({}));
        sent.headers.extend(given.iter().map(|id| Header::new(SESSION_ID, *id)));
        let mut host = Host::new(Config::default());
        host.request(sent);
        let passed = &host.sent().headers;
        let passed = passed.iter().filter(|header| header.name == SESSION_ID);
        let passed: Vec<_> = passed.map(|header| header.value.as_str()).collect();
        assert_eq!(passed, named, "{given:?}");
    }
}

#[test]
fn b_2_3_an_answer_reaches_the_agent_as_it_comes() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(legacy(1, "resources/list", &json!({})));
    let call = host.call();
    host.head(call, 200, &[("content-type", "text/event-stream")]);
    host.chunk(call, b"data: 1");
    assert_eq!(host.exchanges[&exchange].text(), "data: 1");
    assert!(host.history.iter().all(|step| !matches!(step.input, relay_mcp_core::Input::RelayChunk { .. })));
}

#[test]
fn b_2_5_and_b_2_6_the_agent_is_told_in_the_words_of_its_era() {
    for (is_modern, code) in [(false, -32002), (true, -31002)] {
        for (sent, word) in [(Sent::No, "no"), (Sent::Unknown, "unknown")] {
            let mut host = Host::new(Config::default());
            let exchange = host.request(request(is_modern, "x", "resources/list", &json!({})));
            let call = host.call();
            host.fail(call, sent, "no route");
            let error = json!({ "code": code, "message": "relay unreachable: no route", "data": { "delivered": word } });
            assert_eq!(host.answer(exchange).status, 200);
            assert_eq!(host.json(exchange), json!({ "jsonrpc": "2.0", "id": "x", "error": error }));
        }
    }
}

#[test]
fn b_2_5_a_gateway_that_speaks_for_the_relay_says_nothing_of_delivery() {
    for status in [502, 503, 504] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(legacy(1, "resources/list", &json!({})));
        host.relay_says(status, &json!({}));
        assert_eq!(host.json(exchange)["error"]["data"], json!({ "delivered": "unknown" }));
    }
}

#[test]
fn b_2_5_notifications_and_responses_are_accepted_without_a_relay() {
    for message in [notification("notifications/cancelled"), post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)]
    {
        let mut host = Host::new(Config::default());
        let exchange = host.request(message);
        host.relay_is_away();
        assert_eq!((host.answer(exchange).status, host.answer(exchange).body.len()), (202, 0));
    }
}

#[test]
fn b_2_8_a_legacy_ping_is_answered_here_while_the_relay_is_away() {
    let mut host = Host::new(Config::default());
    let ping = host.request(legacy(1, "ping", &json!({})));
    host.relay_is_away();
    assert_eq!(host.json(ping), json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    let modern = host.request(modern(2, "ping", &json!({})));
    host.relay_is_away();
    assert_eq!(host.json(modern)["error"]["code"], -31002);
}

#[test]
fn b_7_1_a_stream_is_connected_at_once_and_kept_alive() {
    let mut host = Host::new(Config::default());
    let stream = host.request(get(None));
    assert_eq!(host.exchanges[&stream].header("content-type"), Some("text/event-stream"));
    assert_eq!(host.exchanges[&stream].text(), ": connected\n\n");
    host.pass(50_000);
    assert_eq!(host.exchanges[&stream].text(), ": connected\n\n: keepalive\n\n: keepalive\n\n");
    host.leave(stream);
    host.pass(50_000);
    assert_eq!((host.exchanges[&stream].stage, host.wakeup()), (Stage::Broken, None));
}

#[test]
fn b_1_7_too_many_streams_are_refused_clearly() {
    let mut config = Config::default();
    config.limits.streams = 1;
    let mut host = Host::new(config);
    let first = host.request(get(None));
    let second = host.request(get(None));
    assert_eq!(host.answer(second).status, 429);
    host.leave(first);
    let third = host.request(get(None));
    assert_eq!(host.exchanges[&third].stage, Stage::Begun);
}
