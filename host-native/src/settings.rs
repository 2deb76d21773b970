//! What one run of the proxy is told: the sum of flags, environment and file, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

/// The settings of one run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The relay's MCP endpoint, `http` or `https`, path included.
    pub relay: Uri,
    /// Where the agent connects (B-1.2).
    pub listen: SocketAddr,
    /// Where everything is kept that outlives a run.
    pub data_dir: PathBuf,
    /// Where the relay token comes from (B-2.2).
    pub token: TokenOrigin,
    /// Where the agent's secret comes from (B-1.4).
    pub secret: SecretOrigin,
    /// Where the runner is listened to (B-8.1).
    pub control: ControlAddress,
    /// Names for `Host` beside the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Values for `Origin` beside the loopback ones.
    pub allowed_origins: Vec<String>,
    /// Bounds of the agent's HTTP (B-1.7).
    pub http: HttpLimits,
    /// How long a connection to the relay may take to open.
    pub connect_timeout: Duration,
    /// How long what is in flight may take to finish at shutdown (B-8.4).
    pub grace: Duration,
    /// What the machine is told.
    pub core: relay_mcp_core::Config,
}

/// Bounds of the agent's HTTP (B-1.7).
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The largest request head, in bytes.
    pub max_header_bytes: usize,
    /// How long a request head may take to arrive.
    pub head_timeout: Duration,
    /// How long a request body may take to arrive.
    pub body_timeout: Duration,
    /// The most requests at once; open event streams are not counted.
    pub max_requests: usize,
    /// The most bytes of request bodies at once, of those too that are still coming.
    pub max_inflight_bytes: usize,
    /// The most connections at once. There may be fewer where the system does not let so many files be open.
    pub max_connections: usize,
}

/// Where the relay token comes from.
#[derive(Clone)]
pub enum TokenOrigin {
    /// A file, read again when it changes. An absent file is no token.
    File(PathBuf),
    /// The environment, once.
    Environment(String),
    /// There is none; calls go without.
    None,
}

/// Where the agent's secret comes from.
#[derive(Clone)]
pub enum SecretOrigin {
    /// A file of mode 0600, created when it is missing.
    File(PathBuf),
    /// The environment.
    Environment(String),
}

/// Where the runner is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlAddress {
    /// A Unix socket of mode 0600.
    Unix(PathBuf),
    /// A TCP address, with a bearer secret of its own.
    Tcp(SocketAddr),
    /// Nowhere.
    None,
}

/// Tokens and secrets are not shown.
impl std::fmt::Debug for TokenOrigin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Environment(_) => out.write_str("Environment(…)"),
            Self::None => out.write_str("None"),
        }
    }
}

/// Tokens and secrets are not shown.
impl std::fmt::Debug for SecretOrigin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Environment(_) => out.write_str("Environment(…)"),
        }
    }
}
