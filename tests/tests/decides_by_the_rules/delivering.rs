//! B-5.8: what becomes of a queued write.

use relay_mcp_core::{Config, WriteState};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{in_session, keyed_write};
use serde_json::json;

/// A write that waits in a session that the relay has forgotten: the next answer is to `initialize`.
fn waits_for_its_session() -> Host {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.request(in_session(keyed_write(1, "k", "hi"), Some(&session)));
    host.relay_is_away();
    host.store_all();
    host.relay_says(404, &json!({}));
    assert_eq!(host.sent().rpc_method(), "initialize");
    host
}

#[test]
fn b_5_8_a_session_that_cannot_be_opened_now_makes_no_dead_letter() {
    for status in [408, 425, 429, 500, 503] {
        let mut host = waits_for_its_session();
        host.relay_says(status, &json!({}));
        assert_eq!(host.writes(), [("k".into(), WriteState::Queued)], "{status}");
    }
}

#[test]
fn b_5_8_a_token_that_may_open_no_session_pauses_the_queue() {
    for status in [401, 403] {
        let mut host = waits_for_its_session();
        host.relay_says(status, &json!({}));
        assert!(host.outbox().paused, "{status}");
        assert_eq!(host.writes(), [("k".into(), WriteState::Queued)], "{status}");
    }
}
