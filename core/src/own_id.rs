//! The ids of the proxy's own requests.

use alloc::format;

use crate::jsonrpc::Id;

/// Ids that no request in a session of the relay had before, as MCP asks: two that are under way at once must not
/// be taken for one another. Sessions outlive the proxy (B-6.1), so that its runs differ too.
#[derive(Clone, Debug)]
pub(crate) struct OwnIds {
    run: u32,
    last: u64,
}

impl OwnIds {
    /// The ids of the run with this seed.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let [a, b, c, d, ..] = seed;
        Self { run: u32::from_be_bytes([a, b, c, d]), last: 0 }
    }

    /// Another id.
    pub(crate) fn next(&mut self) -> Id {
        self.last += 1;
        Id::new(format!(r#""relay-mcp-proxy-{:08x}-{}""#, self.run, self.last))
    }
}
