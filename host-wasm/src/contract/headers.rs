//! Which headers a component may set. The host's own are never its: with `authorization` or `host` it would speak
//! for somebody else, with `content-length` or `transfer-encoding` it would end a message too early.
//!
//! Values need no check here: what HTTP cannot carry, a line break above all, the host leaves out.

use relay_mcp_core::headers::{Header, HeaderEdit, crosses_to_agent, crosses_to_relay};

use super::Breach;

pub(super) fn toward_relay(headers: &[Header]) -> Result<(), Breach> {
    headers.iter().try_for_each(|header| check("a request to the relay", &header.name, crosses_to_relay))
}

pub(super) fn toward_agent(headers: &[Header]) -> Result<(), Breach> {
    headers.iter().try_for_each(|header| check("an answer to the agent", &header.name, may_reach_agent))
}

pub(super) fn edits_toward_relay(edits: &[HeaderEdit]) -> Result<(), Breach> {
    edits.iter().try_for_each(|edit| check("a request to the relay", name(edit), crosses_to_relay))
}

pub(super) fn edits_toward_agent(edits: &[HeaderEdit]) -> Result<(), Breach> {
    edits.iter().try_for_each(|edit| check("an answer to the agent", name(edit), may_reach_agent))
}

fn may_reach_agent(name: &str) -> bool {
    crosses_to_agent(name) && name != "content-length"
}

fn name(edit: &HeaderEdit) -> &str {
    match edit {
        HeaderEdit::Set(header) => &header.name,
        HeaderEdit::Remove(name) => name,
    }
}

fn check(message: &'static str, name: &str, may: fn(&str) -> bool) -> Result<(), Breach> {
    let is_fine = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => may(&name.to_ascii_lowercase()),
        false => may(name),
    };
    is_fine.then_some(()).ok_or_else(|| Breach::Header(message, name.chars().take(64).collect()))
}
