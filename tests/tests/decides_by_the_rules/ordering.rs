//! B-5.5: the relay sees the agent's writes in the order in which the agent made them.

use relay_mcp_core::{Command, Config, Reply};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::keyed_write;
use serde_json::json;

/// What the one call writes.
fn writes(host: &Host) -> String {
    host.sent().json()["params"]["arguments"]["text"].as_str().unwrap().into()
}

/// A dead letter `dead`, and nothing else.
fn with_a_dead_letter() -> Host {
    let mut host = Host::new(Config::default());
    host.queued("dead");
    host.relay_says(400, &json!({}));
    host
}

#[test]
fn b_5_5_live_writes_go_one_after_the_other() {
    let mut host = Host::new(Config::default());
    let exchanges = ["a", "b", "c"].map(|text| host.request(keyed_write(1, text, text)));
    for (text, exchange) in ["a", "b", "c"].into_iter().zip(exchanges) {
        assert_eq!(writes(&host), text);
        host.relay_results(&json!({ "content": [] }));
        assert_eq!(host.json(exchange)["result"], json!({ "content": [] }));
    }
}

#[test]
fn b_5_5_behind_a_backlog_a_write_gets_its_receipt_at_once_though_the_relay_is_up() {
    let mut host = Host::new(Config::default());
    host.queued("a");
    let behind = host.request(keyed_write(2, "b", "b"));
    host.store_all();
    assert!(host.is_queued(behind));
    for text in ["a", "b"] {
        assert_eq!(writes(&host), text);
        host.relay_results(&json!({ "content": [] }));
    }
    assert_eq!(host.outbox().depth, 0);
    host.request(keyed_write(3, "c", "c"));
    assert_eq!(writes(&host), "c");
}

#[test]
fn b_5_5_a_dead_letter_that_is_asked_for_again_does_not_overtake_live_writes() {
    let mut host = with_a_dead_letter();
    let live = host.request(keyed_write(2, "a", "a"));
    let waiting = host.request(keyed_write(3, "b", "b"));
    let again = host.request(keyed_write(4, "dead", "dead"));
    host.store_all();
    assert_eq!(writes(&host), "a");
    host.relay_results(&json!({ "content": [] }));
    assert!(!host.is_waiting(live));
    assert_eq!(writes(&host), "b");
    host.relay_results(&json!({ "content": [] }));
    host.store_all();
    assert!(!host.is_waiting(waiting) && host.is_queued(again));
    assert_eq!(writes(&host), "dead");
}

#[test]
fn b_5_5_nothing_is_delivered_while_a_live_write_is_before_the_relay() {
    let mut host = with_a_dead_letter();
    host.request(keyed_write(2, "a", "a"));
    assert_eq!(host.reply(Command::RetryWrite("dead".into())), Reply::Done);
    let behind = host.request(keyed_write(3, "b", "b"));
    assert_eq!(writes(&host), "a");
    host.relay_is_lost();
    host.store_all();
    assert!(host.is_queued(behind));
    for text in ["dead", "a", "b"] {
        assert_eq!(writes(&host), text);
        host.relay_results(&json!({ "content": [] }));
    }
}
