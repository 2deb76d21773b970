//! What the benchmarks put together: a machine, requests, and a relay's answers to them.

pub(crate) mod list;
pub(crate) mod pass;
pub(crate) mod write;

use bytes::Bytes;
use relay_mcp_core::headers::Header;
use relay_mcp_core::{
    Action, AgentRequest, CallId, Config, ExchangeId, Input, Method, Proxy, RelayHead, Ticket, Timestamp,
};

/// The time at which everything happens.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// A machine that starts from nothing.
pub(crate) fn proxy() -> Proxy {
    Proxy::open(Config::default(), [7; 32], NOW, Vec::new()).expect("nothing can be recovered")
}

/// A POST of this body, with the headers that a legacy client sends.
pub(crate) fn post(exchange: u64, body: &Bytes) -> Input {
    let headers = vec![
        Header::new("content-type", "application/json"),
        Header::new("mcp-protocol-version", "2025-11-25"),
    ];
    let request = AgentRequest { method: Method::Post, query: None, headers, body: body.clone() };
    Input::Request { exchange: ExchangeId(exchange), request }
}

/// The head of a good answer.
pub(crate) fn head(call: CallId) -> Input {
    let headers = vec![Header::new("content-type", "application/json")];
    Input::RelayHead { call, head: RelayHead { status: 200, headers, token_changed: false } }
}

/// The call that a step begins.
pub(crate) fn called(actions: &[Action]) -> CallId {
    let call = actions.iter().find_map(|action| match action {
        Action::Call { call, .. } => Some(*call),
        _ => None,
    });
    call.expect("the step calls the relay")
}

/// The changes that a step stores, if any.
pub(crate) fn persisted(actions: &[Action]) -> Option<Ticket> {
    actions.iter().find_map(|action| match action {
        Action::Persist { ticket, .. } => Some(*ticket),
        _ => None,
    })
}

/// Whether a step answers the agent.
pub(crate) fn is_answered(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Answer { .. }))
}

/// A `tools/call` of about this many bytes.
pub(crate) fn tools_call(tool: &str, bytes: usize) -> Bytes {
    let text = "What the agent says, with \\\"quotes\\\" and a line\\n. ".repeat(bytes / 52 + 1);
    let frame = |text: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"to":"lead","text":"{text}"}}}}}}"#
        )
    };
    let room = bytes.saturating_sub(frame("").len());
    let cut = text[..room.min(text.len())].trim_end_matches('\\');
    Bytes::from(frame(cut))
}
