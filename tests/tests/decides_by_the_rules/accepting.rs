//! B-5.3 to B-5.7 and B-5.11: what becomes a write, under which key, and when it is accepted.

use relay_mcp_core::{Command, Config, ExchangeId, Reply, Sent, WriteState};
use relay_mcp_tests::world::messages::{keyed_write, legacy, modern, request, tool, write};
use relay_mcp_tests::world::{Host, Stage};
use serde_json::{Value, json};

fn code(host: &Host, exchange: ExchangeId) -> i64 {
    host.json(exchange)["error"]["code"].as_i64().unwrap()
}

/// The `params` of the write that waits in the outbox.
fn queued_params(host: &mut Host, key: &str) -> Value {
    match host.reply(Command::ShowWrite(key.into())) {
        Reply::Write(write) => serde_json::from_str(&write.params).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn b_5_1_other_tools_pass_byte_for_byte_and_are_never_queued() {
    for is_modern in [false, true] {
        for name in ["relay_spawn", "relay_send_message_x", ""] {
            let mut host = Host::new(Config::default());
            let request = request(is_modern, 1, "tools/call", &tool(name, &json!({})));
            let exchange = host.request(request.clone());
            assert_eq!(host.sent().body, request.body);
            host.relay_is_lost();
            assert_eq!(code(&host, exchange), if is_modern { -31002 } else { -32002 });
            assert_eq!(host.json(exchange)["error"]["data"], json!({ "delivered": "unknown" }));
            assert_eq!(host.outbox().depth, 0);
        }
    }
}

#[test]
fn b_5_3_the_key_is_sent_from_the_first_attempt_on_and_stays() {
    let mut host = Host::new(Config::default());
    host.request(write(1, "a"));
    let key = |host: &Host| host.sent().json()["params"]["arguments"]["idempotencyKey"].clone();
    let first = key(&host);
    assert!(first.as_str().unwrap().starts_with("mcp-relay_send_message-"));
    host.relay_is_lost();
    host.store_all();
    for _ in 0..3 {
        assert_eq!(key(&host), first);
        host.relay_is_lost();
        host.pass_to_wakeup();
        host.crash(9);
    }
    assert_eq!(key(&host), first);
}

#[test]
fn b_5_3_the_agents_own_key_and_bytes_stay() {
    let mut host = Host::new(Config::default());
    let request = keyed_write(1, "mine", "a");
    host.request(request.clone());
    assert_eq!(host.sent().body, request.body);
}

#[test]
fn b_5_3_a_closed_schema_gets_the_key_in_meta_only() {
    let mut host = Host::new(Config::default());
    let schema = json!({ "type": "object", "properties": { "text": {} }, "additionalProperties": false });
    host.listed(None, &json!([{ "name": "relay_send_message", "inputSchema": schema }]));
    host.request(write(1, "a"));
    let params = host.sent().json()["params"].clone();
    assert_eq!(params["arguments"], json!({ "text": "a" }));
    assert!(params["_meta"]["agent-relay/idempotencyKey"].is_string());
}

#[test]
fn b_5_4_a_receipt_comes_only_when_the_write_is_durable() {
    for is_modern in [false, true] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(request(is_modern, 1, "tools/call", &tool("relay_reply", &json!({}))));
        host.relay_is_away();
        host.pass(5_000);
        assert!(host.is_waiting(exchange), "nothing of it is seen before");
        let calls = host.unanswered();
        assert!(calls.iter().all(|call| host.says(*call) == "ping"), "nothing is delivered before");
        host.store(1);
        let result = host.json(exchange)["result"].clone();
        let content = &result["structuredContent"];
        assert_eq!((&content["queued"], &content["tool"]), (&json!(true), &json!("relay_reply")));
        assert!(host.disk.has_write(content["idempotencyKey"].as_str().unwrap(), "queued"));
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(&text, content);
        assert_eq!(result["resultType"] == "complete", is_modern);
        assert_eq!(result.get("isError"), None);
    }
}

#[test]
fn b_5_4_what_cannot_be_made_durable_is_refused_and_never_comes_back() {
    let mut host = Host::new(Config::default());
    let refused = host.request(keyed_write(1, "k", "a"));
    host.relay_is_away();
    let behind = host.request(keyed_write(2, "l", "b"));
    host.lose(1);
    assert_eq!(code(&host, refused), -31003);
    host.store_all();
    assert!(host.is_queued(behind));
    assert_eq!(host.writes(), [("l".into(), WriteState::Queued)]);
    host.pass(2_000);
    host.store_all();
    host.crash(0);
    assert_eq!(host.writes(), [("l".into(), WriteState::Queued)]);
}

#[test]
fn b_5_4_data_says_whether_a_refused_write_may_have_been_delivered() {
    for (sent, word) in [(Sent::No, "no"), (Sent::Unknown, "unknown")] {
        let mut host = Host::new(Config::default());
        let refused = host.request(keyed_write(1, "k", "a"));
        let call = host.call();
        host.fail(call, sent, "reset");
        host.lose(1);
        assert_eq!(host.json(refused)["error"]["data"], json!({ "delivered": word }));
    }
}

#[test]
fn b_5_4_a_full_outbox_refuses_the_new_one_and_drops_nothing() {
    let mut config = Config::default();
    config.limits.outbox_entries = 2;
    let mut by_count = Host::new(config);
    let mut config = Config::default();
    config.limits.outbox_bytes = 220;
    let mut by_size = Host::new(config);
    for host in [&mut by_count, &mut by_size] {
        host.queued("a");
        let second = host.request(keyed_write(2, "b", &"b".repeat(9)));
        let third = host.request(keyed_write(3, "c", &"c".repeat(90)));
        host.store_all();
        assert_eq!((host.is_queued(second), code(host, third)), (true, -31004));
        let kept = ["a", "b"].map(|key| (key.into(), WriteState::Queued));
        assert_eq!(host.writes(), kept);
    }
}

#[test]
fn b_5_6_every_outcome_that_says_nothing_is_queued() {
    let outcomes: [fn(&mut Host); 6] = [
        Host::relay_is_away,
        Host::relay_is_lost,
        |host| host.relay_says(502, &json!({})),
        |host| host.relay_says(503, &json!({})),
        |host| host.relay_says(504, &json!({})),
        |host| host.pass(10_000),
    ];
    for outcome in outcomes {
        let mut host = Host::new(Config::default());
        let exchange = host.request(write(1, "a"));
        outcome(&mut host);
        host.store_all();
        assert!(host.is_queued(exchange));
    }
}

#[test]
fn b_5_6_every_answer_of_the_relays_own_is_the_outcome() {
    for status in [200, 202, 302, 400, 403, 404, 408, 409, 422, 425, 429, 500, 501] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(write(1, "a"));
        host.relay_says_with(status, &[("retry-after", "7")], "as it is");
        let answer = host.answer(exchange);
        assert_eq!((answer.status, answer.text().as_str()), (status, "as it is"));
        assert_eq!(answer.header("retry-after"), Some("7"));
        assert_eq!(host.outbox().depth, 0);
    }
}

#[test]
fn b_5_7_a_key_in_the_outbox_gets_the_same_receipt_and_no_second_place() {
    let mut host = Host::new(Config::default());
    let first = host.queued("k");
    let second = host.request(keyed_write(2, "k", "k"));
    assert_eq!(host.json(second)["result"], host.json(first)["result"]);
    assert_eq!(host.writes().len(), 1);
}

/// Two that have one print (FNV-1a, of 64 bits).
#[test]
fn b_5_7_another_key_is_another_write_whatever_it_has_in_common() {
    let mut host = Host::new(Config::default());
    host.queued("8yn0iYCKYHlIj4-BwPqk");
    let other = host.request(keyed_write(2, "GReLUrM4wMqfg9yzV3KQ", "b"));
    host.store_all();
    assert!(host.is_queued(other));
    assert_eq!(host.writes().len(), 2);
}

#[test]
fn b_5_7_a_key_that_is_not_durable_yet_waits_for_the_same_disk() {
    let mut host = Host::new(Config::default());
    let first = host.request(keyed_write(1, "k", "k"));
    host.relay_is_away();
    let second = host.request(keyed_write(2, "k", "k"));
    assert!(host.is_waiting(first) && host.is_waiting(second));
    host.store_all();
    assert!(host.is_queued(first) && host.is_queued(second));
}

#[test]
fn b_5_7_the_same_key_with_other_arguments_is_an_error() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(200), "]".repeat(200));
    let calls = |text: &str| {
        let arguments = format!(r#"{{"idempotencyKey":"k","text":{text}}}"#);
        let params = format!(r#"{{"name":"relay_reply","arguments":{arguments}}}"#);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        relay_mcp_tests::world::messages::post(body)
    };
    for (one, other) in [(json!("a").to_string(), json!("b").to_string()), (deep("1"), deep("2"))] {
        for is_queued in [false, true] {
            let mut host = Host::new(Config::default());
            host.request(calls(&one));
            if is_queued {
                host.relay_is_away();
                host.store_all();
            }
            let same = host.request(calls(&one));
            let conflict = host.request(calls(&other));
            assert_eq!(code(&host, conflict), -32602);
            assert_eq!(host.exchanges[&same].stage == Stage::Over, is_queued);
        }
    }
}

#[test]
fn b_5_7_the_same_key_in_flight_gets_the_same_outcome() {
    let mut host = Host::new(Config::default());
    let exchanges = [1, 2].map(|id| host.request(keyed_write(id, "k", "k")));
    host.relay_results(&json!({ "content": [{ "type": "text", "text": "1" }] }));
    let [first, second] = exchanges.map(|exchange| host.json(exchange));
    assert_eq!((&first["id"], &second["id"]), (&json!(1), &json!(2)));
    assert_eq!(first["result"], second["result"]);
    assert!(host.calls.is_empty());
}

#[test]
fn b_5_7_a_dead_letter_that_is_asked_for_again_is_queued_again() {
    let mut host = Host::new(Config::default());
    host.queued("k");
    host.relay_says(400, &json!({}));
    host.store_all();
    assert!(host.disk.has_write("k", "dead"));
    let again = host.request(keyed_write(2, "k", "k"));
    assert!(host.is_waiting(again), "durable first");
    host.lose(1);
    assert_eq!(code(&host, again), -31003);
    assert_eq!(host.writes(), [("k".into(), WriteState::Dead)], "it lies where it lay");
    let again = host.request(keyed_write(3, "k", "k"));
    host.store_all();
    assert!(host.is_queued(again));
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.writes(), []);
}

#[test]
fn b_5_11_a_call_that_somebody_must_answer_is_refused_not_queued() {
    for name in ["inputResponses", "requestState", "task"] {
        for (sent, word) in [(Sent::No, "no"), (Sent::Unknown, "unknown")] {
            let mut host = Host::new(Config::default());
            let mut params = tool("relay_reply", &json!({}));
            params[name] = json!({});
            let request = modern(1, "tools/call", &params);
            let exchange = host.request(request.clone());
            assert_eq!(host.sent().body, request.body, "as it is");
            let call = host.call();
            host.fail(call, sent, "reset");
            assert_eq!(code(&host, exchange), -31003);
            assert_eq!(host.json(exchange)["error"]["data"], json!({ "delivered": word }));
            assert_eq!(host.outbox().depth, 0);
        }
    }
}

#[test]
fn b_5_11_what_is_not_queued_of_a_write_takes_no_room() {
    let mut config = Config::default();
    config.limits.outbox_bytes = 400;
    let mut host = Host::new(config);
    let mut params = tool("relay_reply", &json!({ "idempotencyKey": "k" }));
    params["_meta"] = json!({ "progressToken": "t".repeat(400) });
    let exchange = host.request(modern(1, "tools/call", &params));
    host.relay_is_away();
    host.store_all();
    assert!(host.is_queued(exchange));
}

#[test]
fn b_5_11_queued_params_keep_meta_version_and_headers() {
    let mut host = Host::new(Config::default());
    let mut params = tool("relay_reply", &json!({ "idempotencyKey": "k" }));
    params["_meta"] = json!({ "progressToken": 7, "trace": "t" });
    host.request(modern(1, "tools/call", &params));
    host.relay_is_away();
    host.store_all();
    let meta = queued_params(&mut host, "k")["_meta"].clone();
    assert_eq!((meta["trace"].as_str(), meta.get("progressToken")), (Some("t"), None));
    let sent = host.sent();
    for (name, value) in
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "relay_reply")]
    {
        assert_eq!(sent.header(name), Some(value));
    }
}

#[test]
fn b_5_1_arguments_that_are_no_object_are_for_the_relay_to_refuse() {
    let mut host = Host::new(Config::default());
    let request = legacy(1, "tools/call", &tool("relay_reply", &json!([1])));
    host.request(request.clone());
    assert_eq!(host.sent().body, request.body);
}
