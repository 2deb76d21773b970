//! B-4: the menu.

use relay_mcp_core::{Command, Config, ExchangeId, Reply, Sent};
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::{get, in_session, legacy, modern};
use serde_json::{Value, json};

pub(crate) fn list(host: &mut Host, id: u64, cursor: Option<&str>) -> ExchangeId {
    let params = cursor.map_or(json!({}), |cursor| json!({ "cursor": cursor }));
    host.request(legacy(id, "tools/list", &params))
}

pub(crate) fn tool(name: &str) -> Value {
    json!({ "name": name })
}

pub(crate) fn names(host: &Host, exchange: ExchangeId) -> Vec<String> {
    let tools = host.json(exchange)["result"]["tools"].clone();
    tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().into()).collect()
}

pub(crate) fn isolated(host: &mut Host, value: bool) {
    host.command(Command::SetContext(vec![("isolatedWorktree".into(), value)]));
}

fn told(host: &Host, stream: ExchangeId) -> usize {
    host.exchanges[&stream].text().matches("notifications/tools/list_changed").count()
}

#[test]
fn b_4_1_the_menu_is_narrowed_in_the_agents_present_context() {
    let mut host = Host::new(Config::default());
    let menu = json!([tool("b"), tool("relay_workspace_land"), tool("a")]);
    let shown = host.listed(None, &menu);
    assert_eq!(names(&host, shown), ["b", "a"]);
    isolated(&mut host, true);
    let shown = host.listed(None, &menu);
    assert_eq!(names(&host, shown), ["b", "relay_workspace_land", "a"]);
}

#[test]
fn b_4_2_a_call_of_a_hidden_tool_is_forwarded() {
    let mut host = Host::new(Config::default());
    host.listed(None, &json!([tool("relay_workspace_land")]));
    let request = legacy(1, "tools/call", &json!({ "name": "relay_workspace_land" }));
    host.request(request.clone());
    assert_eq!(host.sent().body, request.body);
}

#[test]
fn b_4_3_everything_else_of_the_result_is_kept() {
    let mut host = Host::new(Config::default());
    let exchange = list(&mut host, 1, None);
    let body = r#"{"id":1,"result":{"_meta":{"a":1.0},"tools":[{"name":"relay_workspace_land"}],"nextCursor":"","ttlMs":9,"cacheScope":"public","x":null}}"#;
    host.relay_says_with(200, &[], body);
    let expected = r#"{"id":1,"result":{"_meta":{"a":1.0},"tools":[],"nextCursor":"","ttlMs":0,"cacheScope":"private","x":null}}"#;
    assert_eq!(host.answer(exchange).text(), expected);
}

#[test]
fn b_4_5_a_tool_that_may_be_queued_admits_the_receipt_in_memory_too() {
    let mut host = Host::new(Config::default());
    let schema = json!({ "type": "object", "required": ["id"] });
    let menu =
        json!([{ "name": "relay_reply", "outputSchema": schema }, { "name": "x", "outputSchema": schema }]);
    let live = host.listed(None, &menu);
    let remembered = list(&mut host, 2, None);
    host.relay_is_away();
    for shown in [live, remembered] {
        let tools = host.json(shown)["result"]["tools"].clone();
        assert_eq!(tools[0]["outputSchema"]["anyOf"][0], schema);
        assert_eq!(tools[0]["outputSchema"]["anyOf"][1]["properties"]["queued"]["const"], true);
        assert_eq!(tools[1]["outputSchema"], schema);
    }
}

#[test]
fn b_4_6_a_change_of_context_is_told_once_and_only_if_something_changed() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([tool("a"), tool("relay_workspace_land")]));
    let stream = host.request(get(Some(&session)));
    isolated(&mut host, false);
    assert_eq!(told(&host, stream), 0);
    isolated(&mut host, true);
    isolated(&mut host, true);
    assert_eq!(told(&host, stream), 1);
    isolated(&mut host, false);
    assert_eq!(told(&host, stream), 1, "it is what the agent saw");
    isolated(&mut host, true);
    assert_eq!(told(&host, stream), 2);
}

#[test]
fn b_4_6_a_relay_that_comes_back_with_another_definition_is_news() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([tool("a")]));
    let stream = host.request(get(Some(&session)));
    for (menu, news) in [
        (json!([tool("a")]), 0),
        (json!([{ "name": "a", "description": "another" }]), 1),
        (json!([tool("relay_workspace_land"), { "name": "a", "description": "another" }]), 1),
    ] {
        host.request(in_session(legacy(5, "ping", &json!({})), Some(&session)));
        host.relay_is_away();
        host.pass(100);
        host.relay_says(200, &json!({}));
        assert_eq!(host.sent().rpc_method(), "tools/list");
        host.relay_results(&json!({ "tools": menu }));
        assert_eq!(told(&host, stream), news, "{menu}");
    }
}

#[test]
fn b_4_6_an_empty_menu_from_memory_is_followed_by_news() {
    let mut host = Host::new(Config::default());
    let shown = list(&mut host, 1, None);
    host.relay_is_away();
    assert_eq!(names(&host, shown), [""; 0]);
    let stream = host.request(get(None));
    host.pass(1_000);
    host.relay_says(200, &json!({}));
    host.relay_results(&json!({ "tools": [tool("a")] }));
    assert_eq!(told(&host, stream), 1);
}

#[test]
fn b_4_7_several_refreshes_at_once_make_one_fetch_of_all_pages() {
    let mut host = Host::new(Config::default());
    let commands = [(); 3].map(|()| host.command(Command::Refresh));
    host.relay_results(&json!({ "tools": [tool("a")], "nextCursor": "" }));
    assert_eq!(host.sent().json()["params"], json!({ "cursor": "" }));
    host.relay_results(&json!({ "tools": [tool("b")] }));
    assert!(host.calls.is_empty());
    assert!(commands.iter().all(|command| host.replies[command] == Some(Reply::Done)));
    assert_eq!(host.status().tools.visible, ["a", "b"]);
}

/// The runner's fetch came first, in the era of nobody: it would never be made again.
#[test]
fn b_9_10_a_menu_that_nobody_asked_for_in_its_era_does_not_grow_old_beside_one_that_somebody_did() {
    let mut host = Host::new(Config::default());
    host.command(Command::Refresh);
    host.relay_results(&json!({ "tools": [tool("old")] }));
    host.request(modern(1, "tools/list", &json!({})));
    host.relay_results(&json!({ "resultType": "complete", "tools": [tool("old")] }));
    host.store_all();
    host.command(Command::Refresh);
    host.relay_results(&json!({ "resultType": "complete", "tools": [tool("new")] }));
    let shown = list(&mut host, 2, None);
    host.relay_is_away();
    assert_eq!(names(&host, shown), ["new"]);
}

#[test]
fn b_4_7_a_modern_menu_is_fetched_as_an_agent_asked_for_it() {
    let mut host = Host::new(Config::default());
    host.request(modern(1, "tools/list", &json!({})));
    host.relay_results(&json!({ "resultType": "complete", "tools": [] }));
    host.command(Command::Refresh);
    let sent = host.sent();
    for (name, value) in [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")] {
        assert_eq!(sent.header(name), Some(value));
    }
}

#[test]
fn b_4_7_a_refresh_that_fails_leaves_the_last_list() {
    let mut host = Host::new(Config::default());
    host.listed(None, &json!([tool("a")]));
    for turn in 0..4 {
        let command = host.command(Command::Refresh);
        match turn {
            0 => host.relay_is_away(),
            1 => host.relay_says(401, &json!({})),
            2 => host.relay_says(200, &json!({ "id": 1, "error": { "code": 1, "message": "no" } })),
            _ => {
                host.relay_results(&json!({ "tools": [tool("b")], "nextCursor": "2" }));
                host.relay_says(500, &json!({}));
            }
        }
        assert!(matches!(host.replies[&command], Some(Reply::Refused(_))), "{turn}");
        assert_eq!(host.status().tools.visible, ["a"], "{turn}");
        host.pass(1_000);
        host.unanswered().into_iter().for_each(|call| host.answer_call(call, 429, &[], ""));
        host.unanswered().into_iter().for_each(|call| host.answer_call(call, 429, &[], ""));
    }
}

#[test]
fn b_7_3_a_change_while_no_stream_was_open_is_told_when_one_opens_also_after_a_restart() {
    for restarts in [false, true] {
        let mut host = Host::new(Config::default());
        let session = host.greeted(Some("s1"));
        host.listed(Some(&session), &json!([tool("a"), tool("relay_workspace_land")]));
        if restarts {
            host.crash(0);
        }
        isolated(&mut host, true);
        let stream = host.request(get(Some(&session)));
        assert_eq!(told(&host, stream), 1, "{restarts}");
        let unchanged = host.request(get(Some("another")));
        assert_eq!(told(&host, unchanged), 0);
    }
}

#[test]
fn b_7_3_an_agent_that_saw_an_empty_menu_hears_of_the_menu_after_a_restart() {
    let mut host = Host::new(Config::default());
    let shown = list(&mut host, 1, None);
    host.relay_is_away();
    assert_eq!(names(&host, shown), [""; 0]);
    host.store_all();
    host.crash(0);
    host.command(Command::Refresh);
    host.relay_results(&json!({ "tools": [tool("a")] }));
    let stream = host.request(get(None));
    assert_eq!(told(&host, stream), 1);
}

#[test]
fn b_7_3_an_agent_that_listened_before_it_looked_hears_of_changes_after_a_restart() {
    for looks in [false, true] {
        let mut host = Host::new(Config::default());
        host.command(Command::Refresh);
        host.relay_results(&json!({ "tools": [] }));
        host.request(get(None));
        if looks {
            host.listed(None, &json!([]));
        }
        host.store_all();
        host.crash(0);
        host.command(Command::Refresh);
        host.relay_results(&json!({ "tools": [tool("a")] }));
        let stream = host.request(get(None));
        assert_eq!(told(&host, stream), 1, "{looks}");
    }
}

/// It left before a list reached it, and looked again: there is no doubt about what it saw, and stays none.
#[test]
fn b_7_3_an_agent_that_looked_again_is_told_nothing_after_a_restart() {
    let mut host = Host::new(Config::default());
    let left = list(&mut host, 1, None);
    let call = host.call();
    assert!(host.head(call, 200, &[("content-type", "application/json")]));
    host.chunk(call, json!({ "id": 1, "result": { "tools": [tool("a")] } }).to_string().as_bytes());
    host.end(call);
    assert!(host.is_waiting(left), "durable first");
    host.leave(left);
    host.listed(None, &json!([tool("a")]));
    host.crash(0);
    let stream = host.request(get(None));
    assert_eq!(told(&host, stream), 0);
}

#[test]
fn b_4_6_news_comes_after_every_list_that_is_older() {
    let mut host = Host::new(Config::default());
    let stream = host.request(get(None));
    let lists = [1, 2].map(|id| list(&mut host, id, None));
    for call in host.unanswered() {
        host.fail(call, relay_mcp_core::Sent::No, "connection refused");
    }
    host.command(Command::Refresh);
    let call = host.unanswered()[0];
    host.head(call, 200, &[]);
    host.chunk(call, json!({ "result": { "tools": [tool("a")] } }).to_string().as_bytes());
    host.end(call);
    while host.disk.pending() > 0 {
        let is_late = lists.iter().any(|list| host.is_waiting(*list));
        assert!(!is_late || told(&host, stream) == 0, "an older list comes after the news");
        host.store(1);
    }
    assert_eq!(told(&host, stream), 1);
}

#[test]
fn b_2_3_a_response_is_known_by_its_id_however_that_is_spelled() {
    for (asked, answered) in [("1.0", "1"), (r#""a\/b""#, r#""a/b""#), (r#""é""#, r#""\u00e9""#)] {
        let mut host = Host::new(Config::default());
        let body = format!(r#"{{"jsonrpc":"2.0","id":{asked},"method":"tools/list"}}"#);
        let shown = host.request(relay_mcp_tests::world::messages::post(body));
        let menu = r#"{"tools":[{"name":"relay_workspace_land"}]}"#;
        let event = format!("data: {{\"id\":{answered},\"result\":{menu}}}\n\n");
        host.relay_says_with(200, &[("content-type", "text/event-stream")], &event);
        assert_eq!(host.json(shown)["result"], json!({ "tools": [] }), "{asked}");
        assert!(!host.answer(shown).text().contains("relay_workspace_land"), "{asked}");
    }
}

/// An answer that began as events comes behind an older one that waits for the disk, as any other does.
#[test]
fn b_4_6_a_list_in_events_does_not_overtake_an_older_one() {
    let mut host = Host::new(Config::default());
    let [first, second] = [1, 2].map(|id| list(&mut host, id, None));
    let [older, newer] = host.unanswered()[..] else { panic!("two calls") };
    let menu = |id: u64, name: &str| json!({ "id": id, "result": { "tools": [tool(name)] } });
    host.head(older, 200, &[]);
    host.chunk(older, menu(1, "a").to_string().as_bytes());
    host.end(older);
    host.head(newer, 200, &[("content-type", "text/event-stream")]);
    host.chunk(newer, b"data: {\"method\":\"notifications/message\"}\n\n");
    host.chunk(newer, format!("data: {}\n\n", menu(2, "b")).as_bytes());
    assert!(host.is_waiting(first), "its record is not on disk");
    assert!(host.exchanges[&second].is_open(), "it waits for the older one");
    assert!(!host.exchanges[&second].text().contains("tools"));
    host.store_all();
    assert_eq!((names(&host, first), names(&host, second)), (vec!["a".into()], vec!["b".into()]));
}

/// Lets the relay answer whatever it is asked, streams too, for so many tenths of a second; how often it was asked for its menu.
fn is_there(host: &mut Host, tenths: u64, tools: &Value) -> usize {
    let mut lists = 0;
    for _ in 0..tenths {
        host.pass(100);
        if let Some((call, _)) = host.upstream() {
            host.head(call, 200, &[("content-type", "text/event-stream")]);
        }
        for call in host.unanswered() {
            lists += usize::from(host.says(call) == "tools/list");
            let id = host.calls[&call].request.json()["id"].clone();
            let result = json!({ "tools": tools, "protocolVersion": "2025-06-18" });
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            host.answer_call(call, 200, &[("mcp-session-id", "s2")], &body);
        }
    }
    lists
}

/// A relay that is started again in a moment is away for nobody, but it may be another version.
#[test]
fn b_4_6_what_changed_while_the_relays_stream_was_broken_is_told() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "a" }]));
    let stream = host.request(get(Some(&session)));
    is_there(&mut host, 50, &json!([{ "name": "a" }]));
    assert_eq!(told(&host, stream), 0);
    let broken = host.calls.keys().copied().next().expect("the relay's stream");
    host.fail(broken, Sent::Unknown, "connection reset");
    is_there(&mut host, 20, &json!([{ "name": "b" }]));
    assert_eq!(told(&host, stream), 1);
}

#[test]
fn b_7_3_what_changed_when_the_relay_forgot_the_session_is_told_when_a_stream_opens() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "a" }]));
    host.request(in_session(legacy(2, "resources/list", &json!({})), Some(&session)));
    host.relay_says(404, &json!({}));
    is_there(&mut host, 20, &json!([{ "name": "b" }]));
    let stream = host.request(get(Some(&session)));
    assert_eq!(told(&host, stream), 1);
}

#[test]
fn b_4_6_a_relay_that_closes_every_stream_at_once_is_not_asked_for_its_menu_each_time() {
    let mut host = Host::new(Config::default());
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "a" }]));
    host.request(get(Some(&session)));
    let mut lists = 0;
    for _ in 0..6_000 {
        lists += is_there(&mut host, 1, &json!([{ "name": "a" }]));
        let streams: Vec<_> = host.calls.keys().copied().collect();
        streams.into_iter().for_each(|call| host.end(call));
    }
    assert!((1..30).contains(&lists), "{lists} times in ten minutes");
}
