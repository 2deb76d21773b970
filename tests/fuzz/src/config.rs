//! The configuration: file, environment and flags. The input is the file; its comments `#--grace=1s` are flags as well,
//! and `#RELAY_MCP_PROXY_GRACE=1s` variables.

use std::path::Path;

use clap::Parser;
use relay_mcp_host_native::cli::{Cli, Command};
use relay_mcp_host_native::client_config::ClientConfig;
use relay_mcp_host_native::config::{
    ConfigError, Environment, Resolved, ServeArgs, control_address, relay_url, resolve,
};
use relay_mcp_host_native::control::address_text;
use relay_mcp_host_native::settings::{ControlAddress, Settings};
use tempfile::NamedTempFile;

/// What the environment holds that nobody may see.
const TOKEN: &str = "hush-the-token-of-the-relay";
const SECRET: &str = "hush-the-secret-of-the-agent";

/// Single values that mean the same wherever they stand.
const TEXTS: [&str; 22] = [
    "relay-url",
    "listen",
    "max-body-bytes",
    "max-header-bytes",
    "head-timeout",
    "body-timeout",
    "max-requests",
    "max-inflight-bytes",
    "max-connections",
    "max-streams",
    "outbox-max-entries",
    "outbox-max-bytes",
    "relay-timeout",
    "call-timeout",
    "keepalive",
    "grace",
    "component-step-time",
    "component-memory",
    "component-table-elements",
    "component-instances",
    "log",
    "log-level",
];

/// Resolves a configuration, and says each of its values in the other places too.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let comments: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('#')).collect();
    let flags: Vec<&str> = comments.iter().copied().filter(|line| line.starts_with("--")).collect();
    let variables = comments.iter().filter_map(|line| line.split_once('='));
    let variables: Vec<(&str, &str)> =
        variables.filter(|(name, _)| name.starts_with("RELAY_MCP_PROXY_")).collect();
    let file = tempfile::Builder::new().prefix("fuzz").tempfile().expect("a file");
    let told = resolved(text, &file, &flags, &variables);
    if let Some(told) = &told {
        check_told(told, file.path());
    }
    if told.is_some_and(|told| told.is_ok()) {
        check_places(text, &file);
    }
    for line in text.lines().take(20) {
        check_addresses(line);
        check_clients(line);
    }
}

/// What the file, these flags and these variables amount to; nothing where the command line is none.
fn resolved(
    text: &str,
    file: &NamedTempFile,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> Option<Result<Resolved, ConfigError>> {
    std::fs::write(file.path(), text).expect("a file");
    let config = format!("--config={}", file.path().display());
    let args = serve_args(&[&[config.as_str()], flags].concat())?;
    let ours = [("HOME", "/home/agent"), ("RELAY_TOKEN", TOKEN), ("RELAY_MCP_PROXY_SECRET", SECRET)];
    let variables = variables.iter().chain(&ours);
    let environment: Environment = variables.map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Some(resolve(&args, &environment))
}

fn serve_args(flags: &[&str]) -> Option<ServeArgs> {
    let words = ["relay-mcp-proxy", "serve"].iter().chain(flags);
    match Cli::try_parse_from(words).ok()?.command {
        Command::Serve(args) => Some(*args),
        _ => None,
    }
}

fn check_told(told: &Result<Resolved, ConfigError>, file: &Path) {
    match told {
        Ok(resolved) => {
            assert!(!format!("{resolved:?}").contains("hush-"), "B-8.2: secrets are not shown");
            check_settings(&resolved.settings);
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains(TOKEN) && !said.contains(SECRET), "B-8.2: {said}");
            assert_eq!(error.exit_code(), 2, "B-10");
            let misplaced = "token = 'hush-misplaced";
            assert!(!said.contains(misplaced), "B-8.2: the value may be a token in the wrong place: {said}");
            let names = match error {
                ConfigError::Bad { key, .. } | ConfigError::Missing { key } => said.contains(key),
                ConfigError::File { .. } | ConfigError::Unreadable { .. } => {
                    said.contains(&file.display().to_string())
                }
                ConfigError::NotUnicode { .. } | ConfigError::NoHome => true,
            };
            assert!(names, "B-10: the sentence names the key and the file: {said}");
        }
    }
}

fn check_settings(settings: &Settings) {
    let Settings { relay, control, http, core, .. } = settings;
    assert!(matches!(relay.scheme_str(), Some("http" | "https")) && relay.path().starts_with('/'), "{relay}");
    assert!(relay.host().is_some_and(|host| !host.is_empty()), "{relay}");
    assert!(!relay.to_string().contains('#') && !relay.authority().expect("a host").as_str().contains('@'));
    assert_eq!(relay_url(&relay.to_string()).as_ref(), Ok(relay), "B-10: a URL with a path is used as it is");
    assert!(settings.data_dir.is_absolute(), "{:?}", settings.data_dir);
    match control {
        ControlAddress::Unix(path) => assert!(path.is_absolute() && path.as_os_str().len() < 108, "{path:?}"),
        ControlAddress::Tcp(_) | ControlAddress::None => {}
    }
    assert!(http.max_inflight_bytes >= http.max_body_bytes && http.max_body_bytes > 0);
    assert!(http.max_header_bytes >= 8192 && http.max_connections > 0 && http.max_requests > 0);
    assert!(!http.head_timeout.is_zero() && !http.body_timeout.is_zero());
    assert!(settings.connect_timeout <= core.relay_timeout && !core.keepalive.is_zero());
    assert!(core.limits.outbox_entries > 0 && core.limits.outbox_bytes > 0 && core.limits.streams > 0);
    assert!(core.bufferable.is_sorted_by(|one, next| one < next), "{:?}", core.bufferable);
    let context = serde_json::to_value(&core.context).expect("flags");
    for rule in &core.rules {
        assert!(!rule.tools.is_empty() && context[&rule.needs].is_boolean(), "B-4.1: {rule:?}");
    }
}

/// A value means the same in the file, in the environment and as a flag (B-10).
fn check_places(text: &str, file: &NamedTempFile) {
    let Ok(table) = text.parse::<toml::Table>() else { return };
    let url = ("RELAY_MCP_PROXY_RELAY_URL", "https://relay.example");
    for key in TEXTS {
        let Some(value) = table.get(key).and_then(toml::Value::as_str).filter(|value| !value.is_empty())
        else {
            continue;
        };
        let one = toml::Table::from_iter([(key.to_owned(), toml::Value::from(value))]);
        let name = format!("RELAY_MCP_PROXY_{}", key.replace('-', "_").to_uppercase());
        let others: &[(&str, &str)] = if key == "relay-url" { &[] } else { &[url] };
        let in_file = resolved(&one.to_string(), file, &[], others).expect("no flags");
        let as_variable =
            resolved("", file, &[], &[&[(name.as_str(), value)], others].concat()).expect("no flags");
        let as_flag = resolved("", file, &[&format!("--{key}={value}")], others).expect("a flag");
        let seen = [in_file, as_variable, as_flag].map(|told| told.map(|told| shown(&told)).map_err(|_| ()));
        assert!(seen[0] == seen[1] && seen[1] == seen[2], "B-10: {key} = {value:?}: {seen:?}");
    }
}

/// What was understood, less where it stood.
fn shown(resolved: &Resolved) -> String {
    let Resolved { settings, log, component } = resolved;
    let component = (component.step_time, component.memory, component.table_elements, component.instances);
    format!("{settings:?} {log:?} {component:?}")
}

fn check_addresses(text: &str) {
    if let Ok(url) = relay_url(text) {
        assert_eq!(relay_url(&url.to_string()), Ok(url));
    }
    if let Ok(address) = control_address(text) {
        let shown = address_text(&address);
        let again = shown.as_deref().map(control_address);
        assert!(again.is_none_or(|again| again == Ok(address)), "{text:?}: {shown:?}");
    }
}

/// Whatever the URL and the name, the client reads what was meant (B-8.3).
fn check_clients(text: &str) {
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (url, name) = text.split_at(half);
    let Ok(config) = ClientConfig::new(url, name, "TOKEN") else { return };
    let [_, json] = &config.claude()[..] else { panic!("a pair") };
    let claude: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(claude["mcpServers"][name]["url"], url);
    let [_, first, _, second] = &config.codex()[..] else { panic!("two pairs") };
    let codex: toml::Table = format!("{first}\n{second}").parse().expect("TOML");
    assert_eq!(codex["mcp_servers"][name]["url"].as_str(), Some(url));
    assert_eq!(codex["mcp_servers"][name]["bearer_token_env_var"].as_str(), Some("TOKEN"));
}
