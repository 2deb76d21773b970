//! What kind of relay it is.

use std::collections::{BTreeMap, BTreeSet};

use super::tls::Tls;
use super::tools::{WRITES, default_tools};

/// Which eras it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Legacy,
    Modern,
    Both,
}

impl Speaks {
    #[must_use]
    pub fn legacy(self) -> bool {
        self != Self::Modern
    }

    #[must_use]
    pub fn modern(self) -> bool {
        self != Self::Legacy
    }
}

/// Everything about a relay that does not change by what it is sent.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// What it is on, if not plain TCP.
    pub tls: Option<Tls>,
    pub speaks: Speaks,
    /// Whether `initialize` begins a session that each further legacy request must name.
    pub sessions: bool,
    /// What the names of its sessions begin with.
    pub session_names: String,
    /// Whether a request is answered with an event stream.
    pub sse: bool,
    /// Whether GET opens a stream; else it is 405.
    pub stream: bool,
    /// The menu, each tool a JSON text.
    pub tools: Vec<String>,
    /// How many tools are on a page; all on one when it is `None`.
    pub page: Option<usize>,
    /// Members of the result of `tools/list` beside `tools`, a JSON text such as `"x":1,"y":2`.
    pub list_extra: Option<String>,
    /// The one token that opens; any, or none, when it is `None`.
    pub token: Option<String>,
    /// What a wrong token is answered with: the body of a 401.
    pub refusal: String,
    /// Token → the tools that it may see; a token that is not here sees all.
    pub scopes: BTreeMap<String, BTreeSet<String>>,
    /// The tools that are applied.
    pub writes: BTreeSet<String>,
    /// The result of `initialize`, a JSON text.
    pub hello: String,
    /// The result of `server/discover`, a JSON text.
    pub discover: String,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            tls: None,
            speaks: Speaks::Legacy,
            sessions: false,
            session_names: "relay-session-".into(),
            sse: false,
            stream: false,
            tools: default_tools(),
            page: None,
            list_extra: None,
            token: None,
            refusal: r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32001,"message":"the relay does not know this token"}}"#.into(),
            scopes: BTreeMap::new(),
            writes: WRITES.into_iter().map(str::to_owned).collect(),
            hello: HELLO.into(),
            discover: DISCOVER.into(),
        }
    }
}

/// The hello of a legacy relay; its members are odd on purpose.
pub const HELLO: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"x-tools":1.0},"logging":{},"x-cap":{"b":2,"a":1}},"serverInfo":{"name":"test-relay","title":"The Test Relay","version":"7"},"instructions":"Be \u006bind.","x-hello":1e3}"#;

/// The hello of a modern relay.
pub const DISCOVER: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"x-cap":1.0},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"test-relay","version":"7"}},"instructions":"Be kind.","ttlMs":60000,"cacheScope":"public","x-hello":1e3}"#;
