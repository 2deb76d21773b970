//! B-3.4 and B-6: sessions that are opened late, lost, shared and ended.

use relay_mcp_core::{CallId, Config, Method, Observation, RecordKind, WriteState};
use relay_mcp_tests::world::messages::{
    delete, get, in_session, initialize, keyed_write, legacy, notification, write,
};
use relay_mcp_tests::world::{Call, Host, SentRequest};
use serde_json::{Value, json};

const GREETING: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-03-26"}}"#;

/// The relay opens the session that the proxy asks for, under this id.
fn opens(host: &mut Host, relay_session: &str) {
    assert_eq!(host.sent().rpc_method(), "initialize");
    host.relay_says_with(200, &[("mcp-session-id", relay_session)], GREETING);
    assert_eq!(host.sent().rpc_method(), "notifications/initialized");
    host.relay_says(202, &json!({}));
}

fn in_relay_session(request: &SentRequest) -> Option<&str> {
    request.header("mcp-session-id")
}

#[test]
fn b_3_4_the_session_is_opened_before_the_first_forward_with_the_agents_own_parameters() {
    let mut host = Host::new(Config::default());
    let hello = host.request(initialize(1));
    let params = host.sent().json()["params"].clone();
    host.relay_is_away();
    let session = host.answer(hello).session();
    let told = host.request(in_session(notification("notifications/initialized"), Some(&session)));
    assert_eq!(host.answer(told).status, 202, "the proxy says it itself");
    let call = host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    assert_eq!(host.sent().json()["params"], params);
    assert_eq!(in_relay_session(&host.sent()), None);
    host.relay_says_with(200, &[("mcp-session-id", "s1")], GREETING);
    assert_eq!(in_relay_session(&host.sent()), Some("s1"));
    assert_eq!(host.sent().header("mcp-protocol-version"), Some("2025-03-26"));
    host.relay_says(202, &json!({}));
    assert_eq!(
        (host.sent().rpc_method().as_str(), in_relay_session(&host.sent())),
        ("resources/list", Some("s1"))
    );
    host.relay_says_with(200, &[("mcp-session-id", "s1")], "{}");
    assert_eq!(host.answer(call).session(), session);
}

#[test]
fn b_6_1_one_reopening_however_many_requests_hit_the_404() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let ask = |host: &mut Host, id: u64| {
        host.request(in_session(legacy(id, "resources/list", &json!({})), Some(&session)))
    };
    let exchanges = [1, 2, 3].map(|id| ask(&mut host, id));
    let calls = host.unanswered();
    host.answer_call(calls[0], 404, &[], "{}");
    host.answer_call(calls[1], 404, &[], "{}");
    let opening = host.unanswered()[1];
    host.answer_call(opening, 200, &[("mcp-session-id", "s2")], GREETING);
    let opened = host.unanswered()[1];
    host.answer_call(opened, 202, &[], "");
    host.answer_call(calls[2], 404, &[], "{}");
    let repeated = host.unanswered();
    assert_eq!(repeated.len(), 3);
    for call in repeated {
        assert_eq!(in_relay_session(&host.calls[&call].request), Some("s2"));
        host.answer_call(call, 200, &[], "{}");
    }
    assert!(exchanges.iter().all(|exchange| host.answer(*exchange).status == 200));
    let reopened = host.observed.iter().filter(|seen| **seen == Observation::SessionReopened);
    assert_eq!(reopened.count(), 1);
}

#[test]
fn b_6_1_a_session_that_is_lost_again_at_once_is_the_relays_404() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let exchange = host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    opens(&mut host, "s2");
    host.relay_says(404, &json!({}));
    assert_eq!(host.answer(exchange).status, 404);
}

#[test]
fn b_5_8_a_session_that_is_lost_again_and_again_is_no_verdict_on_a_write_at_first() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s0"));
    host.request(in_session(keyed_write(1, "k", "a"), Some(&session)));
    host.relay_is_away();
    host.store_all();
    for attempt in 1..4 {
        pass_to_delivery(&mut host);
        // After the first attempt the session is opened before the write is sent.
        if attempt > 1 {
            opens(&mut host, "anew");
        }
        host.relay_says(404, &json!({}));
        opens(&mut host, "again");
        host.relay_says(404, &json!({}));
        let states: Vec<_> = host.writes().into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, [if attempt < 3 { WriteState::Queued } else { WriteState::Dead }], "{attempt}");
    }
}

/// The relay that comes back after it was away may be another one, so that what the last one said counts no more.
#[test]
fn b_5_8_sessions_that_are_lost_in_one_outage_after_another_are_no_verdict_on_a_write() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s0"));
    host.request(in_session(keyed_write(1, "k", "a"), Some(&session)));
    host.relay_is_away();
    host.store_all();
    for outage in 1..6 {
        pass_to_delivery(&mut host);
        if outage > 1 {
            opens(&mut host, "anew");
        }
        host.relay_says(404, &json!({}));
        opens(&mut host, "again");
        host.relay_says(404, &json!({}));
        pass_to_delivery(&mut host);
        host.relay_is_away();
        assert_eq!(host.writes()[0].1, WriteState::Queued, "{outage}");
    }
}

/// Until something else is sent than a ping, which is answered.
fn pass_to_delivery(host: &mut Host) {
    while host.unanswered().is_empty() {
        host.pass_to_wakeup();
        let ping = host.unanswered().into_iter().find(|call| host.says(*call) == "ping");
        if let Some(ping) = ping {
            host.answer_call(ping, 200, &[], "{}");
        }
    }
}

#[test]
fn b_3_4_a_relay_that_never_heard_initialized_greets_once_more() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let told = host.request(in_session(notification("notifications/initialized"), Some(&session)));
    host.relay_is_away();
    assert_eq!(host.answer(told).status, 202);
    let call = host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    opens(&mut host, "s2");
    assert_eq!(in_relay_session(&host.sent()), Some("s2"));
    host.relay_says(200, &json!({}));
    assert_eq!(host.answer(call).status, 200);
}

#[test]
fn b_6_1_the_mapping_holds_across_a_restart() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    opens(&mut host, "s2");
    host.store_all();
    host.crash(0);
    host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    assert_eq!(in_relay_session(&host.sent()), Some("s2"));
}

#[test]
fn b_2_5_a_session_that_cannot_be_opened_leaves_nothing_sent() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let pass = host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&session)));
    let call = host.call();
    let write = host.request(in_session(write(2, "a"), Some(&session)));
    host.answer_call(call, 404, &[], "{}");
    let calls = host.unanswered();
    host.answer_call(calls[0], 404, &[], "{}");
    host.relay_is_away();
    host.store_all();
    host.pass(2_000);
    assert_eq!(host.json(pass)["error"]["data"], json!({ "delivered": "no" }));
    assert!(host.is_queued(write));
}

#[test]
fn b_9_4_a_write_that_waits_for_its_session_is_delivered_though_the_agent_ends_it() {
    for ends_after_the_greeting in [false, true] {
        let mut host = Host::new(Config::default());
        let session = host.greeted(Some("s1"));
        host.request(in_session(keyed_write(1, "k", "a"), Some(&session)));
        host.relay_is_away();
        host.store_all();
        host.relay_says(404, &json!({}));
        if ends_after_the_greeting {
            host.relay_says_with(200, &[("mcp-session-id", "s2")], GREETING);
            host.request(delete(&session));
            host.relay_says(202, &json!({}));
        } else {
            host.request(delete(&session));
            opens(&mut host, "s2");
        }
        assert_eq!(host.sent().json()["params"]["arguments"]["idempotencyKey"], "k");
        host.relay_results(&json!({ "content": [] }));
        assert_eq!(host.outbox().depth, 0);
        assert_eq!(in_relay_session(&host.sent()), Some("s2"), "and then it is ended at the relay");
    }
}

#[test]
fn b_6_1_a_relay_that_gives_out_an_id_again_leaves_nobody_waiting() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let waits = host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    let opening = host.call();
    let hello = host.request(initialize(2));
    let call = host.unanswered()[1];
    host.answer_call(call, 200, &[("mcp-session-id", "s1")], r#"{"id":2,"result":{}}"#);
    host.store_all();
    assert!(!host.is_waiting(hello));
    host.answer_call(opening, 200, &[("mcp-session-id", "s2")], GREETING);
    for call in host.unanswered() {
        host.answer_call(call, 200, &[], "{}");
    }
    for call in host.unanswered() {
        host.answer_call(call, 200, &[], "{}");
    }
    assert!(!host.is_waiting(waits));
}

#[test]
fn b_5_8_a_write_of_a_session_that_only_the_relay_knows_is_delivered_in_it() {
    let mut host = Host::new(Config::default());
    host.request(in_session(keyed_write(1, "k", "a"), Some("of-an-earlier-proxy")));
    host.relay_is_away();
    host.store_all();
    assert_eq!(in_relay_session(&host.sent()), Some("of-an-earlier-proxy"));
    assert_eq!(host.writes(), [("k".into(), WriteState::Queued)]);
}

#[test]
fn b_9_8_rejected_hellos_leave_nothing_behind() {
    for status in [400, 401, 500] {
        let mut host = Host::new(Config::default());
        let size = |host: &Host| format!("{:?}", host.proxy).len();
        let reject = |host: &mut Host| {
            host.request(initialize(1));
            host.relay_says(status, &json!({}));
        };
        reject(&mut host);
        let before = size(&host);
        (0..50).for_each(|_| reject(&mut host));
        assert!(size(&host) < before + 100, "{status}: {before} became {}", size(&host));
    }
}

#[test]
fn b_9_8_sessions_do_not_pile_up() {
    let mut config = Config::default();
    config.limits.sessions = 3;
    let mut host = Host::new(config);
    let first = host.greeted(Some("s0"));
    for n in 1..9 {
        host.now += 1;
        host.greeted(Some(&format!("s{n}")));
        host.unanswered().into_iter().for_each(|call| host.answer_call(call, 200, &[], ""));
    }
    host.store_all();
    assert_eq!((host.status().sessions, host.disk.count(RecordKind::Session)), (3, 3));
    let late = host.request(in_session(legacy(1, "resources/list", &json!({})), Some(&first)));
    assert!(host.is_waiting(late), "what the relay says of it counts");
}

/// MCP wants each id once in a session; a server that is asked twice under one id mixes the answers up.
#[test]
fn b_6_1_what_the_proxy_asks_in_a_session_bears_an_id_of_its_own() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "relay_read" }]));
    host.request(in_session(keyed_write(2, "k", "hi"), Some(&session)));
    host.relay_is_away();
    host.store_all();
    host.relay_is_away();
    host.request(in_session(legacy(3, "resources/list", &json!({})), Some(&session)));
    host.relay_results(&json!({}));
    host.pass(250);
    let mut ids = asked(&host);
    assert_eq!(ids.len(), 2, "the menu, and the write");
    host.crash(0);
    ids.extend(asked(&host));
    assert_eq!(ids.len(), 3, "the write again, by the next proxy in the same session");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[2] != ids[0], "{ids:?}");
}

/// Ids of events are a session's own (B-7.1): in another one they would hide what the agent has not seen.
#[test]
fn b_6_1_a_stream_in_a_new_session_does_not_go_on_after_an_event_of_the_old_one() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.request(get(Some(&session)));
    let (stream, _) = stream_of(&host);
    host.head(stream, 200, &[("content-type", "text/event-stream")]);
    host.chunk(stream, b"id: 7\ndata: {}\n\n");
    host.end(stream);
    host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    host.pass(100);
    opens(&mut host, "s2");
    let (_, stream) = stream_of(&host);
    assert_eq!(in_relay_session(&stream), Some("s2"));
    assert_eq!(stream.header("last-event-id"), None);
}

/// B-7.1: nobody speaks any more in a session that was forgotten.
#[test]
fn b_6_1_a_stream_that_outlived_its_session_is_opened_again_in_the_new_one() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.request(get(Some(&session)));
    let (old, _) = stream_of(&host);
    host.head(old, 200, &[("content-type", "text/event-stream")]);
    host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    opens(&mut host, "s2");
    let (new, stream) = stream_of(&host);
    assert_ne!(new, old);
    assert_eq!(in_relay_session(&stream), Some("s2"));
}

/// The relay's one stream.
fn stream_of(host: &Host) -> (CallId, SentRequest) {
    let is_stream = |(_, call): &(&CallId, &Call)| call.request.method == Method::Get;
    let streams: Vec<_> = host.calls.iter().filter(is_stream).collect();
    let [(id, call)] = streams[..] else { panic!("one stream, not {}", streams.len()) };
    (*id, call.request.clone())
}

/// The ids under which the relay was asked something, and has not answered.
fn asked(host: &Host) -> Vec<Value> {
    host.unanswered().iter().map(|call| host.calls[call].request.json()["id"].clone()).collect()
}
