//! The relay that the other tests lean on does what they think it does: an agent talks to it directly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::agent::{Agent, Frame, initialize_params};
use relay_mcp_tests::relay::tools::{HIDDEN, VISIBLE};
use relay_mcp_tests::relay::{Canned, Fate, Fault, Gate, On, Relay, RelayProcess, Speaks, Step};
use relay_mcp_tests::wait::until_true;

fn agent_of(relay: &Relay) -> Agent {
    Agent::of(&relay.endpoint(), Some("a-token"))
}

#[tokio::test]
async fn it_greets_lists_and_answers_calls() {
    let relay = Relay::start().await;
    let agent = agent_of(&relay);
    assert_eq!(agent.greet().await["serverInfo"]["name"], "test-relay");
    assert_eq!(agent.session(), None);
    assert_eq!(agent.menu().await, [&VISIBLE[..], &HIDDEN[..]].concat());
    let read = agent.tools_call("relay_list_messages", r#"{"since":3}"#).await.result();
    assert_eq!(read["content"][0]["text"], r#"{"since":3}"#);
    assert_eq!(agent.call("no/such", serde_json::json!({})).await.error_code(), -32601);
    assert_eq!(relay.request_of("initialize").await.params(), initialize_params());
    assert_eq!(relay.requests()[0].token(), Some("a-token"));
}

#[tokio::test]
async fn it_applies_a_key_once() {
    let relay = Relay::start().await;
    let agent = agent_of(&relay);
    for text in ["one", "two"] {
        let arguments = format!(r#"{{"text":"{text}","idempotencyKey":"k"}}"#);
        assert_eq!(
            agent.tools_call("relay_reply", &arguments).await.result()["structuredContent"]["number"],
            1
        );
    }
    assert_eq!(relay.applied_texts(), ["one"]);
    assert_eq!(relay.arrivals().len(), 2);
}

#[tokio::test]
async fn it_refuses_connections_while_it_is_stopped() {
    let relay = Relay::start().await;
    let agent = agent_of(&relay);
    relay.always(On::Rpc("tools/list"), Fault::Hang);
    let hanging = tokio::spawn(agent.request("tools/list", &serde_json::json!({})).try_send());
    relay.request_of("tools/list").await;
    relay.stop().await;
    assert!(hanging.await.unwrap().is_err());
    let refused = agent.request("ping", &serde_json::json!({})).try_send().await.unwrap_err();
    assert!(refused.starts_with("connect"), "{refused}");
    relay.heal();
    relay.start_again().await;
    assert_eq!(agent.menu().await.len(), 6);
}

#[tokio::test]
async fn it_wants_its_sessions_opened_and_forgets_them() {
    let relay = Relay::that().keeps_sessions().start().await;
    let agent = agent_of(&relay);
    assert_eq!(agent.tools_list().await.status, 400);
    agent.initialize().await.result();
    assert_eq!(agent.tools_list().await.status, 400, "the handshake is not complete");
    agent.greet().await;
    assert_eq!(agent.menu().await.len(), 6);
    relay.forget_sessions();
    assert_eq!(agent.tools_list().await.status, 404);
    agent.greet().await;
    assert_eq!(agent.ask("DELETE").send().await.status, 204);
    assert_eq!(agent.tools_list().await.status, 404);
}

#[tokio::test]
async fn it_speaks_modern_and_checks_the_headers() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let agent = agent_of(&relay).modern();
    assert_eq!(agent.discover().await.result()["supportedVersions"][0], "2026-07-28");
    assert_eq!(agent.tools_list().await.result()["cacheScope"], "public");
    let lie = agent.tool("relay_reply", "{}").set("mcp-name", "relay_other").send().await;
    assert_eq!((lie.status, lie.error_code()), (400, -32020));
    let unknown = agent.call("no/such", serde_json::json!({})).await;
    assert_eq!((unknown.status, unknown.error_code()), (404, -32601));
    let wanted = serde_json::json!({"notifications": {"toolsListChanged": true}});
    let mut events = agent.request("subscriptions/listen", &wanted).open().await;
    assert_eq!(events.event().await.json()["method"], "notifications/subscriptions/acknowledged");
    relay.notify("notifications/tools/list_changed").await;
    assert_eq!(events.event().await.json()["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn it_fails_as_it_is_told() {
    let relay = Relay::start().await;
    let agent = agent_of(&relay);
    let write = || agent.tool("relay_reply", r#"{"text":"x"}"#);
    relay.next(On::Tool("relay_reply"), Fault::status(503));
    assert_eq!(write().send().await.status, 503);
    relay.next(On::Any, Fault::Reset);
    assert!(write().try_send().await.is_err());
    assert_eq!(relay.applied().len(), 0);
    relay.next(On::Any, Fault::ApplyThenReset);
    assert!(write().try_send().await.is_err());
    relay.next(On::Any, Fault::ApplyThenAnswer(Canned::text(504, "late")));
    assert_eq!(write().send().await.status, 504);
    assert_eq!(relay.applied().len(), 2);
    relay.next(On::Any, Fault::Steps(Canned::json(200, ""), vec![Step::Say("{".into()), Step::Reset]));
    assert!(write().try_send().await.is_err(), "half an answer");
}

#[tokio::test]
async fn it_answers_in_steps_and_sees_who_went_away() {
    let relay = Relay::start().await;
    let agent = agent_of(&relay);
    let gate = Gate::new();
    let steps =
        vec![Step::Say("data: 1\n\n".into()), Step::Wait(gate.clone()), Step::Say("data: $ID\n\n".into())];
    relay.next_n(2, On::Any, Fault::Steps(Canned::sse(), steps));
    let ask = || agent.request_with_id(&"id-7".into(), "x/y", &serde_json::json!({}));
    let gone = ask().open().await;
    let mut waiting = ask().open().await;
    assert_eq!(waiting.event().await.data, "1");
    drop(gone);
    until_true("the relay sees it", || relay.requests()[0].fate() == Fate::Abandoned).await;
    assert_eq!(relay.requests()[1].fate(), Fate::Open);
    gate.open();
    assert_eq!(waiting.event().await.data, r#""id-7""#);
    assert_eq!(waiting.rest().await, []);
    assert_eq!(relay.requests()[1].fate(), Fate::Answered);

    relay.next(On::Any, Fault::Hang);
    let hanging = tokio::spawn(ask().try_send());
    until_true("it hangs", || relay.requests().len() == 3).await;
    hanging.abort();
    until_true("the relay sees it", || relay.requests()[2].fate() == Fate::Abandoned).await;
}

#[tokio::test]
async fn it_streams_to_the_agent() {
    let relay = Relay::that().streams().start().await;
    let mut events = agent_of(&relay).listen().await;
    assert_eq!(events.frame().await, Some(Frame::Comment("the relay's stream".into())));
    relay.say("id: 4\r\ndata: {\"a\":1}\r\n\r\n").await;
    let event = events.event().await;
    assert_eq!((event.id.as_deref(), &event.json()["a"]), (Some("4"), &1.into()));
    relay.break_streams().await;
    assert_eq!(events.frame().await, None);
}

#[tokio::test]
async fn it_pages_its_menu_and_narrows_it_by_token() {
    let relay = Relay::that().pages_of(4).shows("a-token", &VISIBLE).answers_in_sse().start().await;
    let agent = Agent::of(&relay.endpoint(), Some("another"));
    let page = agent.tools_list().await.result();
    assert_eq!(page["nextCursor"], "page-1");
    let page = agent.call("tools/list", serde_json::json!({"cursor": "page-1"})).await.result();
    assert_eq!(relay_mcp_tests::agent::names(&page), HIDDEN);
    assert_eq!(agent_of(&relay).tools_list().await.result().get("nextCursor"), None);
}

#[tokio::test]
async fn its_process_remembers_what_it_applied() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let mut relay = RelayProcess::start(env!("CARGO_BIN_EXE_test-relay"), &journal).await;
    let agent = Agent::of(&format!("{}/api/mcp", relay.origin()), None);
    for _ in 0..2 {
        agent.tools_call("relay_reply", r#"{"text":"a","idempotencyKey":"k1"}"#).await.result();
        relay.kill().await;
        relay.start_again().await;
    }
    agent.tools_call("relay_reply", r#"{"text":"b","idempotencyKey":"k2"}"#).await.result();
    relay.kill().await;
    let applied: Vec<String> = relay.applied().iter().map(|write| write.text()).collect();
    assert_eq!(applied, ["a", "b"]);
}
