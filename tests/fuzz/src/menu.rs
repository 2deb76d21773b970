//! Narrowing: whatever the relay's list says, what the agent gets is the same list with some tools left out. The first byte
//! is the context, the rest is the result of `tools/list`.

use bytes::Bytes;
use relay_mcp_core::jsonrpc::Object;
use relay_mcp_core::menu::{Page, Rules, Tool};
use relay_mcp_core::{Config, Context};
use serde_json::Value;

/// Narrows a result.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let Some((first, result)) = bytes.split_first() else { return };
    let Ok(result) = std::str::from_utf8(result) else { return };
    let is_isolated = first & 1 == 1;
    let config = Config::default();
    let context = Context::from([("isolatedWorktree".to_owned(), is_isolated)]);
    let rules = Rules::new(&config, &context);
    let before = Object::parse(result);
    let list: Option<Vec<&serde_json::value::RawValue>> =
        before.as_ref().and_then(|before| serde_json::from_str(before.get("tools")?).ok());
    let Some(page) = read(result, &rules) else {
        assert!(list.is_none(), "B-4.1: a list is narrowed: {result}");
        return;
    };
    let (before, list) = (before.expect("an object"), list.expect("a list"));
    assert_eq!(page.tools().len(), list.len(), "every tool is known");
    let narrowed = page.narrowed(&page.visible(&rules));
    let after = Object::parse(&narrowed).expect("an object stays one");
    check_rest(&before, &after);
    let shown: Vec<&serde_json::value::RawValue> =
        serde_json::from_str(after.get("tools").expect("tools")).expect("a list");
    let mut all = list.iter();
    for tool in &shown {
        // B-4.2: a subset, in order; only a schema that admits receipts is another one (B-4.5).
        let from = all.find(|from| from.get() == tool.get() || is_widened(from.get(), tool.get(), &config));
        assert!(from.is_some(), "B-4.2: narrowed, never widened: {}", tool.get());
        // As a client reads it.
        let read: Value = serde_json::from_str(tool.get()).unwrap_or_default();
        let name = read["name"].as_str().unwrap_or_default();
        assert!(is_isolated || !is_hidden(name), "B-4.1: {name} is not shown");
    }
    let visible = page.tools().iter().filter(|tool| is_isolated || !is_hidden(tool.name()));
    assert_eq!(shown.len(), visible.count(), "B-4.1: what is not hidden is shown");
    let again = read(&narrowed, &rules).expect("a list");
    let names = |tools: &[Tool]| {
        let names = tools.iter().map(|tool| tool.name().to_owned());
        names.filter(|name| is_isolated || !is_hidden(name)).collect::<Vec<_>>()
    };
    assert_eq!(names(page.tools()), names(again.tools()), "what is narrowed is narrow");
}

fn read(result: &str, rules: &Rules<'_>) -> Option<Page> {
    let body = Bytes::copy_from_slice(result.as_bytes());
    Page::read(&body, std::str::from_utf8(&body).expect("a text"), None, rules)
}

fn is_hidden(name: &str) -> bool {
    let rest = name.strip_prefix("relay_workspace_").unwrap_or_default();
    matches!(rest, "status" | "ready" | "deps" | "list" | "claim" | "release" | "land")
}

/// Every other member is as it was, and nobody may keep the list (B-4.3).
fn check_rest(before: &Object<'_>, after: &Object<'_>) {
    assert_eq!(before.members().count(), after.members().count());
    for (name, value) in before.members() {
        let now = after.get(name).expect("a member that was there");
        match name {
            "tools" => {}
            "cacheScope" => assert_eq!(now, r#""private""#),
            "ttlMs" => assert_eq!(now, "0"),
            _ => assert_eq!(Some(now), before.get(name), "B-4.3: {name}: {value}"),
        }
    }
}

fn is_widened(before: &str, after: &str, config: &Config) -> bool {
    let (Some(before), Some(after)) = (Object::parse(before), Object::parse(after)) else { return false };
    let is_write =
        before.string("name").is_some_and(|name| config.bufferable.iter().any(|tool| *tool == *name));
    let others = |tool: &Object<'_>| {
        let others = tool.members().filter(|(name, _)| *name != "outputSchema");
        others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let had = before.object("outputSchema");
    let widened = after.get("outputSchema").is_some_and(|schema| schema.contains("anyOf"));
    is_write && had.is_some() && widened && others(&before) == others(&after)
}
