//! The main stories, step by step, as text in `golden/`. `UPDATE_GOLDEN=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use relay_mcp_core::{Command, Config};
use relay_mcp_tests::trace::Story;
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{
    get, in_session, initialize, keyed_write, legacy, notification, write,
};
use serde_json::{Value, json};

fn begin() -> (Host, Story) {
    (Host::new(Config::default()), Story::default())
}

fn done() -> Value {
    json!({ "content": [{ "type": "text", "text": "done" }] })
}

fn read(id: u64) -> relay_mcp_core::AgentRequest {
    legacy(id, "tools/call", &json!({ "name": "relay_read", "arguments": {} }))
}

#[test]
fn a_call_passes_through() {
    let (mut host, mut story) = begin();
    host.request(read(1));
    story.tell("the agent calls a tool", &host);
    host.relay_results(&done());
    story.tell("the relay answers, and nobody reads it on the way", &host);
    host.request(read(2));
    host.relay_is_away();
    story.tell(
        "the relay refuses it: perhaps it is being started again, so the call waits for a moment",
        &host,
    );
    host.pass_to_wakeup();
    host.relay_says(400, &Value::Null);
    host.relay_results(&done());
    story.tell("it is back, and gets the call once more", &host);
    story.check("a_call_passes_through");
}

#[test]
fn hello_and_menu_while_the_relay_is_away_and_back() {
    let (mut host, mut story) = begin();
    let hello = host.request(initialize(1));
    host.relay_is_away();
    host.store_all();
    let session = host.answer(hello).session();
    story.tell("the relay is away: the seed's hello, and a session of ours", &host);
    host.request(in_session(notification("notifications/initialized"), Some(&session)));
    host.request(in_session(legacy(2, "tools/list", &json!({})), Some(&session)));
    host.relay_is_away();
    let stream = host.request(get(Some(&session)));
    host.relay_is_away();
    story.tell("nothing is known of the menu, and the agent listens", &host);
    while host.unanswered().is_empty() {
        host.pass_to_wakeup();
    }
    story.tell(
        "the stream tries again, and for it the session is opened with the agent's own parameters",
        &host,
    );
    host.relay_says_with(200, &[("mcp-session-id", "s1")], &greeting(&host));
    host.relay_says(202, &Value::Null);
    host.relay_results(&json!({ "tools": [{ "name": "relay_read" }, { "name": "relay_workspace_land" }] }));
    story.tell("the menu is fetched, and the agent is told", &host);
    host.leave(stream);
    story.check("hello_and_menu_while_the_relay_is_away_and_back");
}

#[test]
fn a_write_during_an_outage_is_delivered_once() {
    let (mut host, mut story) = begin();
    host.request(write(1, "hi"));
    host.relay_is_away();
    story.tell("the relay is away: the write goes to disk", &host);
    host.store_all();
    story.tell("only then the agent gets its receipt, and delivery begins", &host);
    host.relay_is_away();
    while host.unanswered().is_empty() {
        host.pass_to_wakeup();
    }
    story.tell("the relay is still away", &host);
    host.relay_results(&done());
    host.store_all();
    story.tell("the relay is back: delivered once, with the same key, and forgotten", &host);
    story.check("a_write_during_an_outage_is_delivered_once");
}

#[test]
fn order_is_kept_behind_a_backlog() {
    let (mut host, mut story) = begin();
    host.request(keyed_write(1, "a", "first"));
    host.request(keyed_write(2, "b", "second"));
    host.relay_is_away();
    host.store_all();
    story.tell("two writes at once, and the relay is away: both are queued in order", &host);
    host.request(keyed_write(3, "c", "third"));
    host.store_all();
    story.tell("a third goes behind them, relay or not", &host);
    host.relay_results(&done());
    host.relay_results(&done());
    host.relay_results(&done());
    story.tell("they are delivered one after the other", &host);
    host.request(keyed_write(4, "d", "fourth"));
    story.tell("with the queue empty, writes go straight to the relay", &host);
    story.check("order_is_kept_behind_a_backlog");
}

#[test]
fn an_ambiguous_write_is_repeated_under_the_same_key() {
    let (mut host, mut story) = begin();
    host.request(write(1, "hi"));
    let call = host.call();
    host.head(call, 200, &[("content-type", "application/json")]);
    host.chunk(call, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"res");
    host.fail(call, relay_mcp_core::Sent::Unknown, "connection reset");
    host.store_all();
    story.tell("the answer breaks off: nobody knows, so it is queued under its key", &host);
    let [ping, delivery] = host.unanswered()[..] else { panic!("a ping and a delivery") };
    host.answer_call(ping, 504, &[], "");
    host.answer_call(delivery, 504, &[], "");
    host.pass_to_wakeup();
    story.tell("a gateway that gave up is no answer either", &host);
    host.crash(0);
    story.restarted();
    host.relay_results(&done());
    host.store_all();
    story.tell("the proxy dies, is started again, and delivers", &host);
    story.check("an_ambiguous_write_is_repeated_under_the_same_key");
}

#[test]
fn a_refused_token_pauses_until_there_is_another() {
    let (mut host, mut story) = begin();
    host.queued("k");
    story.tell("a write is queued", &host);
    host.relay_says(401, &Value::Null);
    story.tell("the relay refuses the token: the queue pauses", &host);
    host.request(read(2));
    host.relay_says(401, &Value::Null);
    story.tell("an agent that calls meanwhile must not take the 401 for its own", &host);
    host.token = 2;
    host.command(Command::TokenChanged);
    host.relay_results(&done());
    story.tell("another token: the queue goes on", &host);
    story.check("a_refused_token_pauses_until_there_is_another");
}

#[test]
fn a_forgotten_session_is_opened_again_unseen() {
    let (mut host, mut story) = begin();
    let session = host.greeted(Some("s1"));
    story.tell("the agent says hello", &host);
    host.request(in_session(read(1), Some(&session)));
    host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    for call in host.unanswered() {
        host.answer_call(call, 404, &[], "");
    }
    story.tell("the relay has forgotten the session: one opening for both requests", &host);
    host.relay_says_with(200, &[("mcp-session-id", "s2")], &greeting(&host));
    host.relay_says(202, &Value::Null);
    for call in host.unanswered() {
        host.answer_call(call, 200, &[("mcp-session-id", "s2")], "{}");
    }
    host.store_all();
    story.tell("both are repeated in the new session, under the name that the agent knows", &host);
    story.check("a_forgotten_session_is_opened_again_unseen");
}

#[test]
fn a_change_of_context_is_told_once() {
    let (mut host, mut story) = begin();
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "relay_read" }, { "name": "relay_workspace_land" }]));
    host.request(get(Some(&session)));
    story.tell("the agent knows its menu, and listens", &host);
    let isolated = |value| Command::SetContext(vec![("isolatedWorktree".into(), value)]);
    host.command(isolated(true));
    host.command(isolated(true));
    story.tell("it gets a worktree of its own, and hears of it once", &host);
    host.listed(Some(&session), &json!([{ "name": "relay_read" }, { "name": "relay_workspace_land" }]));
    host.command(isolated(true));
    story.tell("it looks, and there is no more news", &host);
    story.check("a_change_of_context_is_told_once");
}

#[test]
fn a_dead_letter_is_kept_and_retried_by_hand() {
    let (mut host, mut story) = begin();
    host.queued("k");
    host.queued("l");
    host.relay_says(422, &json!({ "error": "no such channel" }));
    host.store_all();
    story.tell("the relay refuses a write for good: it is kept, and the next one goes", &host);
    host.relay_results(&done());
    host.store_all();
    host.command(Command::ListOutbox);
    story.tell("it can be seen", &host);
    host.command(Command::RetryWrite("k".into()));
    host.store_all();
    host.relay_results(&done());
    story.tell("by hand it is queued again, durably, under its key", &host);
    story.check("a_dead_letter_is_kept_and_retried_by_hand");
}

/// The relay's answer to the `initialize` that is under way.
fn greeting(host: &Host) -> String {
    let id = host.sent().json()["id"].clone();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"2025-06-18"}}}}"#)
}
