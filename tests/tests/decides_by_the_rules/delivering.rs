//! B-5.8: what becomes of a queued write.

use relay_mcp_core::{Command, Config, WriteState};
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

#[test]
fn b_5_8_a_write_that_the_relay_judges_shows_that_it_takes_the_token() {
    let mut host = Host::new(Config::default());
    host.queued("k");
    host.relay_says(401, &json!({}));
    assert!(host.outbox().paused);
    host.pass(60_000);
    host.relay_says(400, &json!({}));
    assert!(!host.outbox().paused);
}

/// A write that is before the relay for the first time since it was queued.
fn is_delivered() -> Host {
    let mut host = Host::new(Config::default());
    host.queued("k");
    host.queued("l");
    host
}

fn states(host: &mut Host) -> Vec<WriteState> {
    host.writes().into_iter().map(|(_, state)| state).collect()
}

#[test]
fn b_5_8_a_result_is_delivery() {
    let mut host = is_delivered();
    host.relay_results(&json!({ "content": [], "isError": false }));
    host.store_all();
    assert_eq!(host.writes(), [("l".into(), WriteState::Queued)]);
    assert!(!host.disk.has_write("k", "queued"));
}

#[test]
fn b_5_8_a_refusal_is_a_dead_letter_that_holds_nobody_up() {
    let error = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1, "message": "no" } });
    let is_error = json!({ "jsonrpc": "2.0", "id": 1, "result": { "isError": true } });
    let input = json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "input_required" } });
    for (status, body) in [
        (200, error),
        (200, is_error),
        (200, input),
        (200, json!("what?")),
        (202, json!(null)),
        (302, json!(null)),
        (400, json!(null)),
        (404, json!(null)),
        (409, json!(null)),
        (422, json!(null)),
    ] {
        let mut host = is_delivered();
        host.relay_says(status, &body);
        host.store_all();
        assert_eq!(states(&mut host), [WriteState::Dead, WriteState::Queued], "{status} {body}");
        assert!(host.disk.has_write("k", "dead"));
        assert_eq!(host.sent().json()["params"]["arguments"]["idempotencyKey"], "l");
    }
}

#[test]
fn b_5_8_what_says_nothing_of_the_write_waits_longer_and_longer() {
    let outcomes: [fn(&mut Host); 8] = [
        |host| host.relay_says(408, &json!({})),
        |host| host.relay_says(425, &json!({})),
        |host| host.relay_says(429, &json!({})),
        |host| host.relay_says(500, &json!({})),
        |host| host.relay_says(503, &json!({})),
        |host| host.relay_is_away(),
        |host| host.relay_is_lost(),
        |host| host.pass(10_000),
    ];
    for outcome in outcomes {
        let mut host = is_delivered();
        for turn in 0..12 {
            outcome(&mut host);
            assert_eq!(states(&mut host), [WriteState::Queued; 2]);
            let most = (250 << turn).min(30_000);
            let mut waits = host.observed.iter().filter_map(|seen| match seen {
                relay_mcp_core::Observation::WriteRetried { wait, .. } => Some(wait.as_millis()),
                _ => None,
            });
            assert!(waits.next_back().unwrap() <= most, "full jitter below {most}");
            pass_to_delivery(&mut host);
        }
    }
}

/// Lets time pass until the delivery is tried again; a relay that is asked whether it is back hangs.
fn pass_to_delivery(host: &mut Host) {
    let is_delivery = |host: &Host| {
        let open = host.unanswered();
        open.iter().any(|call| host.calls[call].request.rpc_method() == "tools/call")
    };
    while !is_delivery(host) {
        host.pass_to_wakeup();
    }
    for call in host.unanswered() {
        if host.calls[&call].request.rpc_method() != "tools/call" {
            host.fail(call, relay_mcp_core::Sent::No, "connection refused");
        }
    }
}

#[test]
fn b_5_8_retry_after_is_honoured() {
    for status in [429, 503] {
        let mut host = is_delivered();
        let from = host.now;
        let call = host.call();
        host.answer_call(call, status, &[("retry-after", "60")], "");
        pass_to_delivery(&mut host);
        assert!(host.now >= from + 60_000, "{status}");
    }
}

/// It would be asked again at once otherwise.
#[test]
fn g6_what_the_relay_asks_of_a_live_write_the_queue_keeps_to() {
    let mut host = Host::new(Config::default());
    let exchange = host.request(keyed_write(1, "k", "hi"));
    let from = host.now;
    host.relay_says_with(503, &[("retry-after", "60")], "");
    host.store_all();
    assert!(host.is_queued(exchange));
    pass_to_delivery(&mut host);
    assert!(host.now >= from + 60_000, "{}", host.now - from);
}

#[test]
fn b_5_8_waiting_is_cut_short_when_the_relay_is_back() {
    let mut host = is_delivered();
    let call = host.call();
    host.answer_call(call, 503, &[("retry-after", "3600")], "");
    host.request(relay_mcp_tests::world::messages::legacy(9, "resources/list", &json!({})));
    let from = host.now;
    host.relay_says(200, &json!({}));
    pass_to_delivery(&mut host);
    assert!(host.now <= from + 250);
}

#[test]
fn b_5_8_waiting_is_cut_short_when_a_ping_shows_that_only_the_connection_broke() {
    let mut host = is_delivered();
    for _ in 0..8 {
        host.fail(host.unanswered()[0], relay_mcp_core::Sent::Unknown, "connection reset");
        assert_eq!(host.says(host.unanswered()[0]), "ping");
        host.relay_says(200, &json!({}));
        let from = host.now;
        pass_to_delivery(&mut host);
        assert!(host.now <= from + 1_000, "{}", host.now - from);
    }
}

#[test]
fn b_5_8_a_refused_token_pauses_the_queue_until_there_is_another() {
    for status in [401, 403] {
        let mut host = is_delivered();
        host.relay_says(status, &json!({}));
        assert!(host.outbox().paused);
        assert_eq!(states(&mut host), [WriteState::Queued; 2]);
        host.pass(59_999);
        assert!(host.calls.is_empty(), "{status}");
        host.token = 2;
        host.command(relay_mcp_core::Command::TokenChanged);
        assert_eq!(host.sent().token, 2);
        host.relay_results(&json!({}));
        assert!(!host.outbox().paused);
    }
}

#[test]
fn b_5_8_a_queue_whose_last_write_is_thrown_away_waits_for_no_token() {
    let mut host = is_delivered();
    host.relay_says(401, &json!({}));
    for (key, is_paused) in [("k", true), ("l", false)] {
        host.reply(Command::DiscardWrite(key.into()));
        assert_eq!(host.outbox().paused, is_paused);
    }
    host.queued("next");
    assert_eq!(host.sent().json()["params"]["arguments"]["idempotencyKey"], "next");
}

#[test]
fn b_5_8_a_paused_queue_is_tried_slowly_all_the_same() {
    let mut host = is_delivered();
    host.relay_says(401, &json!({}));
    host.pass(60_000);
    assert_eq!(host.sent().rpc_method(), "tools/call");
}

#[test]
fn b_5_8_a_token_that_was_changed_meanwhile_is_used_at_once() {
    let mut host = is_delivered();
    host.token = 2;
    host.relay_says(401, &json!({}));
    assert_eq!((host.sent().token, host.sent().rpc_method().as_str()), (2, "tools/call"));
}

#[test]
fn b_5_8_a_dead_letter_can_be_retried_and_discarded_by_hand() {
    use relay_mcp_core::Reply;
    let mut host = Host::new(Config::default());
    host.queued("k");
    host.relay_says(400, &json!({}));
    host.store_all();
    assert_eq!(host.reply(Command::RetryWrite("unknown".into())), Reply::UnknownWrite);
    let retry = host.command(Command::RetryWrite("k".into()));
    assert_eq!(host.replies[&retry], None, "durable first");
    host.store_all();
    assert_eq!(host.replies[&retry], Some(Reply::Done));
    assert_eq!(host.sent().json()["params"]["arguments"]["idempotencyKey"], "k");
    host.relay_says(400, &json!({}));
    assert_eq!(host.reply(Command::DiscardWrite("k".into())), Reply::Done);
    assert_eq!((host.writes(), host.disk.has_write("k", "dead")), (vec![], false));
}

/// How long the delivery that is under way, or comes next, is waited for by a relay that answers nothing but pings.
fn patience(host: &mut Host) -> u64 {
    let mut delivery = None;
    loop {
        for call in host.unanswered() {
            match host.says(call).as_str() {
                "ping" => host.answer_call(call, 200, &[], "{}"),
                _ => delivery = delivery.or(Some((call, host.now))),
            }
        }
        match delivery {
            Some((call, since)) if !host.calls.contains_key(&call) => return host.now - since,
            _ => host.pass(100),
        }
    }
}

/// Else it would be sent for ever, and nothing behind it ever.
#[test]
fn b_9_10_a_write_that_takes_its_time_is_waited_for_longer_each_time() {
    let mut host = is_delivered();
    for expected in [10_000, 20_000, 40_000, 80_000] {
        assert_eq!(patience(&mut host), expected);
    }
    pass_to_delivery(&mut host);
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(states(&mut host), [WriteState::Queued], "it is delivered");
    assert_eq!(patience(&mut host), 10_000, "the next one has the usual time");
}
