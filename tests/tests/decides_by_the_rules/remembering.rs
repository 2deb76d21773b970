//! B-4.3, B-4.4: the menu as it is remembered.

use relay_mcp_core::Config;
use relay_mcp_tests::world::Host;
use relay_mcp_tests::world::messages::modern;
use serde_json::json;

use super::menu::{isolated, list, names, tool};

#[test]
fn b_4_3_a_list_that_the_relay_says_again_is_shown_as_it_is_now_asked_for_and_as_the_context_is_now() {
    let mut host = Host::new(Config::default());
    let result = r#"{"tools":[ {"name":"relay_workspace_land"} , {"name":"a", "x":1.0}], "ttlMs":9}"#;
    let land = r#"{"name":"relay_workspace_land"},"#;
    for (id, is_isolated, end) in [(1, false, ""), (2, true, ""), (3, false, ""), (4, true, r#","x":0"#)] {
        if id == 3 {
            host.store_all();
            host.crash(9);
        }
        isolated(&mut host, is_isolated);
        let exchange = list(&mut host, id, None);
        let said = result.strip_suffix('}').unwrap();
        host.relay_says_with(200, &[], &format!(r#"{{"result":{said}{end}}},"id":{id}}}"#));
        let land = if is_isolated { land } else { "" };
        let shown = format!(r#"{{"tools":[{land}{{"name":"a", "x":1.0}}], "ttlMs":0{end}}}"#);
        assert_eq!(host.answer(exchange).text(), format!(r#"{{"result":{shown},"id":{id}}}"#));
    }
}

#[test]
fn b_4_4_without_a_relay_the_last_list_is_shown_narrowed_on_one_page() {
    let mut host = Host::new(Config::default());
    list(&mut host, 1, None);
    host.relay_results(&json!({ "tools": [tool("a"), tool("relay_workspace_land")], "nextCursor": "" }));
    list(&mut host, 2, Some(""));
    host.relay_results(&json!({ "tools": [tool("b")] }));
    host.store_all();
    for _ in 0..2 {
        let shown = list(&mut host, 3, None);
        host.relay_is_away();
        assert_eq!(host.json(shown)["result"], json!({ "tools": [tool("a"), tool("b")] }));
        let rest = list(&mut host, 4, Some(""));
        host.relay_says(504, &json!({}));
        assert_eq!(names(&host, rest), ["b"]);
        host.crash(9);
    }
}

#[test]
fn b_4_4_pages_that_say_the_same_are_pages_all_the_same() {
    let mut host = Host::new(Config::default());
    for (id, cursor) in [(1, None), (2, Some("2")), (3, None), (4, Some("2"))] {
        list(&mut host, id, cursor);
        host.relay_results(&json!({ "tools": [tool("a")], "nextCursor": "2" }));
        host.store_all();
    }
    let shown = list(&mut host, 5, None);
    host.relay_is_away();
    assert_eq!(names(&host, shown), ["a", "a"]);
}

#[test]
fn b_4_4_a_modern_list_from_memory_says_that_it_does_not_last() {
    let mut host = Host::new(Config::default());
    let shown = host.request(modern(1, "tools/list", &json!({})));
    host.relay_is_away();
    let expected = json!({ "resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private" });
    assert_eq!(host.json(shown)["result"], expected);
}

#[test]
fn b_4_4_a_rejection_is_passed_on_never_papered_over() {
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no"}}"#;
    for status in [200, 400, 403, 404, 429, 500] {
        let mut host = Host::new(Config::default());
        host.listed(None, &json!([tool("a")]));
        let shown = list(&mut host, 1, None);
        host.relay_says_with(status, &[], error);
        assert_eq!((host.answer(shown).status, host.answer(shown).text()), (status, error.into()));
    }
}
