//! B-2.3: answers that come as event streams.

use relay_mcp_core::mcp::{META_VERSION, MODERN};
use relay_mcp_core::{Config, Sent};
use relay_mcp_tests::world::messages::{get, in_session, initialize, legacy, post, write};
use relay_mcp_tests::world::{Host, Stage};
use serde_json::{Value, json};

const EVENTS: [(&str, &str); 1] = [("content-type", "text/event-stream")];
const MENU: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"relay_workspace_land"}]}}"#;
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;

#[test]
fn b_2_3_a_response_in_an_event_goes_on_as_what_its_content_type_says() {
    let mut host = Host::new(Config::default());
    let list = host.request(legacy(1, "tools/list", &json!({})));
    host.relay_says_with(200, &EVENTS, &format!("id: 7\ndata: {MENU}\n\n"));
    host.store_all();
    assert_eq!(host.answer(list).header("content-type"), Some("text/event-stream"));
    assert!(host.answer(list).text().starts_with("id: 7\n"));
    assert_eq!(host.json(list)["result"], json!({ "tools": [] }));
}

#[test]
fn b_2_3_events_before_the_response_go_on_at_once_and_the_response_after_them() {
    let mut host = Host::new(Config::default());
    let list = host.request(legacy(1, "tools/list", &json!({})));
    let call = host.call();
    host.head(call, 200, &EVENTS);
    host.chunk(call, format!("id: 7\ndata: {PROGRESS}\n\n").as_bytes());
    assert_eq!(host.exchanges[&list].stage, Stage::Begun);
    assert_eq!(host.exchanges[&list].text(), format!("id: 7\ndata: {PROGRESS}\n\n"));
    host.chunk(call, format!("data: {MENU}\n\n").as_bytes());
    assert!(!host.exchanges[&list].text().contains("tools"), "not before what it tells is durable");
    host.store_all();
    assert_eq!(host.answer(list).header("content-type"), Some("text/event-stream"));
    assert_eq!(host.json(list)["result"], json!({ "tools": [] }));
}

#[test]
fn b_2_3_a_response_is_one_however_its_lines_end_and_its_stream_begins() {
    for event in
        [format!("data: {MENU}\r\r"), format!("\u{feff}data: {MENU}\n\n"), format!("data: {MENU}\r\n\r")]
    {
        let mut host = Host::new(Config::default());
        let list = host.request(legacy(1, "tools/list", &json!({})));
        host.relay_says_with(200, &EVENTS, &event);
        host.store_all();
        assert_eq!(host.json(list)["result"], json!({ "tools": [] }), "{event:?}");
        assert_eq!(host.answer(list).text().matches("data").count(), 1, "B-4.1: no other menu beside it");
    }
}

#[test]
fn b_7_2_a_subscription_is_acknowledged_however_the_lines_of_its_request_end() {
    let mut host = Host::new(Config::default());
    let body = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\",\"params\":{{\"_meta\":\
         {{\"{META_VERSION}\":\"{MODERN}\"}},\"notifications\":{{\r\"toolsListChanged\":true,\r\"x\":1}}}}}}"
    );
    let stream = host.request(post(body));
    host.relay_is_away();
    let text = host.exchanges[&stream].text();
    // As a client reads it: a carriage return ends a line too.
    let lines = text.split(['\n', '\r']);
    let data: Vec<&str> = lines.filter_map(|line| line.strip_prefix("data: ")).collect();
    let message: Value = serde_json::from_str(&data.join("\n")).unwrap();
    assert_eq!(message["params"]["notifications"], json!({ "toolsListChanged": true, "x": 1 }), "{text:?}");
}

#[test]
fn b_6_1_a_hello_names_its_session_even_when_an_event_comes_before_it() {
    for relay_session in [None, Some("s1")] {
        let mut host = Host::new(Config::default());
        let hello = host.request(initialize(1));
        let result = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#;
        let mut headers = EVENTS.to_vec();
        headers.extend(relay_session.map(|session| ("mcp-session-id", session)));
        host.relay_says_with(200, &headers, &format!("id: 1\ndata: \n\ndata: {result}\n\n"));
        let session = host.answer(hello).session();
        assert_eq!(session == "s1", relay_session.is_some());
        host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
        assert_eq!(host.sent().header("mcp-session-id"), relay_session, "the relay's own, or none");
    }
}

#[test]
fn b_6_1_a_hello_that_broke_off_after_it_named_its_session_is_of_that_session() {
    for relay_session in [None, Some("s1")] {
        let mut host = Host::new(Config::default());
        let hello = host.request(initialize(1));
        let call = host.call();
        let mut headers = EVENTS.to_vec();
        headers.extend(relay_session.map(|session| ("mcp-session-id", session)));
        host.head(call, 200, &headers);
        host.chunk(call, b"id: 1\ndata: \n\n");
        host.fail(call, Sent::Unknown, "connection reset");
        host.relay_says(200, &json!({})); // the ping
        host.store_all();
        assert!(host.json(hello)["result"].is_object(), "greeted from memory");
        let session = host.answer(hello).session();
        let list = host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
        host.opens_session("s2");
        assert_eq!(host.sent().header("mcp-session-id"), Some("s2"));
        host.relay_says(200, &json!({}));
        assert_eq!(host.answer(list).status, 200);
    }
}

#[test]
fn b_6_1_an_answer_that_begins_early_names_the_session_that_the_agent_knows() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let list = host.request(in_session(legacy(1, "tools/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    host.relay_says_with(200, &[("mcp-session-id", "s2")], r#"{"id":0,"result":{}}"#);
    host.relay_says(202, &json!({}));
    assert_eq!(host.sent().header("mcp-session-id"), Some("s2"));
    let headers = [EVENTS[0], ("mcp-session-id", "s2")];
    host.relay_says_with(200, &headers, &format!("data: {PROGRESS}\n\ndata: {MENU}\n\n"));
    assert_eq!(host.answer(list).session(), "s1");
}

#[test]
fn b_5_6_a_write_whose_event_stream_breaks_off_is_queued() {
    let mut host = Host::new(Config::default());
    let write = host.request(write(1, "hi"));
    let call = host.call();
    host.head(call, 200, &EVENTS);
    host.chunk(call, format!("data: {PROGRESS}\n\ndata: {{\"id\":1,").as_bytes());
    host.fail(call, Sent::Unknown, "connection reset");
    host.store_all();
    assert!(host.is_queued(write));
    assert!(host.exchanges[&write].text().starts_with(&format!("data: {PROGRESS}\n\n")));
}

/// A relay that keeps the head of a stream back dies again before it has said a word.
#[test]
fn b_7_1_a_relay_that_forgets_its_sessions_twice_has_its_stream_opened_again() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.request(get(Some(&session)));
    host.stream_meets(404);
    host.opens_session("s2");
    let (call, again) = host.upstream().expect("asked for in the new session");
    assert_eq!(again.header("mcp-session-id"), Some("s2"));
    host.fail(call, Sent::Unknown, "connection reset");
    host.pass(1_000);
    host.stream_meets(404);
    host.opens_session("s3");
    let (_, again) = host.upstream().expect("asked for once more");
    assert_eq!(again.header("mcp-session-id"), Some("s3"));
}

/// A relay that knows nothing of whatever session it gives has no stream there, and is left in peace.
#[test]
fn b_7_1_a_relay_that_always_says_404_to_a_get_has_no_stream() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let stream = host.request(get(Some(&session)));
    let mut sessions = 1;
    while host.upstream().is_some() {
        host.stream_meets(404);
        if host.unanswered().is_empty() {
            host.pass(1_000);
        }
        sessions += 1;
        assert!(sessions < 10, "it is left in peace");
        if !host.unanswered().is_empty() {
            host.opens_session(&format!("s{sessions}"));
        }
    }
    host.pass(120_000);
    assert!(host.upstream().is_none());
    assert!(host.is_waiting(stream), "the agent's stream stays");
}

/// A relay that is just being started may answer before it can do anything.
#[test]
fn b_7_1_a_session_that_cannot_be_opened_now_keeps_no_stream_waiting_for_long() {
    for (status, is_opened_for_the_stream) in [(500, true), (429, true), (400, false)] {
        let mut host = Host::new(Config::default());
        let session = host.greeted(Some("s1"));
        host.request(get(Some(&session)));
        host.stream_meets(404);
        host.relay_says(status, &json!({}));
        host.pass(1_000);
        if !is_opened_for_the_stream {
            assert!(host.unanswered().is_empty(), "a relay that refuses is left in peace");
            host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&session)));
        }
        host.opens_session("s2");
        host.pass(1_000);
        let (_, again) = host.upstream().expect("asked for in the new session");
        assert_eq!(again.header("mcp-session-id"), Some("s2"), "{status}");
    }
}
