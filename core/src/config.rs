//! What the machine is told once, when it is opened.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::context::Context;
use crate::glob::Glob;

/// The machine's configuration. [`Config::default`] is what ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which tools apply in which context (B-4.1). A tool that several rules name needs all of them.
    pub rules: Vec<MenuRule>,
    /// The agent's context at the start: flag → value. A flag that is not here is false.
    pub context: Context,
    /// The tools whose calls are writes (B-5.2), by exact name.
    pub bufferable: Vec<String>,
    /// How much is held at the most.
    pub limits: Limits,
    /// How long the relay may take to begin an answer to what the proxy itself depends on: hello, menu,
    /// ping, writes, sessions. A queued write that takes longer gets twice as long each time.
    pub relay_timeout: Duration,
    /// How long it may take to begin an answer to what passes through, such as a long call of a tool.
    pub call_timeout: Duration,
    /// How often an open event stream gets a comment, so that nobody on the way closes it (B-7.1).
    pub keepalive: Duration,
    /// How the outbox waits between attempts (B-5.8).
    pub backoff: Backoff,
    /// How often a relay that is down is asked whether it is back, at the most; also how long a ping may take
    /// that is to settle a doubt.
    pub probe_every: Duration,
    /// How often a queue that paused for a refused token is tried all the same (B-5.8).
    pub paused_retry: Duration,
}

/// A rule of the menu: these tools are shown only while that flag is true (B-4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuRule {
    /// Exact names, or patterns with `*`.
    pub tools: Vec<Glob>,
    /// The flag of the agent's context, such as `isolatedWorktree`.
    pub needs: String,
}

/// Bounds, so that memory and disk are bounded (B-9.8, OUTBOX G9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest answer of the relay that the machine reads whole, in bytes. Answers that pass through
    /// have no limit.
    pub answer_bytes: usize,
    /// The most writes in the outbox, dead letters included.
    pub outbox_entries: usize,
    /// The most bytes of writes in the outbox, dead letters included.
    pub outbox_bytes: usize,
    /// The most open event streams of the agent (B-1.7).
    pub streams: usize,
    /// The most legacy sessions; the one that was idle longest is ended first.
    pub sessions: usize,
}

/// Exponential waiting with full jitter: before attempt n, a random time up to `first` × 2ⁿ, at most `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// The bound of every wait.
    pub most: Duration,
}

/// The seed's seven tools that need a worktree of one's own (B-4.1).
const WORKTREE_TOOLS: [&str; 7] = [
    "relay_workspace_status",
    "relay_workspace_ready",
    "relay_workspace_deps",
    "relay_workspace_list",
    "relay_workspace_claim",
    "relay_workspace_release",
    "relay_workspace_land",
];

/// The seed's bufferable tools (B-5.2).
const BUFFERABLE_TOOLS: [&str; 3] = ["relay_reply", "relay_send_message", "relay_workspace_ready"];

impl Default for Config {
    fn default() -> Self {
        Self {
            rules: alloc::vec![MenuRule {
                tools: WORKTREE_TOOLS.into_iter().map(Glob::new).collect(),
                needs: "isolatedWorktree".into(),
            }],
            context: Context::from([("isolatedWorktree".into(), false)]),
            bufferable: BUFFERABLE_TOOLS.into_iter().map(String::from).collect(),
            limits: Limits::default(),
            relay_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(3600),
            keepalive: Duration::from_secs(25),
            backoff: Backoff::default(),
            probe_every: Duration::from_secs(1),
            paused_retry: Duration::from_secs(60),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer_bytes: 16 << 20,
            outbox_entries: 10_000,
            outbox_bytes: 64 << 20,
            streams: 64,
            sessions: 64,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), most: Duration::from_secs(30) }
    }
}
