//! OUTBOX G6: what is tried while the relay is away, and what tells that it is.

use relay_mcp_core::{CallId, Config, Observation, RelayState, Sent};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{get, in_session, legacy, tool, write};
use serde_json::json;

/// Longer than the relay may take to begin the answer to a list.
const TOO_LONG: u64 = 10_001;

fn read(host: &mut Host, id: u64) -> relay_mcp_core::ExchangeId {
    host.request(legacy(id, "tools/call", &tool("relay_read", &json!({}))))
}

fn list(host: &mut Host, id: u64) -> relay_mcp_core::ExchangeId {
    host.request(legacy(id, "tools/list", &json!({})))
}

/// A relay that takes calls and answers none.
fn silent() -> Host {
    let mut host = Host::new(Config::default());
    host.listed(None, &json!([{ "name": "a" }]));
    list(&mut host, 1);
    host.pass(TOO_LONG);
    host.store_all();
    assert!(host.says(host.call()) == "ping" && !went_down(&host), "it is asked first");
    host.pass(1_000);
    host
}

fn went_down(host: &Host) -> bool {
    host.observed.iter().any(|seen| matches!(seen, Observation::RelayDown { .. }))
}

fn state(host: &mut Host) -> RelayState {
    host.status().relay.state
}

fn break_off(host: &mut Host, call: CallId) {
    host.fail(call, Sent::Unknown, "connection reset");
}

#[test]
fn g6_a_relay_that_refuses_is_tried_each_time() {
    let mut host = Host::new(Config::default());
    for id in 1..4 {
        let exchange = read(&mut host, id);
        let call = host.unanswered().into_iter().find(|call| host.says(*call) == "tools/call").unwrap();
        host.fail(call, Sent::No, "connection refused");
        assert_eq!(host.json(exchange)["error"]["data"]["delivered"], "no");
    }
}

#[test]
fn g6_nobody_waits_for_a_relay_that_is_silent() {
    let mut host = silent();
    let before = host.unanswered();
    assert_eq!(state(&mut host), RelayState::Down);
    let exchange = read(&mut host, 2);
    let error = host.json(exchange)["error"].clone();
    assert_eq!((&error["code"], &error["data"]["delivered"]), (&json!(-32002), &json!("no")));
    assert_eq!(error["message"], "relay unreachable: it has been silent for 11001 ms");
    let ping = host.request(legacy(3, "ping", &json!({})));
    assert_eq!(host.json(ping)["result"], json!({}));
    let shown = list(&mut host, 4);
    assert_eq!(host.json(shown)["result"]["tools"][0]["name"], "a");
    assert_eq!(host.unanswered(), before, "none of it was sent");
    let queued = host.request(write(5, "x"));
    host.store_all();
    assert!(host.is_queued(queued));
}

#[test]
fn g6_a_relay_that_never_said_anything_has_been_silent_since_the_proxy_was_opened() {
    let mut host = Host::new(Config::default());
    list(&mut host, 1);
    host.pass(TOO_LONG + 1_000);
    let exchange = read(&mut host, 2);
    let message = "relay unreachable: it has been silent for 11001 ms";
    assert_eq!(host.json(exchange)["error"]["message"], message);
}

#[test]
fn g6_the_first_answer_closes_the_breaker_and_a_lost_ping_holds_up_no_other() {
    let mut host = silent();
    let pings = |host: &Host| {
        let calls = host.unanswered().into_iter();
        calls.filter(|call| host.says(*call) == "ping").collect::<Vec<_>>()
    };
    let before = pings(&host).len();
    host.pass(3_000);
    let pings = pings(&host);
    assert!(pings.len() >= before + 2, "{pings:?}");
    host.answer_call(pings[pings.len() - 1], 400, &[], "");
    assert_eq!(state(&mut host), RelayState::Up);
    read(&mut host, 2);
    assert!(host.unanswered().iter().any(|call| host.says(*call) == "tools/call"), "it is sent");
}

#[test]
fn g6_pings_that_are_still_under_way_when_the_relay_is_back_say_nothing_of_it() {
    let mut host = silent();
    host.pass(4_000);
    let (pings, others): (Vec<_>, Vec<_>) =
        host.unanswered().into_iter().partition(|call| host.says(*call) == "ping");
    assert!(pings.len() > 3, "{pings:?}");
    for call in others.into_iter().chain(pings.last().copied()) {
        host.answer_call(call, 200, &[], "{}");
    }
    let outages = |host: &Host| {
        host.observed.iter().filter(|seen| matches!(seen, Observation::RelayDown { .. })).count()
    };
    let before = outages(&host);
    for call in &pings {
        host.fail(*call, Sent::Unknown, "connection reset");
    }
    assert_eq!((outages(&host), state(&mut host)), (before, RelayState::Up));
    assert!(pings.iter().all(|call| !host.calls.contains_key(call)), "nobody waits for them either");
}

#[test]
fn g6_a_slow_call_is_no_outage_where_a_ping_is_answered() {
    let mut host = Host::new(Config::default());
    host.listed(None, &json!([{ "name": "a" }]));
    let stream = host.request(get(None));
    let slow = list(&mut host, 2);
    host.pass(TOO_LONG);
    host.store_all();
    assert_eq!(host.json(slow)["result"]["tools"][0]["name"], "a", "the last one known");
    assert_eq!(host.sent().rpc_method(), "ping");
    host.relay_says(200, &json!({}));
    assert!(!went_down(&host));
    host.pass(1_000);
    host.relay_results(&json!({ "tools": [{ "name": "b" }] }));
    let told = host.exchanges[&stream].text();
    assert!(told.contains("notifications/tools/list_changed"), "what was missed is news: {told}");
}

#[test]
fn g6_a_relay_that_is_away_and_then_silent_is_not_waited_for_either() {
    let mut host = Host::new(Config::default());
    read(&mut host, 1);
    host.relay_is_away();
    assert!(went_down(&host));
    list(&mut host, 2);
    host.pass(TOO_LONG + 1_000);
    let exchange = read(&mut host, 3);
    assert!(!host.is_waiting(exchange));
}

/// `--max-requests` may allow more than a stack has room for.
#[test]
fn g6_any_number_of_writes_may_have_waited_for_a_relay_that_is_silent() {
    let mut host = Host::new(Config::default());
    let mut params = tool("relay_send_message", &json!({}));
    params["requestState"] = json!("cannot be queued");
    let writes: Vec<_> = (0..8_000_u64).map(|id| host.request(legacy(id, "tools/call", &params))).collect();
    host.pass(2 * TOO_LONG);
    for exchange in writes {
        assert_eq!(host.json(exchange)["error"]["code"], -31003);
    }
}

#[test]
fn a_connection_that_breaks_is_no_outage() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    let in_session = |request| in_session(request, Some(&session));
    for request in [legacy(1, "tools/list", &json!({})), legacy(2, "ping", &json!({}))] {
        let exchange = host.request(in_session(request.clone()));
        let broken = host.call();
        break_off(&mut host, broken);
        assert_eq!(host.sent().body, request.body, "once more, as it was");
        host.relay_results(&json!({ "tools": [] }));
        host.store_all();
        assert!(host.answer(exchange).text().contains("result"));
    }
    assert!(!went_down(&host));
}

/// After a restart of the relay all connections that idle are broken, not one alone.
#[test]
fn g6_a_ping_that_meets_a_broken_connection_is_no_outage_either() {
    let mut host = Host::new(Config::default());
    read(&mut host, 1);
    for said in ["tools/call", "ping"] {
        let broken = host.call();
        assert_eq!(host.says(broken), said);
        break_off(&mut host, broken);
        assert!(!went_down(&host), "nobody knows yet");
    }
    host.relay_says(200, &json!({}));
    assert!(!went_down(&host));
}

#[test]
fn g3_a_call_that_may_have_been_done_is_not_repeated_and_a_ping_tells_whether_the_relay_is_away() {
    for is_there in [true, false] {
        let mut host = Host::new(Config::default());
        let exchange = read(&mut host, 1);
        let broken = host.call();
        break_off(&mut host, broken);
        assert_eq!(host.json(exchange)["error"]["data"]["delivered"], "unknown");
        assert_eq!(host.sent().rpc_method(), "ping");
        assert!(!went_down(&host), "nobody knows yet");
        match is_there {
            true => host.relay_says(404, &json!({})),
            false => host.relay_is_lost(),
        }
        assert_eq!(went_down(&host), !is_there);
    }
}

#[test]
fn a_long_call_is_not_cut_and_not_waited_for_for_ever() {
    let config = Config::default();
    let most = u64::try_from(config.call_timeout.as_millis()).unwrap();
    let mut host = Host::new(config);
    let exchange = read(&mut host, 1);
    host.pass(most - 1);
    assert!(host.is_waiting(exchange));
    host.pass(1);
    assert_eq!(host.json(exchange)["error"]["data"]["delivered"], "unknown");
    assert!(host.calls.values().all(|call| call.request.rpc_method() == "ping"), "it is cancelled");
}

/// A relay that was there and refuses this call now.
fn refuses(id: u64) -> (Host, relay_mcp_core::ExchangeId) {
    let mut host = Host::new(Config::default());
    host.listed(None, &json!([]));
    let exchange = read(&mut host, id);
    host.relay_is_away();
    (host, exchange)
}

#[test]
fn a_relay_that_is_started_again_is_waited_for_and_its_agents_see_nothing() {
    let (mut host, exchange) = refuses(1);
    assert!(host.is_waiting(exchange));
    let other = read(&mut host, 2);
    let refused = host.unanswered().into_iter().find(|call| host.says(*call) == "tools/call").unwrap();
    host.fail(refused, Sent::No, "connection refused");
    host.pass(500);
    let probe = *host.unanswered().last().unwrap();
    assert_eq!(host.says(probe), "ping");
    host.answer_call(probe, 400, &[], "");
    let calls: Vec<_> =
        host.unanswered().into_iter().filter(|call| host.says(*call) == "tools/call").collect();
    assert_eq!(calls.len(), 2, "both are sent once more");
    for call in calls {
        host.answer_call(call, 200, &[], "{}");
    }
    for exchange in [exchange, other] {
        assert!(!host.is_waiting(exchange) && host.exchanges[&exchange].status == 200);
    }
}

#[test]
fn a_relay_that_stays_away_is_waited_for_for_two_seconds_and_nothing_is_sent_twice_after() {
    let (mut host, exchange) = refuses(1);
    host.pass(1_999);
    assert!(host.is_waiting(exchange));
    host.pass(1);
    assert_eq!(host.json(exchange)["error"]["data"]["delivered"], "no");
    let later = read(&mut host, 2);
    let refused = host.unanswered().into_iter().find(|call| host.says(*call) == "tools/call").unwrap();
    host.fail(refused, Sent::No, "connection refused");
    assert_eq!(host.json(later)["error"]["data"]["delivered"], "no", "by then it is away");
    let probe = *host.unanswered().last().unwrap();
    host.answer_call(probe, 400, &[], "");
    assert!(host.unanswered().iter().all(|call| host.says(*call) != "tools/call"));
}

#[test]
fn what_an_agent_no_longer_waits_for_is_not_sent_to_a_relay_that_is_back() {
    let (mut host, exchange) = refuses(1);
    host.leave(exchange);
    host.pass(300);
    let probe = *host.unanswered().last().unwrap();
    host.answer_call(probe, 400, &[], "");
    assert!(host.unanswered().iter().all(|call| host.says(*call) != "tools/call"));
}
