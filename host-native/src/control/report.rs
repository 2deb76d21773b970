//! The JSON of `GET /v1/status` (B-10).

use http::Uri;
use relay_mcp_core::{Context, OutboxStatus, RelayStatus, Status, ToolsStatus};
use serde::Serialize;

/// What the host knows of this run, for its status.
#[derive(Clone, Debug)]
pub struct Info {
    /// The version of the proxy.
    pub version: String,
    /// What steps the machine: `native` or `component`.
    pub engine: &'static str,
    /// The relay's endpoint, without what may be secret in it.
    pub relay_url: String,
}

impl Info {
    /// This version of the proxy, with this engine and this relay. The URL's userinfo and query are left
    /// out: both may hold credentials (B-8.2).
    #[must_use]
    pub fn new(engine: &'static str, relay: &Uri) -> Self {
        let scheme = relay.scheme_str().unwrap_or("http");
        let authority = relay.authority().map_or("", http::uri::Authority::as_str);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine,
            relay_url: format!("{scheme}://{host}{}", relay.path()),
        }
    }
}

/// The status of the machine and of the host, together.
#[derive(Serialize)]
pub(super) struct Report<'r> {
    version: &'r str,
    engine: &'r str,
    relay: Relay<'r>,
    outbox: &'r OutboxStatus,
    streams: usize,
    sessions: usize,
    context: &'r Context,
    tools: &'r ToolsStatus,
}

#[derive(Serialize)]
struct Relay<'r> {
    url: &'r str,
    #[serde(flatten)]
    status: &'r RelayStatus,
}

impl<'r> Report<'r> {
    pub(super) fn new(info: &'r Info, status: &'r Status) -> Self {
        let Status { relay, outbox, streams, sessions, context, tools } = status;
        Self {
            version: &info.version,
            engine: info.engine,
            relay: Relay { url: &info.relay_url, status: relay },
            outbox,
            streams: *streams,
            sessions: *sessions,
            context,
            tools,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_8_2_the_relay_url_is_shown_without_credentials() {
        let relay = Uri::from_static("https://user:pa@ss@relay.example:8443/api/mcp?token=x");
        assert_eq!(Info::new("native", &relay).relay_url, "https://relay.example:8443/api/mcp");
    }
}
