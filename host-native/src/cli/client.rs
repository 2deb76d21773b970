//! `config claude` and `config codex` (B-8.3).

use std::io::{self, Write};

use super::{Client, ConfigArgs};
use crate::client_config::{ClientConfig, ClientConfigError};

/// Why `config` did not print anything useful.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Exit code 2.
    #[error(transparent)]
    Config(#[from] ClientConfigError),
    /// Exit code 1.
    #[error("the arguments cannot be printed: {0}")]
    Output(#[from] io::Error),
}

impl ClientError {
    /// The exit code (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Output(_) => 1,
        }
    }
}

/// Prints the arguments for a client, one a line and not quoted for any shell; or as a JSON array.
///
/// # Errors
/// The arguments cannot be made, or not be printed.
pub fn client_config(args: &ConfigArgs, out: &mut impl Write) -> Result<(), ClientError> {
    let config = ClientConfig::new(&args.url, &args.name, &args.token_env)?;
    let arguments = match args.client {
        Client::Claude => config.claude(),
        Client::Codex => config.codex(),
    };
    if args.json {
        serde_json::to_writer(&mut *out, &arguments).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for argument in arguments {
        writeln!(out, "{argument}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn printed(arguments: &str) -> String {
        let cli = Cli::try_parse_from(format!("x config {arguments}").split(' ')).unwrap();
        let Command::Config(config) = cli.command else { panic!("not config") };
        let mut out = Vec::new();
        client_config(&config, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn b_8_3_the_arguments_are_printed_one_a_line_or_as_an_array() {
        let lines = printed("codex --url http://127.0.0.1:1/mcp --name mine --token-env T");
        assert_eq!(
            lines,
            "-c\nmcp_servers.mine.url=\"http://127.0.0.1:1/mcp\"\n-c\nmcp_servers.mine.bearer_token_env_var=\"T\"\n"
        );
        let json = printed("claude --url http://127.0.0.1:1/mcp --json");
        let array: Vec<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(array[0], "--mcp-config");
        assert!(array[1].starts_with(r#"{"mcpServers":{"agent-relay":"#), "{json}");
    }
}
