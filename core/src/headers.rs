//! Which headers cross the proxy, in either direction (B-2.1, B-2.3), and which of them the machine sees.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The name of a header, in lower case. Nearly all are written somewhere here, and copied nowhere.
pub type Name = Cow<'static, str>;

/// An HTTP header: a lower-case name and a value of visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    /// The name, in lower case.
    pub name: Name,
    /// The value.
    pub value: String,
}

impl Header {
    /// A header; `name` must be in lower case.
    #[must_use]
    pub fn new(name: impl Into<Name>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A change to a list of headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    /// The header has this value and no other.
    Set(Header),
    /// The header is absent.
    Remove(Name),
}

/// The legacy session of a request (MCP 2025-03-26, Streamable HTTP).
pub const SESSION_ID: &str = "mcp-session-id";
/// The revision that a request follows (MCP 2025-06-18).
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// Where a broken event stream goes on.
pub const LAST_EVENT_ID: &str = "last-event-id";
/// The method of a request (MCP 2026-07-28).
pub const MCP_METHOD: &str = "mcp-method";
/// What a request is about, such as the name of a tool (MCP 2026-07-28).
pub const MCP_NAME: &str = "mcp-name";
/// How the body is written.
pub const CONTENT_TYPE: &str = "content-type";
/// How long to wait before trying again, in seconds or as a date.
pub const RETRY_AFTER: &str = "retry-after";

/// The name of a header of the agent's request that the host hands in, since the machine decides by it, or repeats it
/// in a request of its own: MCP's. Nothing for any other. `name` is in lower case.
#[must_use]
pub fn concerning_request(name: &str) -> Option<Name> {
    const KNOWN: [&str; 4] = [SESSION_ID, PROTOCOL_VERSION, MCP_METHOD, MCP_NAME];
    if !is_of_mcp(name) {
        return None;
    }
    let known = KNOWN.into_iter().find(|known| *known == name);
    Some(known.map_or_else(|| Name::Owned(name.into()), Name::Borrowed))
}

fn is_of_mcp(name: &str) -> bool {
    name.starts_with("mcp-")
}

/// The headers that a request of the machine's own repeats: what the protocol says of the agent's, but for the session,
/// which may be another one by then (B-5.11).
pub(crate) fn repeated(headers: &[Header]) -> Vec<Header> {
    let is_repeated = |name: &str| is_of_mcp(name) && name != SESSION_ID;
    headers.iter().filter(|header| is_repeated(&header.name)).cloned().collect()
}

/// The name of a header of the relay's answer by which the machine decides, so that the host hands it in; nothing for
/// any other. `name` is in lower case.
#[must_use]
pub fn concerning_answer(name: &str) -> Option<Name> {
    const KNOWN: [&str; 3] = [CONTENT_TYPE, SESSION_ID, RETRY_AFTER];
    KNOWN.into_iter().find(|known| *known == name).map(Name::Borrowed)
}

/// Whether the machine need not be asked what becomes of an answer of the relay: it is a success, and names no session
/// but the one that the request named.
#[must_use]
pub fn is_plain(status: u16, asked_in: Option<&[u8]>, named: Option<&[u8]>) -> bool {
    (200..300).contains(&status) && (named.is_none() || named == asked_in)
}

/// Whether a header of the agent's request goes on to the relay (B-2.1); `name` is in lower case.
///
/// Headers named by `Connection` are hop-by-hop too: that is for the host to look up.
#[must_use]
pub fn crosses_to_relay(name: &str) -> bool {
    !is_hop_by_hop(name)
        && !matches!(
            name,
            "authorization" | "cookie" | "host" | "origin" | "accept-encoding" | "content-length" | "expect"
        )
}

/// Whether a header of the relay's answer goes on to the agent (B-2.3); `name` is in lower case.
#[must_use]
pub fn crosses_to_agent(name: &str) -> bool {
    !is_hop_by_hop(name) && !matches!(name, "set-cookie" | "set-cookie2" | "www-authenticate")
}

/// The headers that belong to one connection and not to the message (RFC 9110, 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The value of the first header with this name; `name` is in lower case.
#[must_use]
pub fn value<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_5_11_what_the_machine_repeats_is_what_the_protocol_says_but_for_the_session() {
        let came = [SESSION_ID, PROTOCOL_VERSION, "mcp-param-region", CONTENT_TYPE, "cookie"];
        let repeated = repeated(&came.map(|name| Header::new(name, "x")));
        assert_eq!(repeated, [PROTOCOL_VERSION, "mcp-param-region"].map(|name| Header::new(name, "x")));
    }
}
