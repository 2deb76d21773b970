//! A write: a call of a bufferable tool, with its idempotency key in place before anything is sent (B-5.3).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::headers::Header;
use crate::jsonrpc::{Object, quoted, remove_member, says_the_same, set_member};
use crate::mcp::Era;

/// Where the key stands in `_meta`, for tools whose arguments have no room for it (B-11).
const META_KEY: &str = "agent-relay/idempotencyKey";

/// Under what the agent hears of progress, in `_meta`.
const PROGRESS_TOKEN: &str = "progressToken";

/// A call that can be made again at any time with the same effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) tool: String,
    /// The `params` as they are sent, key included, a JSON text.
    pub(crate) params: String,
    pub(crate) era: Era,
    /// The legacy session that it was made in, by the agent's id.
    pub(crate) session: Option<String>,
    pub(crate) query: Option<String>,
    /// The headers that it was made with and that it is sent with again.
    pub(crate) headers: Vec<Header>,
}

/// The `params` of a call with the key in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) key: String,
    pub(crate) params: String,
    /// The header that mirrors the key, where the tool's schema asks for one (MCP 2026-07-28,
    /// `x-mcp-header`).
    pub(crate) header: Option<Header>,
    /// The agent chose the key, so that it may come again.
    pub(crate) is_agents: bool,
}

/// Puts the key in: the agent's own where it has one, else the one that `mint` makes. `arguments` are those in `params`,
/// `definition` is the tool's definition, where it is known.
pub(crate) fn with_key(
    params: &Object<'_>,
    arguments: Option<&Object<'_>>,
    definition: Option<&str>,
    mint: impl FnOnce() -> String,
) -> Keyed {
    let own = arguments.and_then(|arguments| arguments.string("idempotencyKey"));
    if let Some(key) = own.filter(|key| !key.is_empty()) {
        return Keyed { key: key.into(), params: params.text().into(), header: None, is_agents: true };
    }
    let key = mint();
    let schema = definition.and_then(Object::parse).and_then(|tool| tool.object("inputSchema"));
    if schema.as_ref().is_some_and(has_no_room) {
        let meta = params.object("_meta");
        let meta = set_in(meta.as_ref(), META_KEY, &quoted(&key));
        return Keyed { params: set_member(params, "_meta", &meta), key, header: None, is_agents: false };
    }
    let arguments = set_in(arguments, "idempotencyKey", &quoted(&key));
    let header = schema.as_ref().and_then(mirror_of).map(|name| Header::new(name, key.clone()));
    Keyed { params: set_member(params, "arguments", &arguments), key, header, is_agents: false }
}

fn set_in(object: Option<&Object<'_>>, name: &str, value: &str) -> String {
    match object {
        Some(object) => set_member(object, name, value),
        None => format!("{{{}:{value}}}", quoted(name)),
    }
}

/// Whether a schema is closed and does not know the key.
fn has_no_room(schema: &Object<'_>) -> bool {
    let knows = schema.object("properties").is_some_and(|known| known.get("idempotencyKey").is_some());
    schema.get("additionalProperties") == Some("false") && !knows
}

/// The header that the schema wants the key mirrored in.
fn mirror_of(schema: &Object<'_>) -> Option<String> {
    let property = schema.object("properties")?.object("idempotencyKey")?;
    Some(format!("mcp-param-{}", property.string("x-mcp-header")?.to_ascii_lowercase()))
}

impl Write {
    /// How much room it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        self.key.len() + self.tool.len() + self.params.len() + headers
    }

    /// Whether it asks for the same as a call with these `params` (B-5.7).
    pub(crate) fn is_same(&self, tool: &str, params: &str) -> bool {
        let arguments = |params| Object::parse(params)?.present("arguments");
        let is_equal = match (arguments(&self.params), arguments(params)) {
            (Some(one), Some(other)) => says_the_same(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.tool == tool && is_equal
    }
}

/// Whether the agent wants to be told how far a call is (MCP 2025-03-26, Progress).
pub(crate) fn hears_progress(params: &Object<'_>) -> bool {
    params.object("_meta").is_some_and(|meta| meta.get(PROGRESS_TOKEN).is_some())
}

/// The `params` that are queued: nobody listens to the progress of a replay (B-5.11).
pub(crate) fn queued_params(params: &str) -> String {
    let queued = Object::parse(params).and_then(|params| {
        let meta = params.object("_meta")?;
        Some(set_member(&params, "_meta", &remove_member(&meta, PROGRESS_TOKEN)))
    });
    queued.unwrap_or_else(|| params.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(params: &str, definition: Option<&str>) -> Keyed {
        let params = Object::parse(params).unwrap();
        with_key(&params, params.object("arguments").as_ref(), definition, || "K".into())
    }

    #[test]
    fn b_5_3_the_agents_own_key_counts_and_its_params_stay_as_they_are() {
        let params = r#"{"name":"t", "arguments":{"idempotencyKey":"mine"}}"#;
        let keyed = keyed(params, None);
        assert_eq!((keyed.key.as_str(), keyed.params.as_str(), keyed.is_agents), ("mine", params, true));
    }

    #[test]
    fn b_5_3_a_key_that_is_no_key_is_replaced() {
        for (params, expected) in [
            (r#"{"name":"t"}"#, r#"{"name":"t","arguments":{"idempotencyKey":"K"}}"#),
            (r#"{"arguments":{"a": 1.0}}"#, r#"{"arguments":{"a": 1.0,"idempotencyKey":"K"}}"#),
            (r#"{"arguments":{"idempotencyKey":""}}"#, r#"{"arguments":{"idempotencyKey":"K"}}"#),
            (r#"{"arguments":{"idempotencyKey":7}}"#, r#"{"arguments":{"idempotencyKey":"K"}}"#),
            (r#"{"arguments":null}"#, r#"{"arguments":{"idempotencyKey":"K"}}"#),
        ] {
            assert_eq!(keyed(params, None).params, expected);
        }
    }

    #[test]
    fn b_11_a_closed_schema_gets_the_key_in_meta_only() {
        let closed = r#"{"inputSchema":{"additionalProperties":false,"properties":{"a":{}}}}"#;
        assert_eq!(
            keyed(r#"{"arguments":{}}"#, Some(closed)).params,
            r#"{"arguments":{},"_meta":{"agent-relay/idempotencyKey":"K"}}"#
        );
        let knows = r#"{"inputSchema":{"additionalProperties":false,"properties":{"idempotencyKey":{}}}}"#;
        assert_eq!(
            keyed(r#"{"arguments":{}}"#, Some(knows)).params,
            r#"{"arguments":{"idempotencyKey":"K"}}"#
        );
    }

    #[test]
    fn a_mirrored_key_keeps_the_headers_true() {
        let mirrored = r#"{"inputSchema":{"properties":{"idempotencyKey":{"x-mcp-header":"Key"}}}}"#;
        assert_eq!(keyed("{}", Some(mirrored)).header, Some(Header::new("mcp-param-key", "K")));
    }

    #[test]
    fn b_5_11_queued_params_lose_the_progress_token_only() {
        let params = r#"{"name":"t","_meta":{"progressToken":1,"x":2},"arguments":{}}"#;
        assert_eq!(queued_params(params), r#"{"name":"t","_meta":{"x":2},"arguments":{}}"#);
        assert_eq!(queued_params("{}"), "{}");
    }
}
