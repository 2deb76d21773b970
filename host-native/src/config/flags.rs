//! The flags of `serve` and `check`. What they mean is decided in `resolve`, where they meet the environment
//! and the file.

use std::path::PathBuf;

use clap::Args;

/// The flags of `serve` and `check`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    /// The relay: an origin gets `/api/mcp`, a URL with a path is used as it is; needed
    #[arg(long, value_name = "URL")]
    pub relay_url: Option<String>,
    /// Where the agent connects; port 0 is any free one [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Where the outbox and the secrets are kept [default: $XDG_STATE_HOME/relay-mcp-proxy]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The relay token, mode 0600; read again when the file changes [else: RELAY_TOKEN, or no token]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The agent's secret; minted when missing [else: RELAY_MCP_PROXY_SECRET, or `secret` in the data directory]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Where the runner connects: unix:PATH, ADDR:PORT or none [default: `control.sock` in the data directory]
    #[arg(long, value_name = "ADDR")]
    pub control: Option<String>,
    /// The agent has a worktree of its own, so the workspace tools are shown
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub isolated_worktree: Option<bool>,
    /// The tools whose calls wait in the outbox while the relay is down, by exact name
    /// [default: relay_send_message,relay_reply,relay_workspace_ready]
    #[arg(long, value_name = "TOOL,…")]
    pub bufferable: Option<Vec<String>>,
    /// A TOML file with the same names, `[[menu]]` and `[context]`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The largest request body [default: 4MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_body_bytes: Option<String>,
    /// The largest request head [default: 64KiB, at least 8KiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_header_bytes: Option<String>,
    /// How long a request head may take to arrive [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub head_timeout: Option<String>,
    /// How long a request body may take to arrive [default: 30s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub body_timeout: Option<String>,
    /// The most requests at once, event streams not counted [default: 256]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_requests: Option<String>,
    /// The most bytes of request bodies at once [default: 32MiB, at least --max-body-bytes]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_inflight_bytes: Option<String>,
    /// The most connections at once [default: 256 more than --max-requests and --max-streams together]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_connections: Option<String>,
    /// The most open event streams [default: 64]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub max_streams: Option<String>,
    /// The most writes in the outbox, dead letters included [default: 10000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub outbox_max_entries: Option<String>,
    /// The most bytes of writes in the outbox, dead letters included [default: 64MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub outbox_max_bytes: Option<String>,
    /// How long the relay may take to answer what the proxy itself depends on [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub relay_timeout: Option<String>,
    /// How long the relay may take to begin an answer to what passes through, such as a tool's [default: 1h]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub call_timeout: Option<String>,
    /// How often an open event stream gets a sign of life [default: 25s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub keepalive: Option<String>,
    /// How long what is in flight may take to finish at shutdown [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub grace: Option<String>,
    /// Another name for `Host` than the loopback ones; may be given several times
    #[arg(long, value_name = "HOST", help_heading = "The door")]
    pub allow_host: Option<Vec<String>>,
    /// Another value of `Origin` than the loopback ones; may be given several times
    #[arg(long, value_name = "ORIGIN", help_heading = "The door")]
    pub allow_origin: Option<Vec<String>>,
    /// Listen on addresses that other machines can reach
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true, help_heading = "The door")]
    pub allow_remote: Option<bool>,
    /// Another build of the core
    #[arg(long, value_name = "FILE", help_heading = "The component, for relay-mcp-proxy-wasm only")]
    pub component: Option<PathBuf>,
    /// The longest that a step of it may take [default: 2s]
    #[arg(long, value_name = "TIME", help_heading = "The component, for relay-mcp-proxy-wasm only")]
    pub component_step_time: Option<String>,
    /// The most memory that it may hold [default: 256MiB]
    #[arg(long, value_name = "SIZE", help_heading = "The component, for relay-mcp-proxy-wasm only")]
    pub component_memory: Option<String>,
    /// The most elements of each of its tables [default: 10000]
    #[arg(long, value_name = "N", help_heading = "The component, for relay-mcp-proxy-wasm only")]
    pub component_table_elements: Option<String>,
    /// The most instances of modules that it may be made of [default: 16]
    #[arg(long, value_name = "N", help_heading = "The component, for relay-mcp-proxy-wasm only")]
    pub component_instances: Option<String>,
    /// The form of the log on stderr: text or json [default: text]
    #[arg(long, value_name = "FORM", help_heading = "The log")]
    pub log: Option<String>,
    /// The least that is logged: error, warn, info, debug, trace or off [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = "The log")]
    pub log_level: Option<String>,
}

const AFTER_HELP: &str = "\
Every flag can also be an environment variable, as in RELAY_MCP_PROXY_RELAY_URL for --relay-url, and a name in \
the TOML file of --config, as in `relay-url`. A flag wins over the environment, the environment over the file. \
The relay token and the agent's secret are never flags: use a file, RELAY_TOKEN or RELAY_MCP_PROXY_SECRET.

Times are written 250ms, 25s or 2m; sizes in bytes, or as 64KiB or 4MiB. Relative paths in the file start at the \
file's directory.

Examples:
  relay-mcp-proxy serve --relay-url https://relay.example --token-file /run/relay/token
  relay-mcp-proxy serve --relay-url http://127.0.0.1:8080/mcp --listen 127.0.0.1:4000 --isolated-worktree
  relay-mcp-proxy check --config proxy.toml

Exit codes: 2 usage or configuration, 3 the data directory is held by another proxy, 4 the store is damaged.";
