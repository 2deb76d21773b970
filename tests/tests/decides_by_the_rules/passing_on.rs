//! B-2.3: the answers that a host may pass on without asking the machine, and what the machine makes of that.

use relay_mcp_core::headers::SESSION_ID;
use relay_mcp_core::{CallId, Config, Input, Sent};
use relay_mcp_tests::world::messages::{get, in_session, keyed_write, legacy, notification};
use relay_mcp_tests::world::{Host, Stage};
use serde_json::json;

/// A host whose relay has just answered.
fn beside_a_relay() -> Host {
    let mut host = Host::new(Config::default());
    host.passes = true;
    host.request(legacy(0, "resources/list", &json!({})));
    host.relay_results(&json!({}));
    host
}

fn read() -> relay_mcp_core::AgentRequest {
    legacy(1, "resources/read", &json!({}))
}

fn inputs(host: &Host) -> Vec<&Input> {
    host.history.iter().map(|step| &step.input).collect()
}

#[test]
fn a_plain_answer_needs_no_step_and_is_told_before_what_comes_next() {
    let mut host = beside_a_relay();
    let exchange = host.request(read());
    let (call, steps) = (host.call(), host.history.len());
    assert_eq!(host.calls[&call].pass_to, Some(exchange));
    host.relay_says_with(200, &[("mcp-x", "1")], "anything");
    assert_eq!(host.history.len(), steps);
    let answer = host.answer(exchange);
    assert_eq!((answer.status, answer.text().as_str(), answer.header("mcp-x")), (200, "anything", Some("1")));

    host.tick();
    assert_eq!(inputs(&host)[steps..], [&Input::Passed { call }, &Input::Tick]);
    assert_eq!(host.wakeup(), None, "nothing is waited for any more");
    host.leave(exchange);
    assert_eq!(host.history.len(), steps + 2, "it is over");
}

#[test]
fn of_an_answer_that_is_not_plain_the_machine_decides() {
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let mut host = beside_a_relay();
        host.request(read());
        let steps = host.history.len();
        host.relay_says(status, &json!({}));
        assert!(matches!(inputs(&host)[steps], Input::RelayHead { .. }), "{status}");
    }
    for (asked_in, named, is_plain) in [(None, "a", false), (Some("a"), "b", false), (Some("a"), "a", true)] {
        let mut host = beside_a_relay();
        host.request(in_session(read(), asked_in));
        let steps = host.history.len();
        host.relay_says_with(200, &[(SESSION_ID, named)], "{}");
        assert_eq!(host.history.len() == steps, is_plain, "{asked_in:?}, {named}");
    }
}

#[test]
fn an_answer_by_which_the_machine_decides_more_is_nobodys_to_pass_on() {
    let passes = |request| {
        let mut host = beside_a_relay();
        let exchange = host.request(request);
        let call = host.calls.values().next_back().expect("a call");
        assert!(call.pass_to.is_none_or(|to| to == exchange));
        call.pass_to.is_some()
    };
    assert!(passes(legacy(1, "ping", &json!({}))));
    assert!(passes(notification("notifications/initialized")));
    for method in ["initialize", "server/discover", "tools/list"] {
        assert!(!passes(legacy(1, method, &json!({}))), "{method}");
    }
    assert!(!passes(keyed_write(1, "k", "k")));
    assert!(!passes(get(None)));
}

/// That the relay answers is news where it was away, or may have been, and where a write waits for it (B-5.8).
#[test]
fn an_answer_that_is_news_is_not_passed_on_unasked() {
    let may_pass = |host: &mut Host| {
        host.request(read());
        let call = *host.calls.keys().next_back().expect("a call");
        host.calls[&call].pass_to.is_some()
    };
    assert!(may_pass(&mut beside_a_relay()));
    assert!(!may_pass(&mut Host::new(Config::default())), "nothing is known of it");

    let mut host = beside_a_relay();
    host.request(read());
    host.relay_is_away();
    assert!(!may_pass(&mut host), "it is away");

    let mut host = beside_a_relay();
    host.request(read());
    let call = host.call();
    host.fail(call, Sent::Unknown, "connection reset");
    assert!(!may_pass(&mut host), "it may be away");

    let mut host = beside_a_relay();
    host.queued("k");
    host.request(read());
    let call = host.unanswered().into_iter().max().expect("a call");
    host.answer_call(call, 200, &[], "{}");
    host.pass(10_000);
    host.relay_says(429, &json!({}));
    assert!(!may_pass(&mut host), "a write waits for it");
}

/// An answer may be passed on that the machine allowed before it began to doubt: then it hears of it, and knows.
#[test]
fn an_answer_that_was_passed_on_ends_a_doubt() {
    let mut host = beside_a_relay();
    let (first, second) = (host.request(read()), host.request(read()));
    let [call, other] = host.unanswered()[..] else { panic!() };
    host.fail(other, Sent::Unknown, "connection reset");
    host.answer_call(call, 200, &[], "{}");
    assert_eq!(host.exchanges[&first].stage, Stage::Over);
    assert!(!host.is_waiting(second));
    host.request(read());
    let last = host.unanswered().into_iter().max().expect("a call");
    assert!(host.calls[&last].pass_to.is_some(), "there is no doubt any more");
}

#[test]
fn what_was_not_to_be_passed_on_is_not_taken_to_be_over() {
    let mut host = Host::new(Config::default());
    let write = host.request(keyed_write(1, "k", "k"));
    let call = host.call();
    assert_eq!(host.step(Input::Passed { call }), []);
    assert_eq!(host.step(Input::Passed { call: CallId(99) }), []);
    host.relay_results(&json!({ "content": [] }));
    assert_eq!(host.answer(write).status, 200);
}

/// Both are told with what comes next, long after the time that either had.
#[test]
fn of_two_that_were_passed_on_neither_is_late() {
    let mut host = beside_a_relay();
    let exchanges = [host.request(read()), host.request(read())];
    for call in host.unanswered() {
        host.answer_call(call, 200, &[], "{}");
    }
    let steps = host.history.len();
    host.now += 86_400_000;
    host.tick();
    assert!(host.history[steps..].iter().all(|step| step.actions.is_empty()));
    assert!(exchanges.iter().all(|exchange| host.answer(*exchange).status == 200));
}
