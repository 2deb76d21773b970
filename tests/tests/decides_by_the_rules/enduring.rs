//! B-9.8, B-9.10: whatever a relay or a stranger draws out comes to an end.

use relay_mcp_core::{Command, Config, RecordKind};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{get, in_session, initialize, legacy, modern, write};
use serde_json::json;

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];

/// The relay's side of the one open stream.
fn upstream(host: &Host) -> relay_mcp_core::CallId {
    let is_get = |call: &relay_mcp_core::CallId| {
        host.calls[call].request.method == relay_mcp_core::Method::Get
            || host.calls[call].request.rpc_method() == "subscriptions/listen"
    };
    host.calls.keys().copied().find(is_get).expect("the relay's stream is asked for")
}

#[test]
fn b_6_2_a_new_session_is_never_the_one_that_makes_room() {
    let mut config = Config::default();
    config.limits.sessions = 2;
    let mut host = Host::new(config);
    for n in 0..5 {
        let hello = host.request(initialize(n));
        refuse_all(&mut host);
        let session = host.answer(hello).session();
        let queued = host.request(in_session(write(n, "x"), Some(&session)));
        refuse_all(&mut host);
        assert!(host.is_queued(queued), "session {n} can be used: {:?}", host.answer(queued).text());
    }
}

fn refuse_all(host: &mut Host) {
    while let Some(call) = host.unanswered().first().copied() {
        host.fail(call, relay_mcp_core::Sent::No, "connection refused");
    }
    host.store_all();
}

#[test]
fn b_5_6_a_stream_of_comments_is_no_answer() {
    let mut host = Host::new(Config::default());
    let first = host.request(write(1, "x"));
    let call = host.call();
    host.head(call, 200, &EVENTS);
    for _ in 0..20 {
        host.chunk(call, b": still thinking\n\n");
        host.pass(1_000);
    }
    host.store_all();
    assert!(host.is_queued(first), "nothing came within the relay's time");
}

/// A write has `--relay-timeout` to begin, and after that again with every step that it tells of.
#[test]
fn g6_a_write_that_tells_of_its_progress_is_not_cut() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(write(1, "x"));
    let call = host.call();
    host.head(call, 200, &[("content-type", "text/event-stream")]);
    for _ in 0..20 {
        host.pass(9_000);
        host.chunk(call, b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n");
    }
    assert!(host.is_waiting(exchange) && host.calls.contains_key(&call));
    host.chunk(call, b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n");
    assert_eq!(host.json(exchange)["result"], json!({ "content": [] }));
}

#[test]
fn b_9_8_a_stream_that_goes_on_after_its_response_is_let_go() {
    let mut host = Host::new(Config::default());
    let list = host.request(legacy(1, "tools/list", &json!({})));
    let call = host.call();
    host.head(call, 200, &EVENTS);
    host.chunk(call, b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}\n\n");
    host.store_all();
    assert!(!host.is_waiting(list));
    for _ in 0..20 {
        host.chunk(call, b": still here\n\n");
        host.pass(1_000);
    }
    assert!(!host.calls.contains_key(&call), "its connection is closed");
}

#[test]
fn b_7_2_a_relay_that_does_not_answer_a_subscription_holds_up_no_acknowledgement() {
    let mut host = Host::new(Config::default());
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let stream = host.request(modern(7, "subscriptions/listen", &filter));
    host.pass(11_000);
    assert!(host.exchanges[&stream].text().contains("notifications/subscriptions/acknowledged"));
}

#[test]
fn b_9_8_nothing_is_kept_of_sessions_that_are_not_ours() {
    let mut host = Host::new(Config::default());
    for n in 0..20 {
        let session = format!("foreign-{n}");
        host.request(in_session(legacy(n, "tools/list", &json!({})), Some(&session)));
        host.relay_results(&json!({ "tools": [{ "name": "relay_read" }] }));
        host.request(get(Some(&session)));
        host.store_all();
    }
    assert_eq!(host.disk.count(RecordKind::View), 1);
}

#[test]
fn b_2_2_a_stream_that_was_refused_is_asked_for_again_with_another_token() {
    for status in [401, 403] {
        let mut host = Host::new(Config::default());
        host.request(get(None));
        let call = upstream(&host);
        host.answer_call(call, status, &[], "");
        host.command(Command::TokenChanged);
        host.tick();
        assert!(upstream(&host) > call, "{status}");
    }
}

#[test]
fn b_7_1_a_relay_that_wants_to_be_left_alone_is() {
    let mut host = Host::new(Config::default());
    host.request(get(None));
    let call = upstream(&host);
    host.head(call, 200, &EVENTS);
    host.chunk(call, b"id: 1\nretry: 3000\ndata\n\n");
    host.end(call);
    host.pass(2_900);
    assert!(host.calls.is_empty(), "not before the time that it asked for");
    host.pass(200);
    assert_eq!(host.calls[&upstream(&host)].request.header("last-event-id"), Some("1"));
}

#[test]
fn b_9_10_a_menu_that_the_relay_refused_is_fetched_again() {
    for (status, is_token) in [(429, false), (500, false), (401, true)] {
        let mut host = Host::new(Config::default());
        host.listed(None, &json!([{ "name": "relay_read" }]));
        let stream = host.request(get(None));
        host.fail(upstream(&host), relay_mcp_core::Sent::No, "connection refused");
        host.pass(2_000);
        while let Some(call) =
            host.calls.keys().copied().find(|call| host.calls[call].request.rpc_method() != "tools/list")
        {
            host.answer_call(call, 405, &[], "");
        }
        host.relay_says(status, &json!({}));
        match is_token {
            true => drop(host.command(Command::TokenChanged)),
            false => host.pass(1_500),
        }
        host.relay_results(&json!({ "tools": [{ "name": "relay_write" }] }));
        assert!(host.exchanges[&stream].text().contains("list_changed"), "{status}");
    }
}
