//! `config claude|codex`: the seed's argument pairs, quoted right for any URL and name (B-8.3, B-10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::proxy::cli;
use serde_json::{Value, json};

const URL: &str = "http://127.0.0.1:4850/mcp";
/// Everything that JSON, TOML or a shell could stumble over.
const ODD: &str = r#"http://h/a"b\c'd$(e)`f`${g}?h=1&i=ü#j"#;

async fn lines(arguments: &[&str]) -> Vec<String> {
    cli::run(["config"].iter().chain(arguments)).await.ok().lines().into_iter().map(str::to_owned).collect()
}

/// B-8.3: the seed's pair.
#[tokio::test]
async fn claude_gets_a_json_file_in_an_argument() {
    let printed = lines(&["claude", "--url", URL]).await;
    assert_eq!(printed.len(), 2, "{printed:?}");
    assert_eq!(printed[0], "--mcp-config");
    let wanted = json!({"mcpServers": {"agent-relay": {
        "type": "http", "url": URL, "headers": {"Authorization": "Bearer ${RELAY_MCP_TOKEN}"}
    }}});
    assert_eq!(serde_json::from_str::<Value>(&printed[1]).unwrap(), wanted);
}

/// B-8.3: the seed's pairs.
#[tokio::test]
async fn codex_gets_overrides_in_toml() {
    let printed = lines(&["codex", "--url", URL]).await;
    let wanted = [
        "-c".to_owned(),
        format!("mcp_servers.agent-relay.url=\"{URL}\""),
        "-c".to_owned(),
        "mcp_servers.agent-relay.bearer_token_env_var=\"RELAY_MCP_TOKEN\"".to_owned(),
    ];
    assert_eq!(printed, wanted);
}

/// B-11: the URL is used as it is.
#[tokio::test]
async fn names_variables_and_urls_may_be_chosen() {
    let flags = ["--name", "my-relay", "--token-env", "MY_TOKEN", "--url", ODD];
    let claude = lines(&[&["claude"], &flags[..]].concat()).await;
    let server = serde_json::from_str::<Value>(&claude[1]).unwrap()["mcpServers"]["my-relay"].clone();
    assert_eq!(
        (&server["url"], &server["headers"]["Authorization"]),
        (&json!(ODD), &json!("Bearer ${MY_TOKEN}"))
    );

    let codex = lines(&[&["codex"], &flags[..]].concat()).await;
    let parsed: toml::Table = toml::from_str(&format!("{}\n{}", codex[1], codex[3])).unwrap();
    let server = &parsed["mcp_servers"]["my-relay"];
    assert_eq!(server["url"].as_str(), Some(ODD));
    assert_eq!(server["bearer_token_env_var"].as_str(), Some("MY_TOKEN"));
}

/// B-8.3: a name that is no bare key.
#[tokio::test]
async fn a_name_is_quoted_where_it_must_be() {
    for name in ["my.relay", "my relay", "my\"relay"] {
        let codex = lines(&["codex", "--name", name, "--url", URL]).await;
        let parsed: toml::Table = toml::from_str(&codex[1]).unwrap();
        assert_eq!(parsed["mcp_servers"][name]["url"].as_str(), Some(URL), "{codex:?}");
        let claude = lines(&["claude", "--name", name, "--url", URL]).await;
        assert_eq!(serde_json::from_str::<Value>(&claude[1]).unwrap()["mcpServers"][name]["url"], URL);
    }
}

/// B-10: `--json` is the same as an array.
#[tokio::test]
async fn json_is_the_same_as_an_array() {
    for client in ["claude", "codex"] {
        let printed = lines(&[client, "--url", URL]).await;
        let array = cli::run(["config", client, "--url", URL, "--json"]).await.ok().json();
        assert_eq!(array, json!(printed));
    }
}

/// B-10
#[tokio::test]
async fn what_is_missing_or_unknown_is_a_usage_error() {
    for arguments in [&["claude"][..], &["cursor", "--url", URL], &["codex", "--url", URL, "--no-such-flag"]]
    {
        assert_eq!(cli::run(["config"].iter().chain(arguments)).await.code, Some(2), "{arguments:?}");
    }
}
