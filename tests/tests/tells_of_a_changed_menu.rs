//! A changed menu is always told, an unchanged one never (B-4.6, B-4.7, B-7.1, B-7.3 to B-7.5, B-9.9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use relay_mcp_tests::agent::{Agent, Events, Frame};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::tools::{HIDDEN, VISIBLE, default_tools, tool};
use relay_mcp_tests::relay::{Fault, Gate, On, Relay};
use relay_mcp_tests::wait::{QUIET, until_async, until_true};
use serde_json::json;

const CHANGED: &str = "notifications/tools/list_changed";

/// An agent that has greeted and read the menu, and its stream.
async fn listening(proxy: &Proxy) -> (Agent, Events) {
    let agent = proxy.agent();
    agent.greet().await;
    agent.menu().await;
    let mut events = agent.listen().await;
    assert_eq!(events.frame().await, Some(Frame::Comment("connected".into())));
    (agent, events)
}

async fn assert_told(events: &mut Events) {
    let event = events.event().await;
    assert_eq!(event.json()["method"], CHANGED);
    assert_eq!(event.json().get("id"), None, "a notification");
    assert_eq!(event.id, None, "our own events carry no id");
}

async fn assert_quiet(events: &mut Events) {
    assert_eq!(events.event_within(QUIET).await, None);
}

/// B-7.1: at once, whatever the relay does.
#[tokio::test]
async fn a_stream_is_open_at_once() {
    let relay = Relay::that().streams().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    for fault in
        [None, Some(Fault::Hang), Some(Fault::status(405)), Some(Fault::status(500)), Some(Fault::Reset)]
    {
        if let Some(fault) = fault {
            relay.next(On::Http("GET"), fault);
        }
        let mut events = agent.listen().await;
        assert_eq!(events.frame().await, Some(Frame::Comment("connected".into())));
        let header = |name: &str| events.headers[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with("text/event-stream"));
        assert!(header("cache-control").contains("no-cache"));
        assert_eq!(header("x-accel-buffering"), "no");
    }
    relay.stop().await;
    let mut events = agent.listen().await;
    assert_eq!(events.frame().await, Some(Frame::Comment("connected".into())));
}

/// B-7.1
#[tokio::test]
async fn a_silent_stream_is_kept_alive() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--keepalive", "100ms").start().await;
    let (_agent, mut events) = listening(&proxy).await;
    for _ in 0..3 {
        assert_eq!(events.frame().await, Some(Frame::Comment("keepalive".into())));
    }
}

/// B-4.6: a change of context.
#[tokio::test]
async fn another_context_is_told_once_to_every_stream() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut one) = listening(&proxy).await;
    let mut other = agent.listen().await;
    proxy.control().isolated_worktree(true).await;
    for events in [&mut one, &mut other] {
        assert_told(events).await;
    }
    assert_eq!(agent.menu().await.len(), VISIBLE.len() + HIDDEN.len());
    proxy.control().isolated_worktree(true).await;
    assert_quiet(&mut one).await;
    assert_quiet(&mut other).await;
    proxy.control().isolated_worktree(false).await;
    assert_told(&mut one).await;
}

/// B-4.6: no change, no noise.
#[tokio::test]
async fn a_context_that_changes_nothing_is_not_told() {
    let relay = Relay::that().offers(VISIBLE.map(tool)).start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (_agent, mut events) = listening(&proxy).await;
    proxy.control().isolated_worktree(true).await;
    proxy.control().isolated_worktree(false).await;
    proxy.control().refresh().await;
    assert_quiet(&mut events).await;
}

/// B-4.6, B-4.7: names, order, or any part of a definition.
#[tokio::test]
async fn a_refresh_tells_of_every_visible_change() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    let mut more = default_tools();
    more.push(tool("relay_new"));
    let fewer = more[1..].to_vec();
    let mut turned = fewer.clone();
    turned.swap(0, 1);
    let mut reworded = turned.clone();
    reworded[0] = reworded[0].replace("Read messages", "Read all messages");
    for (menu, visible) in [(more, 5), (fewer, 4), (turned, 4), (reworded, 4)] {
        relay.set_tools(menu);
        assert!(proxy.control().refresh().await.status < 300);
        assert_told(&mut events).await;
        assert_eq!(agent.menu().await.len(), visible);
    }
    assert!(proxy.control().refresh().await.status < 300);
    assert_quiet(&mut events).await;
}

/// B-4.6: what the agent cannot see is not told.
#[tokio::test]
async fn a_change_behind_the_curtain_is_not_told() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (_agent, mut events) = listening(&proxy).await;
    let mut tools = default_tools();
    tools.push(tool("relay_workspace_land"));
    relay.set_tools(tools);
    proxy.control().refresh().await;
    assert_eq!(proxy.status().await["tools"]["hidden"].as_array().unwrap().len(), 3, "it was fetched");
    assert_quiet(&mut events).await;
}

/// B-4.6: what it read itself is no news to it.
#[tokio::test]
async fn a_menu_that_the_agent_just_read_is_not_told() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    relay.set_tools([tool("relay_other")]);
    assert_eq!(agent.menu().await, ["relay_other"]);
    proxy.control().refresh().await;
    assert_quiet(&mut events).await;
}

/// B-4.7: all pages, with the live token.
#[tokio::test]
async fn a_refresh_fetches_every_page_with_the_live_token() {
    let relay = Relay::that().pages_of(2).start().await;
    let proxy = Proxy::to(&relay).token("old").start().await;
    proxy.agent().greet().await;
    proxy.home().write_token("new");
    relay.forget_requests();
    assert!(proxy.control().refresh().await.status < 300);
    let asked = relay.requests_of("tools/list");
    let cursors: Vec<_> = asked.iter().map(|request| request.params()["cursor"].clone()).collect();
    assert_eq!(cursors, [json!(null), json!("page-1"), json!("page-2")]);
    assert!(asked.iter().all(|request| request.token() == Some("new")));
    let tools = proxy.status().await["tools"].clone();
    assert_eq!(tools, json!({"visible": VISIBLE, "hidden": HIDDEN}));
}

/// B-4.7: the seed's reason for refresh: another token, another scope.
#[tokio::test]
async fn another_scope_is_told_after_a_refresh() {
    let relay = Relay::that().shows("small", &["relay_reply"]).start().await;
    let proxy = Proxy::to(&relay).token("big").start().await;
    let (agent, mut events) = listening(&proxy).await;
    proxy.control().token("small").await;
    proxy.control().refresh().await;
    assert_told(&mut events).await;
    assert_eq!(agent.menu().await, ["relay_reply"]);
}

/// B-4.7
#[tokio::test]
async fn a_refresh_that_fails_changes_nothing() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    let (agent, mut events) = listening(&proxy).await;
    for fault in
        [Fault::status(503), Fault::status(403), Fault::error(-32603, "no"), Fault::Reset, Fault::Hang]
    {
        relay.next(On::Rpc("tools/list"), fault);
        proxy.control().refresh().await;
    }
    relay.stop().await;
    proxy.control().refresh().await;
    assert_eq!(agent.menu().await, VISIBLE);
    assert_quiet(&mut events).await;
}

/// B-4.7
#[tokio::test]
async fn several_refreshes_at_once_make_one_fetch() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    proxy.agent().greet().await;
    relay.forget_requests();
    let gate = Gate::new();
    relay.always(On::Rpc("tools/list"), Fault::Wait(gate.clone()));
    let control = proxy.control().clone();
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let control = control.clone();
            tokio::spawn(async move { control.refresh().await })
        })
        .collect();
    relay.request_of("tools/list").await;
    tokio::time::sleep(QUIET).await;
    gate.open();
    for answer in asked {
        assert!(answer.await.unwrap().status < 300);
    }
    assert_eq!(relay.requests_of("tools/list").len(), 1);
}

/// B-4.6: a relay that came back with another menu.
#[tokio::test]
async fn a_relay_that_came_back_changed_is_told() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    relay.stop().await;
    assert_eq!(agent.menu().await, VISIBLE);
    relay.set_tools([tool("relay_other")]);
    relay.start_again().await;
    assert_told(&mut events).await;
    assert_eq!(agent.menu().await, ["relay_other"]);
    relay.stop().await;
    agent.call("ping", json!({})).await.result();
    relay.start_again().await;
    let back = async || (agent.call("x/y", json!({})).await.error_code() == -32601).then_some(());
    until_async("the relay is back", back).await;
    assert_quiet(&mut events).await;
}

/// B-4.6: an empty menu is kept by some clients for days.
#[tokio::test]
async fn a_menu_that_becomes_known_is_told() {
    let relay = Relay::that().keeps_sessions().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    relay.start_again().await;
    assert_told(&mut events).await;
    assert_eq!(agent.menu().await, VISIBLE);
}

/// B-7.1, B-11: the relay's own news of its menu counts only when it is news to this agent.
#[tokio::test]
async fn the_relays_own_notice_is_checked_first() {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    until_true("the relay's stream is open", || relay.open_streams() == 1).await;
    relay.notify(CHANGED).await;
    assert_quiet(&mut events).await;
    relay.set_tools([tool("relay_other"), tool("relay_workspace_land")]);
    relay.notify(CHANGED).await;
    assert_told(&mut events).await;
    assert_quiet(&mut events).await;
    assert_eq!(agent.menu().await, ["relay_other"]);
}

/// B-7.1, B-7.5: everything else on the relay's stream, ids and all; and the agent's answers go back.
#[tokio::test]
async fn what_the_relay_says_on_its_stream_arrives() {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, mut events) = listening(&proxy).await;
    until_true("the relay's stream is open", || relay.open_streams() == 1).await;
    relay.say("id: e7\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"n\":1.0}}\n\n").await;
    let event = events.event().await;
    assert_eq!((event.id.as_deref(), event.json()["method"].as_str()), (Some("e7"), Some("notifications/x")));
    assert!(event.data.contains(r#"{"n":1.0}"#), "{}", event.data);
    relay.say("data: {\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"method\":\"sampling/createMessage\"}\n\n").await;
    let question = events.event().await.json();
    assert_eq!((&question["id"], &question["method"]), (&json!("s1"), &json!("sampling/createMessage")));
    relay.forget_requests();
    let reply = r#"{"jsonrpc":"2.0","id":"s1","result":{"a":1.0}}"#;
    assert_eq!(agent.post(reply).send().await.status, 202);
    assert_eq!(relay.requests_by("POST").remove(0).body, reply);
}

/// B-7.1: the relay's stream breaking is invisible.
#[tokio::test]
async fn a_broken_stream_of_the_relay_is_opened_again() {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (_agent, mut events) = listening(&proxy).await;
    until_true("the relay's stream is open", || relay.open_streams() == 1).await;
    relay.say("id: e7\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n").await;
    assert_eq!(events.event().await.id.as_deref(), Some("e7"));
    relay.break_streams().await;
    until_true("it is open again", || relay.open_streams() == 1).await;
    let again = relay.requests_by("GET").pop().unwrap();
    assert_eq!(again.header("last-event-id"), Some("e7"));
    relay.say("id: e8\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/y\"}\n\n").await;
    assert_eq!(events.event().await.json()["method"], "notifications/y");
}

/// B-7.1: a relay without a stream costs nothing.
#[tokio::test]
async fn a_relay_without_a_stream_is_not_asked_again_and_again() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (_agent, mut events) = listening(&proxy).await;
    until_true("it was asked", || relay.requests_by("GET").len() == 1).await;
    assert_eq!(events.event_within(Duration::from_millis(1500)).await, None);
    assert_eq!(relay.requests_by("GET").len(), 1);
    proxy.control().isolated_worktree(true).await;
    assert_told(&mut events).await;
}

/// B-7.3, B-11: a change that happened while nobody listened, over a restart of the proxy too.
#[tokio::test]
async fn a_change_while_nobody_listened_is_told_when_somebody_does() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let (agent, events) = listening(&proxy).await;
    drop(events);
    until_true_status(&proxy, 0).await;
    proxy.control().isolated_worktree(true).await;
    assert_told(&mut agent.listen().await).await;
    agent.menu().await;
    assert_quiet(&mut agent.listen().await).await;

    proxy.restart_here().await;
    relay.set_tools([tool("relay_other")]);
    proxy.control().refresh().await;
    assert_told(&mut agent.listen().await).await;
}

async fn until_true_status(proxy: &Proxy, streams: usize) {
    let reached = async || (proxy.status().await["streams"] == streams).then_some(());
    until_async(&format!("{streams} streams are open"), reached).await;
}

/// B-8.2
#[tokio::test]
async fn the_status_counts_the_streams() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (agent, one) = listening(&proxy).await;
    let _other = agent.listen().await;
    until_true_status(&proxy, 2).await;
    drop(one);
    until_true_status(&proxy, 1).await;
}

/// B-7.4: who does not read delays nobody.
#[tokio::test]
async fn a_reader_that_does_not_read_delays_nobody() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--keepalive", "5ms").start().await;
    let (agent, mut events) = listening(&proxy).await;
    let _asleep = agent.listen().await;
    for isolated in [true, false, true, false] {
        proxy.control().isolated_worktree(isolated).await;
        assert_told(&mut events).await;
        agent.menu().await;
    }
}
