//! The menu is a part of the relay's menu, never more, and otherwise untouched (B-4.1 to B-4.5, B-9.2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::agent::{Agent, Answer, names};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::tools::{HIDDEN, VISIBLE, default_tools, name_of, tool};
use relay_mcp_tests::relay::{Canned, Fault, On, Relay, Speaks};
use relay_mcp_tests::schema::admits;
use serde_json::{Value, json};

/// All tools on all pages, and how many pages there are.
async fn whole_menu(agent: &Agent) -> (Vec<String>, usize) {
    let (mut tools, mut pages) = (Vec::new(), 0);
    let mut params = json!({});
    loop {
        let page = agent.call("tools/list", params).await.result();
        tools.extend(names(&page));
        pages += 1;
        match page.get("nextCursor") {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => return (tools, pages),
        }
        assert!(pages < 100, "the cursor leads in a circle");
    }
}

/// B-4.1: the seed's seven tools need a worktree of one's own; their namesakes do not.
#[tokio::test]
async fn workspace_tools_are_for_agents_with_a_worktree() {
    let suffixes = ["status", "ready", "deps", "list", "claim", "release", "land"];
    let seven: Vec<String> = suffixes.iter().map(|suffix| format!("relay_workspace_{suffix}")).collect();
    let others =
        ["relay_workspace_other", "relay_workspace", "xrelay_workspace_list", "relay_workspace_status2"];
    let mut all: Vec<String> = seven.clone();
    for (at, other) in others.iter().enumerate() {
        all.insert(2 * at, (*other).to_owned());
    }
    let relay = Relay::that().offers(all.iter().map(|name| tool(name))).start().await;
    let without = Proxy::to(&relay).start().await;
    let with = Proxy::to(&relay).isolated_worktree().start().await;
    assert_eq!(without.agent().menu().await, others);
    assert_eq!(with.agent().menu().await, all);
}

/// B-4.1, B-8.1
#[tokio::test]
async fn the_context_decides_at_the_moment() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    assert_eq!(agent.menu().await, VISIBLE);
    proxy.control().isolated_worktree(true).await;
    assert_eq!(agent.menu().await, [&VISIBLE[..], &HIDDEN[..]].concat());
    proxy.control().isolated_worktree(false).await;
    assert_eq!(agent.menu().await, VISIBLE);
}

fn assert_spelled_as_at_the_relay(answer: &Answer, visible: &[&str]) {
    for spelled in default_tools() {
        let shown = answer.text().contains(&spelled);
        assert_eq!(shown, visible.contains(&name_of(&spelled).as_str()), "{spelled} in {}", answer.text());
    }
}

/// B-4.2, B-4.3: in order, each definition as the relay spelled it, everything else kept.
#[tokio::test]
async fn what_is_shown_is_spelled_as_the_relay_spelled_it() {
    let extra = r#""_meta":{"z":1.0,"a":[ ]},"x-unknown":1e2"#;
    for relay in [Relay::that(), Relay::that().answers_in_sse()] {
        let relay = relay.lists_also(extra).start().await;
        let proxy = Proxy::to(&relay).start().await;
        let answer = proxy.agent().tools_list().await;
        assert_eq!(names(&answer.result()), VISIBLE);
        assert_spelled_as_at_the_relay(&answer, &VISIBLE);
        for member in [r#""_meta":{"z":1.0,"a":[ ]}"#, r#""x-unknown":1e2"#] {
            assert!(answer.text().contains(member), "{}", answer.text());
        }
        assert_eq!(answer.result().get("ttlMs"), None, "nothing is added to a legacy result");
        assert_eq!(answer.result().get("cacheScope"), None);
    }
}

/// B-4.2: a tool that no rule can name stays where it is.
#[tokio::test]
async fn odd_tools_are_no_reason_to_hide_anything() {
    let odd = [r#"{"description":"nameless"}"#, r#"{"name":7}"#, r#"{"name":"\u0072elay_workspace_land"}"#];
    let tools = odd.iter().map(|odd| (*odd).to_owned()).chain([tool("relay_reply")]);
    let text = tools.collect::<Vec<_>>().join(",");
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let body = format!(r#"{{"jsonrpc":"2.0","id":$ID,"result":{{"tools":[{text}]}}}}"#);
    relay.next(On::Rpc("tools/list"), Fault::json(200, body));
    let shown = proxy.agent().tools_list().await.result();
    assert_eq!(shown["tools"][0]["description"], "nameless");
    assert_eq!(shown["tools"][1]["name"], 7);
    assert_eq!(shown["tools"][2]["name"], "relay_reply", "a spelling is not a way around the rule");
    assert_eq!(shown["tools"].as_array().unwrap().len(), 3);
}

/// B-4.3: clients honour both, and the list depends on the context.
#[tokio::test]
async fn nobody_may_keep_a_modern_list_or_share_it() {
    let relay = Relay::that().speaks(Speaks::Both).lists_also(r#""x-unknown":1e2"#).start().await;
    let proxy = Proxy::to(&relay).start().await;
    let answer = proxy.agent().modern().tools_list().await;
    let result = answer.result();
    assert_eq!(names(&result), VISIBLE);
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
    assert_eq!(result["resultType"], "complete");
    assert!(answer.text().contains(r#""x-unknown":1e2"#));
    assert!(!answer.text().contains("60000") && !answer.text().contains("public"));
    assert_spelled_as_at_the_relay(&answer, &VISIBLE);
}

/// B-4.3: page by page; a page may become empty and still carry a cursor.
#[tokio::test]
async fn pages_stay_the_relays_pages() {
    let tools = ["relay_workspace_land", "relay_workspace_deps", "a", "relay_workspace_list", "b"];
    let relay = Relay::that().offers(tools.map(tool)).pages_of(2).start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    let first = agent.tools_list().await.result();
    assert_eq!((names(&first), &first["nextCursor"]), (vec![], &json!("page-1")));
    let second = agent.call("tools/list", json!({"cursor": "page-1"})).await.result();
    assert_eq!((names(&second), &second["nextCursor"]), (vec!["a".to_owned()], &json!("page-2")));
    let third = agent.call("tools/list", json!({"cursor": "page-2"})).await.result();
    assert_eq!((names(&third), third.get("nextCursor")), (vec!["b".to_owned()], None));
}

/// B-4.3: `nextCursor` may be empty and is still one.
#[tokio::test]
async fn an_empty_cursor_is_kept() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let body = r#"{"jsonrpc":"2.0","id":$ID,"result":{"nextCursor":"","tools":[]}}"#;
    relay.next(On::Rpc("tools/list"), Fault::json(200, body));
    assert_eq!(proxy.agent().tools_list().await.result(), json!({"nextCursor": "", "tools": []}));
}

/// B-4.2: the relay's scope filter is where it begins.
#[tokio::test]
async fn the_relays_own_filter_is_kept() {
    let relay = Relay::that().shows("small", &["relay_reply", "relay_workspace_land"]).start().await;
    let proxy = Proxy::to(&relay).token("big").start().await;
    let agent = proxy.agent();
    assert_eq!(agent.menu().await, VISIBLE);
    proxy.home().write_token("small");
    assert_eq!(agent.menu().await, ["relay_reply"]);
    relay.stop().await;
    assert_eq!(agent.menu().await, ["relay_reply"], "the last list for this agent, not the longest");
}

/// B-4.4: narrowed by the context of the moment, not of the day when it was fetched.
#[tokio::test]
async fn the_remembered_menu_is_narrowed_too() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    proxy.agent().menu().await;
    relay.stop().await;
    assert_eq!(proxy.agent().menu().await, VISIBLE);
    proxy.control().isolated_worktree(true).await;
    assert_eq!(proxy.agent().menu().await, [&VISIBLE[..], &HIDDEN[..]].concat());
    proxy.control().isolated_worktree(false).await;
    proxy.restart().await;
    let answer = proxy.agent().tools_list().await;
    assert_eq!(names(&answer.result()), VISIBLE);
    assert_spelled_as_at_the_relay(&answer, &VISIBLE);
}

/// B-4.4: every page of it, over a restart.
#[tokio::test]
async fn every_page_is_remembered() {
    let relay = Relay::that().pages_of(2).start().await;
    let mut proxy = Proxy::to(&relay).isolated_worktree().start().await;
    let (all, pages) = whole_menu(&proxy.agent()).await;
    assert_eq!((all.len(), pages), (6, 3));
    relay.stop().await;
    assert_eq!(whole_menu(&proxy.agent()).await.0, all);
    proxy.restart().await;
    assert_eq!(whole_menu(&proxy.agent()).await.0, all);
}

/// B-4.4
#[tokio::test]
async fn a_remembered_modern_menu_is_whole() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    proxy.agent().modern().menu().await;
    relay.stop().await;
    for restart in [false, true] {
        if restart {
            proxy.restart().await;
        }
        let result = proxy.agent().modern().tools_list().await.result();
        assert_eq!(names(&result), VISIBLE);
        assert_eq!((&result["resultType"], &result["ttlMs"]), (&json!("complete"), &json!(0)));
        assert_eq!(result["cacheScope"], "private");
    }
}

/// B-4.4: a rejection is passed on, never papered over.
#[tokio::test]
async fn a_rejection_is_not_hidden_behind_the_memory() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    assert_eq!(agent.menu().await, VISIBLE);
    let body = r#"{"id":9,"error":{"code":-32603,"message":"n\u006f menu","data":1.0},"jsonrpc":"2.0"}"#;
    for canned in
        [Canned::json(200, body), Canned::json(400, body), Canned::text(403, "no"), Canned::text(429, "")]
    {
        relay.next(On::Rpc("tools/list"), Fault::Answer(canned.clone()));
        let answer = agent.request_with_id(&json!(9), "tools/list", &json!({})).send().await;
        assert_eq!((answer.status, &answer.body), (canned.status, &canned.body));
    }
    relay.stop().await;
    assert_eq!(agent.menu().await, VISIBLE, "and does not spoil it");
}

/// The `outputSchema` that the menu shows of a tool.
async fn output_schema(agent: &Agent, name: &str) -> Value {
    let result = agent.tools_list().await.result();
    let tools = result["tools"].as_array().unwrap().clone();
    let tool = tools.iter().find(|tool| tool["name"] == name).expect(name);
    tool["outputSchema"].clone()
}

fn with_schema(name: &str, schema: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}},"outputSchema":{schema},"x":1.0}}"#)
}

/// B-4.5: clients check results against the schema, and a receipt is a result.
#[tokio::test]
async fn a_schema_admits_the_receipt_beside_the_relays_own_results() {
    let closed = r#"{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false}"#;
    let open = r#"{"type":"object","properties":{"number":{"type":"integer"}},"required":["number"]}"#;
    for (own, schema) in [(json!({"id": 1}), closed), (json!({"number": 1}), open)] {
        let tools = [with_schema("relay_reply", schema), with_schema("relay_list_messages", schema)];
        let relay = Relay::that().offers(tools.clone()).start().await;
        let proxy = Proxy::to(&relay).start().await;
        let agent = proxy.agent();
        let shown = output_schema(&agent, "relay_reply").await;
        assert_eq!(shown["type"], "object", "MCP wants an object at the root: {shown}");
        assert!(
            agent.tools_list().await.text().contains(schema),
            "the relay's own is in it as it is spelled"
        );
        assert!(admits(&shown, &own), "{shown}");
        assert!(!admits(&shown, &json!({})), "it does not admit everything: {shown}");
        assert!(
            agent.tools_list().await.text().contains(&tools[1]),
            "a tool that is never queued is untouched"
        );

        relay.stop().await;
        let receipt = agent.tools_call("relay_reply", "{}").await.result()["structuredContent"].clone();
        assert_eq!(receipt["queued"], true);
        assert!(admits(&shown, &receipt), "{receipt} against {shown}");
        assert_eq!(output_schema(&agent, "relay_reply").await, shown, "the remembered menu is the same");
    }
}

/// B-4.5: a tool without a schema gets none.
#[tokio::test]
async fn no_schema_is_invented() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    assert_eq!(output_schema(&proxy.agent(), "relay_reply").await, Value::Null);
}

/// B-8.2: the status tells what is hidden.
#[tokio::test]
async fn the_status_tells_what_is_shown_and_what_is_not() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    proxy.agent().menu().await;
    let tools = proxy.status().await["tools"].clone();
    assert_eq!(tools, json!({"visible": VISIBLE, "hidden": HIDDEN}));
}
