//! `tools/list`, asked and answered.

use std::fmt::Write as _;

use bytes::Bytes;
use relay_mcp_core::menu::{Page, Rules};
use relay_mcp_core::{Action, Input, Proxy};

use super::{NOW, called, head, is_answered, persisted, post};

/// How much comes out of a socket at once.
const PIECE: usize = 16 << 10;

/// One `tools/list`, from the agent's request to the answer, which waits for the disk where it tells news.
pub(crate) fn list(proxy: &mut Proxy, exchange: u64, answer: &Bytes) -> Vec<Action> {
    let body = Bytes::from_static(br#"{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{}}"#);
    let call = called(&proxy.step(NOW, post(exchange, &body)));
    proxy.step(NOW, head(call));
    for start in (0..answer.len()).step_by(PIECE) {
        let bytes = answer.slice(start..answer.len().min(start + PIECE));
        proxy.step(NOW, Input::RelayChunk { call, bytes });
    }
    let mut actions = proxy.step(NOW, Input::RelayEnd { call });
    if let Some(through) = persisted(&actions) {
        actions.extend(proxy.step(NOW, Input::Durable { through }));
    }
    assert!(is_answered(&actions));
    actions
}

/// A relay's answer with this result.
pub(crate) fn answer(result: &str) -> Bytes {
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":3,"result":{result}}}"#))
}

/// A list result, read and narrowed.
pub(crate) fn narrow(result: &Bytes, rules: &Rules<'_>) -> String {
    let text = std::str::from_utf8(result).expect("a text");
    let page = Page::read(result, text, None, rules).expect("a list of tools");
    page.narrowed(&page.visible(rules))
}

/// A list result with tools of about 500 bytes each: seven that the context hides, one that may be queued,
/// and others.
pub(crate) fn list_result(count: usize) -> String {
    let special = [
        "relay_send_message",
        "relay_workspace_status",
        "relay_workspace_ready",
        "relay_workspace_deps",
        "relay_workspace_list",
        "relay_workspace_claim",
        "relay_workspace_release",
        "relay_workspace_land",
    ];
    let mut list = String::new();
    for at in 0..count {
        let name = special.get(at).map_or_else(|| format!("relay_tool_{at:04}"), |name| (*name).to_owned());
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(list, "{comma}{}", definition(&name));
    }
    format!(r#"{{"tools":[{list}]}}"#)
}

fn definition(name: &str) -> String {
    format!(
        concat!(
            r#"{{"name":"{name}","title":"{name}","description":"Sends what you say to another agent of the \"team\", "#,
            r#"and tells you when it has been read.\nUse it for short messages only.","inputSchema":{{"type":"object","#,
            r#""properties":{{"to":{{"type":"string","description":"The name of the agent"}},"text":{{"type":"string"}},"#,
            r#""urgent":{{"type":"boolean","default":false}}}},"required":["to","text"],"additionalProperties":false}},"#,
            r#""outputSchema":{{"type":"object","properties":{{"sent":{{"type":"boolean"}}}}}},"#,
            r#""annotations":{{"readOnlyHint":false}}}}"#
        ),
        name = name
    )
}
