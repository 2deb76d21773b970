//! The command line (B-10): what can be said. What is done about it is in the file of each command.

mod check;
mod client;
mod control;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client_config::{DEFAULT_NAME, DEFAULT_TOKEN_ENV};
use crate::config::ServeArgs;

pub use check::{CheckError, check};
pub use client::{ClientError, client_config};
pub use control::{ControlError, ControlTarget};

/// A sidecar between an MCP agent and its relay: calls pass through, the tool menu follows the agent's context,
/// and writes survive while the relay is away.
#[derive(Clone, Debug, Parser)]
#[command(name = "relay-mcp-proxy", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  relay-mcp-proxy demo
  relay-mcp-proxy serve --relay-url https://relay.example --token-file /run/relay/token
  relay-mcp-proxy status
  relay-mcp-proxy context isolatedWorktree=true
  relay-mcp-proxy outbox list
  relay-mcp-proxy config claude --url http://127.0.0.1:4000/mcp";

/// A command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the proxy. When it is ready, it says so with one JSON line on stdout; logs go to stderr
    Serve(Box<ServeArgs>),
    /// Say what `serve` would do with the same arguments, without doing or creating anything
    Check(Box<CheckArgs>),
    /// Say how a running proxy is: the relay, the outbox, the streams, the menu
    Status(StatusArgs),
    /// Have a running proxy fetch the menu from the relay anew
    Refresh(RefreshArgs),
    /// Change flags of the agent's context in a running proxy
    Context(ContextArgs),
    /// Look after the writes that wait for the relay, and those that it refused
    Outbox(OutboxArgs),
    /// Print the arguments that make an MCP client find the proxy, one a line
    Config(ConfigArgs),
    /// See it work: a built-in relay, the proxy, and the relay goes away and comes back
    Demo(DemoArgs),
    /// The relay of `demo`, in a process of its own
    #[command(hide = true)]
    DemoRelay(DemoRelayArgs),
}

/// Arguments of `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// What `serve` would be given.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// For machines: one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Where the running proxy is found, and how it is shown.
#[derive(Args, Clone, Debug, Default)]
pub struct ControlArgs {
    /// The proxy's control listener: unix:PATH or ADDR:PORT [default: `control.sock` in the data directory]
    #[arg(long, value_name = "ADDR", global = true)]
    pub control: Option<String>,
    /// The proxy's data directory [default: $XDG_STATE_HOME/relay-mcp-proxy]
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// For machines: JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  relay-mcp-proxy status
  relay-mcp-proxy status --json --control unix:/run/agent/control.sock")]
pub struct StatusArgs {
    /// Where.
    #[command(flatten)]
    pub at: ControlArgs,
}

/// Arguments of `refresh`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  relay-mcp-proxy refresh --data-dir /var/lib/agent-7")]
pub struct RefreshArgs {
    /// Where.
    #[command(flatten)]
    pub at: ControlArgs,
}

/// Arguments of `context`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  relay-mcp-proxy context isolatedWorktree=true")]
pub struct ContextArgs {
    /// A flag and its value; flags that are not named stay as they are
    #[arg(value_name = "FLAG=true|false", required = true, value_parser = flag)]
    pub flags: Vec<(String, bool)>,
    /// Where.
    #[command(flatten)]
    pub at: ControlArgs,
}

/// Arguments of `outbox`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Works on a running proxy, and with --data-dir also on a data directory that no proxy holds.

Examples:
  relay-mcp-proxy outbox list
  relay-mcp-proxy outbox show mcp-relay_reply-0b4ec1f0-98b7-4d2f-9d3c-5a8f0c1e2d3b
  relay-mcp-proxy outbox retry mcp-relay_reply-0b4ec1f0-98b7-4d2f-9d3c-5a8f0c1e2d3b")]
pub struct OutboxArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: OutboxCommand,
    /// Where.
    #[command(flatten)]
    pub at: ControlArgs,
}

/// A command of `outbox`.
#[derive(Clone, Debug, Subcommand)]
pub enum OutboxCommand {
    /// All writes, the oldest first
    List,
    /// One write, whole, with its arguments
    Show(Write),
    /// Put a write that the relay refused back into the queue
    Retry(Write),
    /// Drop a write for good: the relay will never see it
    Discard(Write),
}

/// One write.
#[derive(Args, Clone, Debug)]
pub struct Write {
    /// The write's idempotency key, as `outbox list` shows it
    pub key: String,
}

/// Arguments of `config`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  mapfile -t args < <(relay-mcp-proxy config claude --url http://127.0.0.1:4000/mcp); claude \"${args[@]}\"
  relay-mcp-proxy config codex --url https://relay.example/api/mcp --json")]
pub struct ConfigArgs {
    /// The MCP client
    pub client: Client,
    /// The URL of the proxy or of the relay, used as it is
    #[arg(long)]
    pub url: String,
    /// The server's name in the client
    #[arg(long, default_value = DEFAULT_NAME)]
    pub name: String,
    /// The environment variable in which the client finds its token
    #[arg(long, value_name = "VARIABLE", default_value = DEFAULT_TOKEN_ENV)]
    pub token_env: String,
    /// For machines: a JSON array
    #[arg(long)]
    pub json: bool,
}

/// An MCP client that can be configured with arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Claude Code: `--mcp-config`
    Claude,
    /// Codex: `-c` pairs
    Codex,
}

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Everything happens on this machine, in two more processes and a directory of its own; what is not kept is gone at \
the end. Exit code 0 means that every step was verified.")]
pub struct DemoArgs {
    /// Leave the relay and the proxy running at the end, with the lines for Claude Code and Codex
    #[arg(long)]
    pub keep: bool,
}

/// Arguments of `demo-relay`, which `demo` starts.
#[derive(Args, Clone, Debug)]
pub struct DemoRelayArgs {
    /// Where it listens
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// The token that it wants
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Where it keeps what arrived
    #[arg(long, value_name = "FILE")]
    pub arrivals: PathBuf,
}

fn flag(text: &str) -> Result<(String, bool), String> {
    let (flag, value) = match text.split_once('=') {
        Some((flag, value)) if !flag.is_empty() => (flag, value),
        _ => return Err("say it as in isolatedWorktree=true".into()),
    };
    match value {
        "true" => Ok((flag.into(), true)),
        "false" => Ok((flag.into(), false)),
        _ => Err(format!("{value:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn b_10_the_context_is_flags_with_values() {
        let said = |arguments: &[&str]| {
            let words = ["relay-mcp-proxy", "context"].iter().chain(arguments);
            Cli::try_parse_from(words).map(|cli| match cli.command {
                Command::Context(context) => context.flags,
                other => panic!("{other:?}"),
            })
        };
        let flags = said(&["isolatedWorktree=true", "other=false"]).unwrap();
        assert_eq!(flags, [("isolatedWorktree".to_owned(), true), ("other".to_owned(), false)]);
        for wrong in ["isolatedWorktree", "=true", "isolatedWorktree=maybe"] {
            assert_eq!(said(&[wrong]).unwrap_err().exit_code(), 2);
        }
        assert_eq!(said(&[]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn b_10_the_outbox_is_told_where_before_or_after_the_verb() {
        for words in ["x outbox show k --control none --json", "x outbox --control none --json show k"] {
            let Command::Outbox(outbox) = Cli::try_parse_from(words.split(' ')).unwrap().command else {
                panic!("not outbox")
            };
            assert_eq!((outbox.at.control.as_deref(), outbox.at.json), (Some("none"), true));
            assert!(matches!(outbox.command, OutboxCommand::Show(write) if write.key == "k"));
        }
    }

    #[test]
    fn b_1_4_neither_token_nor_secret_can_be_an_argument() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let flags: Vec<_> = serve.get_arguments().filter_map(|argument| argument.get_long()).collect();
        assert!(flags.contains(&"token-file") && flags.contains(&"secret-file"));
        assert!(!flags.contains(&"token") && !flags.contains(&"secret"));
    }

    #[test]
    fn isolated_worktree_alone_means_yes_and_takes_no_word_that_follows() {
        let said = |flag| match Cli::try_parse_from(["x", "serve", flag]).unwrap().command {
            Command::Serve(serve) => serve.isolated_worktree,
            other => panic!("{other:?}"),
        };
        assert_eq!(said("--isolated-worktree"), Some(true));
        assert_eq!(said("--isolated-worktree=false"), Some(false));
    }
}
