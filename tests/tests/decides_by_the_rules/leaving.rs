//! B-2.4: the agent goes away.

use relay_mcp_core::{Config, Observation};
use relay_mcp_tests::world::messages::{delete, get, in_session, initialize, keyed_write, legacy, write};
use relay_mcp_tests::world::{Host, Stage};
use serde_json::json;

#[test]
fn b_2_4_the_relay_request_is_cancelled() {
    for method in ["resources/list", "tools/list", "ping", "initialize", "server/discover"] {
        let mut host = Host::new(Config::default());
        let exchange = host.request(legacy(1, method, &json!({})));
        host.leave(exchange);
        assert!(host.calls.is_empty(), "{method}");
        assert_eq!(host.exchanges[&exchange].stage, Stage::Broken);
    }
}

#[test]
fn b_5_6_a_write_in_flight_goes_on_and_the_next_one_waits_for_it() {
    let mut host = Host::new(Config::default());
    let left = host.request(write(1, "a"));
    host.leave(left);
    let next = host.request(write(2, "b"));
    assert_eq!(host.sent().json()["params"]["arguments"]["text"], "a");
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.exchanges[&left].stage, Stage::Broken);
    host.relay_results(&json!({ "content": [] }));
    assert!(!host.is_waiting(next));
}

#[test]
fn b_11_a_write_that_fails_after_the_agent_left_is_not_queued() {
    let mut host = Host::new(Config::default());
    let left = host.request(write(1, "a"));
    host.leave(left);
    host.relay_is_lost();
    assert_eq!(host.outbox().depth, 0);
}

#[test]
fn b_5_6_an_agent_that_leaves_twice_leaves_once() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let left = host.request(in_session(write(1, "a"), Some(&session)));
    host.leave(left);
    host.leave(left);
    host.relay_says(404, &json!({}));
    host.relay_says_with(200, &[("mcp-session-id", "s2")], r#"{"id":0,"result":{}}"#);
    host.relay_says(202, &json!({}));
    assert_eq!(host.sent().json()["params"]["arguments"]["text"], "a", "its request is kept until then");
}

#[test]
fn b_5_7_whoever_asked_for_the_same_write_still_gets_its_outcome() {
    let mut host = Host::new(Config::default());
    let left = host.request(keyed_write(1, "k", "a"));
    let stays = host.request(keyed_write(2, "k", "a"));
    host.leave(left);
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.json(stays), json!({ "jsonrpc": "2.0", "id": 2, "result": { "content": [] } }));
}

#[test]
fn b_2_4_a_write_that_was_not_sent_yet_goes_with_its_agent() {
    let mut host = Host::new(Config::default());
    host.request(write(1, "a"));
    let waits = host.request(write(2, "b"));
    host.leave(waits);
    assert_eq!(host.exchanges[&waits].stage, Stage::Broken);
    host.relay_results(&json!({ "content": [] }));
    assert!(host.calls.is_empty());
}

#[test]
fn b_5_4_a_write_that_waits_for_the_disk_is_queued_all_the_same() {
    let mut host = Host::new(Config::default());
    let left = host.request(keyed_write(1, "k", "a"));
    host.relay_is_away();
    host.leave(left);
    assert_eq!(host.exchanges[&left].stage, Stage::Broken);
    host.store_all();
    assert_eq!(host.outbox().depth, 1);
}

#[test]
fn b_1_6_a_deleted_session_is_ended_at_the_relay_and_unknown_from_then_on() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let stream = host.request(get(Some(&session)));
    let gone = host.request(delete(&session));
    host.store_all();
    assert_eq!(host.answer(gone).status, 204);
    assert_eq!(host.exchanges[&stream].stage, Stage::Over);
    assert_eq!(host.sent().header("mcp-session-id"), Some("s1"));
    host.relay_says(200, &json!({}));
    let late = host.request(in_session(legacy(3, "ping", &json!({})), Some(&session)));
    assert_eq!((host.answer(late).status, host.json(late)["id"].clone()), (404, json!(3)));
    let hello = host.request(in_session(initialize(4), Some(&session)));
    assert!(host.is_waiting(hello), "a new hello is welcome");
    assert!(!host.observed.contains(&Observation::HelloFromMemory));
}

#[test]
fn b_9_1_whoever_takes_over_a_write_that_waited_is_answered_under_its_own_id() {
    let mut host = Host::new(Config::default());
    host.request(write(1, "a"));
    let first = host.request(keyed_write(2, "k", "b"));
    let second = host.request(keyed_write(3, "k", "b"));
    host.leave(first);
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.sent().json()["id"], 3);
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.json(second)["id"], 3);
}
