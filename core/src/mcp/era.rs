//! The two eras of MCP, told apart per request.

use crate::jsonrpc::Object;

/// The first modern revision.
pub const MODERN: &str = "2026-07-28";
/// The last legacy revision: the newest that `initialize` may be answered with (B-3.2).
pub const LATEST_LEGACY: &str = "2025-11-25";
/// Where a modern request names its revision, in `params._meta`.
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Where a modern request says what its client can do, in `params._meta`.
pub const META_CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// How a request, or a relay, speaks MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Era {
    /// 2024-11-05 to 2025-11-25: `initialize`, sessions, a GET stream.
    Legacy,
    /// 2026-07-28 and later: stateless, the revision in each request.
    Modern,
}

impl Era {
    /// The era of a request with these `params`. It is modern when `_meta` names a modern revision; headers
    /// do not decide, since some legacy clients send modern ones.
    #[must_use]
    pub fn of_params(params: Option<&Object<'_>>) -> Self {
        let version =
            params.and_then(|params| params.object("_meta")).and_then(|meta| meta.string(META_VERSION));
        match version {
            Some(version) if *version >= *MODERN => Self::Modern,
            _ => Self::Legacy,
        }
    }

    /// The era's name, as it is written in records and in the status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_modern_when_its_meta_says_so() {
        for (params, era) in [
            (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#, Era::Modern),
            (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}}"#, Era::Modern),
            (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}}"#, Era::Legacy),
            (r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":20260728}}"#, Era::Legacy),
            (r#"{"_meta":null}"#, Era::Legacy),
            ("{}", Era::Legacy),
        ] {
            assert_eq!(Era::of_params(Object::parse(params).as_ref()), era, "{params}");
        }
    }
}
