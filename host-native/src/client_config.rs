//! What an MCP client is started with to find the proxy, or the relay itself (B-8.3).

use std::collections::BTreeMap;

use serde::Serialize;

/// The server's name in the client, unless another is given.
pub const DEFAULT_NAME: &str = "agent-relay";

/// The environment variable in which the client finds its token, unless another is given. The token itself is
/// never an argument.
pub const DEFAULT_TOKEN_ENV: &str = "RELAY_MCP_TOKEN";

/// Where a client is to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig<'a> {
    url: &'a str,
    name: &'a str,
    token_env: &'a str,
}

/// Why a client cannot be configured so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientConfigError {
    /// There is no URL.
    #[error("--url is empty: give the URL of the proxy or of the relay")]
    NoUrl,
    /// There is no name.
    #[error("--name is empty: give the server a name, such as {DEFAULT_NAME}")]
    NoName,
    /// No variable can be called so.
    #[error(
        "--token-env {0:?} is not the name of an environment variable: \
         letters, digits and `_`, not beginning with a digit"
    )]
    NotAVariable(String),
}

impl<'a> ClientConfig<'a> {
    /// A server of this name at this URL, which is used as it is, with its token in that environment variable.
    ///
    /// # Errors
    /// The URL or the name is empty, or there can be no such variable.
    pub fn new(url: &'a str, name: &'a str, token_env: &'a str) -> Result<Self, ClientConfigError> {
        if url.is_empty() {
            return Err(ClientConfigError::NoUrl);
        }
        if name.is_empty() {
            return Err(ClientConfigError::NoName);
        }
        if !is_variable(token_env) {
            return Err(ClientConfigError::NotAVariable(token_env.to_owned()));
        }
        Ok(Self { url, name, token_env })
    }

    /// The arguments for Claude Code: `--mcp-config` and one line of JSON.
    #[must_use]
    pub fn claude(&self) -> Vec<String> {
        let authorization = format!("Bearer ${{{}}}", self.token_env);
        let server = ClaudeServer { r#type: "http", url: self.url, headers: ClaudeHeaders { authorization } };
        let config = ClaudeConfig { mcp_servers: BTreeMap::from([(self.name, server)]) };
        vec!["--mcp-config".into(), serde_json::to_string(&config).unwrap_or_default()]
    }

    /// The arguments for Codex: pairs of `-c` and one line of TOML.
    ///
    /// A name other than letters, digits, `_` and `-` is quoted as TOML has it; Codex itself refuses such
    /// names.
    #[must_use]
    pub fn codex(&self) -> Vec<String> {
        let server = format!("mcp_servers.{}", toml_key(self.name));
        vec![
            "-c".into(),
            format!("{server}.url={}", toml_string(self.url)),
            "-c".into(),
            format!("{server}.bearer_token_env_var={}", toml_string(self.token_env)),
        ]
    }
}

/// The members are in the seed's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaudeConfig<'a> {
    mcp_servers: BTreeMap<&'a str, ClaudeServer<'a>>,
}

#[derive(Serialize)]
struct ClaudeServer<'a> {
    r#type: &'static str,
    url: &'a str,
    headers: ClaudeHeaders,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClaudeHeaders {
    authorization: String,
}

fn is_variable(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_word) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn toml_key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.bytes().all(is_bare) { name.to_owned() } else { toml_string(name) }
}

/// A basic string of TOML, on one line.
fn toml_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:4000/mcp";

    #[test]
    fn b_8_3_claude_gets_the_seeds_pair() {
        let config = ClientConfig::new(URL, DEFAULT_NAME, DEFAULT_TOKEN_ENV).unwrap();
        assert_eq!(
            config.claude(),
            [
                "--mcp-config",
                r#"{"mcpServers":{"agent-relay":{"type":"http","url":"http://127.0.0.1:4000/mcp","headers":{"Authorization":"Bearer ${RELAY_MCP_TOKEN}"}}}}"#
            ]
        );
    }

    #[test]
    fn b_8_3_codex_gets_the_seeds_pairs() {
        let config = ClientConfig::new(URL, DEFAULT_NAME, DEFAULT_TOKEN_ENV).unwrap();
        assert_eq!(
            config.codex(),
            [
                "-c",
                r#"mcp_servers.agent-relay.url="http://127.0.0.1:4000/mcp""#,
                "-c",
                r#"mcp_servers.agent-relay.bearer_token_env_var="RELAY_MCP_TOKEN""#
            ]
        );
    }

    #[test]
    fn b_8_3_any_url_and_name_come_back_as_they_were() {
        let texts =
            ["a b", "a.b", "a\"b", "a\\b", "ä€😀", "a\nb\t\u{7f}\u{85}\u{0}", "a'b=c", "#x", "\\u0041"];
        for (name, url) in texts.into_iter().flat_map(|name| texts.map(|url| (name, url))) {
            let config = ClientConfig::new(url, name, "TOKEN").unwrap();
            let claude: serde_json::Value = serde_json::from_str(&config.claude()[1]).unwrap();
            assert_eq!(claude["mcpServers"][name]["url"], url);
            let [_, first, _, second] = &config.codex()[..] else { panic!("two pairs") };
            let codex: toml::Table = toml::from_str(&format!("{first}\n{second}")).unwrap();
            let server = &codex["mcp_servers"][name];
            assert_eq!(
                (server["url"].as_str(), server["bearer_token_env_var"].as_str()),
                (Some(url), Some("TOKEN"))
            );
            assert!(config.claude().iter().chain(&config.codex()).all(|argument| !argument.contains('\n')));
        }
    }

    #[test]
    fn what_no_client_could_use_is_refused() {
        for variable in ["", "1A", "A-B", "A B", "A}", "Ä"] {
            let error = ClientConfig::new(URL, "x", variable).unwrap_err();
            assert_eq!(error, ClientConfigError::NotAVariable(variable.into()));
        }
        assert_eq!(ClientConfig::new("", "x", "T"), Err(ClientConfigError::NoUrl));
        assert_eq!(ClientConfig::new(URL, "", "T"), Err(ClientConfigError::NoName));
    }
}
