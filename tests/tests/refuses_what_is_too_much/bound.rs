//! The most memory that a proxy takes, from its limits: the sum in `host-native/README.md`.

use relay_mcp_tests::proxy::ProxyBuilder;

use super::{KIB, MIB};

/// `--component-memory`, as it ships.
const COMPONENT_MEMORY: usize = 256 * MIB;

/// The limits of a run, as its flags name them.
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) header_bytes: usize,
    pub(crate) requests: usize,
    pub(crate) body_bytes: usize,
    pub(crate) inflight_bytes: usize,
    pub(crate) streams: usize,
    pub(crate) outbox_bytes: usize,
    pub(crate) outbox_entries: usize,
}

impl Limits {
    /// A proxy with these limits.
    pub(crate) fn of(&self, builder: ProxyBuilder) -> ProxyBuilder {
        let flags = [
            ("--max-connections", self.connections),
            ("--max-header-bytes", self.header_bytes),
            ("--max-requests", self.requests),
            ("--max-body-bytes", self.body_bytes),
            ("--max-inflight-bytes", self.inflight_bytes),
            ("--max-streams", self.streams),
            ("--outbox-max-bytes", self.outbox_bytes),
            ("--outbox-max-entries", self.outbox_entries),
        ];
        flags.into_iter().fold(builder, |builder, (name, value)| builder.flag(name, value.to_string()))
    }

    /// In bytes, for the proxy with its core in it, or as a component.
    pub(crate) fn bound(&self, engine: &str) -> usize {
        let program = if engine == "component" { 96 * MIB + COMPONENT_MEMORY } else { 32 * MIB };
        program
            + self.connections * (16 * KIB + 2 * self.header_bytes)
            + 4 * self.inflight_bytes
            + 2 * self.outbox_bytes
            + 2048 * self.outbox_entries
            + self.streams * MIB
    }
}
