//! The layers as a whole.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::*;
use crate::settings::{ControlAddress, SecretOrigin, TokenOrigin};
use crate::telemetry::logs::LogFormat;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ServeArgs,
}

const URL: &str = "--relay-url=https://relay.example";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/home/ada")];
    home.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn resolved(flags: &[&str], variables: &[(&str, &str)]) -> Result<Resolved, String> {
    let line = Line::try_parse_from(["x", URL].iter().chain(flags)).unwrap();
    resolve(&line.args, &environment(variables)).map_err(|error| error.to_string())
}

/// With this file, whose path comes back too.
fn with_file(text: &str, flags: &[&str], variables: &[(&str, &str)]) -> (PathBuf, Result<Resolved, String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("proxy.toml");
    std::fs::write(&path, text).unwrap();
    let config = format!("--config={}", path.display());
    let flags: Vec<_> = flags.iter().copied().chain([config.as_str()]).collect();
    let resolved = resolved(&flags, variables);
    (path, resolved)
}

#[test]
fn what_ships() {
    let Resolved { settings, log, component } = resolved(&[], &[]).unwrap();
    assert_eq!(settings.relay, "https://relay.example/api/mcp");
    assert_eq!(settings.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(settings.data_dir, PathBuf::from("/home/ada/.local/state/relay-mcp-proxy"));
    assert!(matches!(settings.token, TokenOrigin::None));
    assert!(matches!(settings.secret, SecretOrigin::File(path) if path == settings.data_dir.join("secret")));
    assert_eq!(settings.control, ControlAddress::Unix(settings.data_dir.join("control.sock")));
    assert_eq!(settings.core, relay_mcp_core::Config::default());
    assert_eq!(settings.http.max_body_bytes, 4 << 20);
    assert_eq!((log.format, component), (LogFormat::Text, ComponentSettings::default()));
}

#[test]
fn b_10_a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "grace = '1s'\nkeepalive = '2s'\nrelay-timeout = '3s'\nmax-streams = 4\nallow-host = ['file']";
    let variables = [
        ("RELAY_MCP_PROXY_GRACE", "10s"),
        ("RELAY_MCP_PROXY_KEEPALIVE", "20s"),
        ("RELAY_MCP_PROXY_RELAY_TIMEOUT", ""),
        ("RELAY_MCP_PROXY_ALLOW_HOST", "one, two:4000,"),
    ];
    let settings = with_file(file, &["--grace=100s"], &variables).1.unwrap().settings;
    let seconds = [settings.grace, settings.core.keepalive, settings.core.relay_timeout];
    assert_eq!(seconds, [100, 20, 3].map(Duration::from_secs));
    assert_eq!(settings.connect_timeout, Duration::from_secs(3));
    assert_eq!(settings.core.limits.streams, 4);
    assert_eq!(settings.allowed_hosts, ["one", "two:4000"]);
}

#[test]
fn b_11_every_flag_has_its_place_in_environment_and_file() {
    use clap::CommandFactory;
    let command = Line::command();
    let keys = command.get_arguments().filter_map(|argument| argument.get_long());
    for key in keys.filter(|key| !matches!(*key, "help" | "config" | "relay-url")) {
        let wrong =
            if key.ends_with("file") || matches!(key, "data-dir" | "component") { "/dev/null" } else { "?*" };
        let variable = format!("RELAY_MCP_PROXY_{}", key.replace('-', "_").to_uppercase());
        let told = resolved(&[], &[(&variable, wrong)]);
        let ok = wrong == "/dev/null" && told.is_ok();
        assert!(
            ok || told.as_ref().is_err_and(|error| error.contains(&variable) && error.contains(key)),
            "{told:?}"
        );
        let text = match key {
            "bufferable" | "allow-host" | "allow-origin" => format!("{key} = ['?*']"),
            _ => format!("{key} = '{wrong}'"),
        };
        let (path, told) = with_file(&text, &[], &[]);
        let names = |error: &String| error.contains(key) && error.contains(&path.display().to_string());
        assert!((wrong == "/dev/null" && told.is_ok()) || told.as_ref().is_err_and(names), "{key}: {told:?}");
    }
}

#[test]
fn b_10_what_the_file_should_not_say_is_refused_with_its_line() {
    for (text, reason) in [
        ("grace = '1s'\nrelay-ulr = 'x'", "line 2, `relay-ulr`: unknown field `relay-ulr`"),
        ("token = 'hush'", "unknown field `token`"),
        ("isolated-worktree = 'yes'", "line 1, `isolated-worktree`: invalid type"),
        ("max-streams = [1]", "line 1, `max-streams`: invalid type"),
        ("grace = ", "line 1, `grace`"),
        ("token = 'hush", "line 1, `token`"),
        ("bufferable = [\n  'hush\n]", "line 2, `…`"),
        ("[[menus]]", "line 1, `[[menus]]`"),
        ("[[menu]]\ntools = ['a']", "missing field `needs`"),
        ("[[menu]]\ntools = []\nneeds = 'x'", "menu (from the file"),
        ("[[menu]]\ntools = ['a']\nneeds = ''", "`needs` of a rule is empty"),
        ("isolated-worktree = true\n[context]\nisolatedWorktree = false", "say it once"),
        ("listen = '0.0.0.0:80'", "--allow-remote"),
    ] {
        let (path, told) = with_file(text, &[], &[]);
        let error = told.unwrap_err();
        assert!(error.contains(reason) && error.contains(&path.display().to_string()), "{error}");
        assert!(!error.contains("hush"), "B-8.2: a value may be a token in the wrong place: {error}");
    }
    assert!(
        resolved(&["--config=/nowhere/x.toml"], &[]).unwrap_err().contains("/nowhere/x.toml cannot be read")
    );
}

#[test]
fn b_4_1_the_files_rules_replace_the_shipped_ones_and_name_the_context() {
    let file = "isolated-worktree = true\n[context]\nadmin = true\n\
                [[menu]]\ntools = ['relay_workspace_*']\nneeds = 'isolatedWorktree'\n\
                [[menu]]\ntools = ['relay_x']\nneeds = 'late'";
    let core = with_file(file, &[], &[]).1.unwrap().settings.core;
    assert_eq!(core.rules.len(), 2);
    assert!(core.rules[0].tools[0].matches("relay_workspace_land"));
    let context: Vec<_> = core.context.iter().collect();
    assert_eq!(context, [("admin", true), ("isolatedWorktree", true), ("late", false)]);
    let core = with_file(file, &["--isolated-worktree=false"], &[]).1.unwrap().settings.core;
    assert!(!core.context.holds("isolatedWorktree"));
    assert!(with_file("menu = []", &[], &[]).1.unwrap().settings.core.rules.is_empty());
}

#[test]
fn b_5_2_bufferable_tools_are_exact_names_and_replace_the_shipped_ones() {
    let bufferable = |flag: &str| resolved(&[flag], &[]).map(|resolved| resolved.settings.core.bufferable);
    let names: Vec<_> = bufferable("--bufferable=b, a,b").unwrap().into_iter().collect();
    assert_eq!(names, ["a", "b"]);
    assert!(bufferable("--bufferable=").unwrap().is_empty());
    assert!(bufferable("--bufferable=relay_*").unwrap_err().contains("only exact names"));
}

#[test]
fn b_1_2_an_address_that_others_can_reach_needs_a_flag() {
    for address in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"] {
        for key in ["listen", "control"] {
            let flag = format!("--{key}={address}");
            assert!(resolved(&[&flag], &[]).unwrap_err().contains("--allow-remote"), "{flag}");
            assert!(resolved(&[&flag, "--allow-remote"], &[]).is_ok(), "{flag}");
        }
    }
    for address in ["127.0.0.1:80", "[::1]:80", "127.9.9.9:0", "localhost:80", "[::ffff:127.0.0.1]:80"] {
        assert!(resolved(&[&format!("--listen={address}")], &[]).is_ok(), "{address}");
    }
    assert!(resolved(&["--listen=4000"], &[]).unwrap_err().contains("is not an address"));
}

#[test]
fn b_10_the_control_listener_is_a_socket_an_address_or_none() {
    let control = |flag: &str| resolved(&[flag], &[]).map(|resolved| resolved.settings.control);
    assert_eq!(control("--control=none"), Ok(ControlAddress::None));
    assert_eq!(control("--control=unix:/run/x"), Ok(ControlAddress::Unix("/run/x".into())));
    assert_eq!(control("--control=127.0.0.1:9"), Ok(ControlAddress::Tcp("127.0.0.1:9".parse().unwrap())));
    assert!(control("--control=unix:").is_err() && control("--control=/run/x").is_err());
    let long = format!("--control=unix:/{}", "x".repeat(200));
    assert!(control(&long).unwrap_err().contains("is longer than"), "{long}");
    let deep = format!("--data-dir=/{}", "x".repeat(200));
    assert!(control(&deep).unwrap_err().contains("control (by default)"), "{deep}");
}

#[test]
fn b_1_4_secret_and_token_come_from_a_file_or_else_the_environment() {
    let variables = [("RELAY_TOKEN", "hush-token"), ("RELAY_MCP_PROXY_SECRET", "hush-secret")];
    let settings = resolved(&[], &variables).unwrap().settings;
    assert!(matches!(&settings.token, TokenOrigin::Environment(token) if token == "hush-token"));
    assert!(matches!(&settings.secret, SecretOrigin::Environment(secret) if secret == "hush-secret"));
    assert!(!format!("{settings:?} {:?}", environment(&variables)).contains("hush"));
    let (path, told) = with_file("token-file = 'a/token'\nsecret-file = '/s'", &[], &variables);
    let settings = told.unwrap().settings;
    assert!(matches!(settings.token, TokenOrigin::File(token) if token == path.with_file_name("a/token")));
    assert!(matches!(settings.secret, SecretOrigin::File(secret) if secret.as_os_str() == "/s"));
}

#[test]
fn the_data_directory_follows_the_users_directories() {
    let directory = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        data_dir(None, &variables).map_err(|error| error.to_string())
    };
    assert_eq!(directory(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Ok("/s/relay-mcp-proxy".into()));
    let relative = [("XDG_STATE_HOME", "s"), ("HOME", "/h")];
    assert_eq!(directory(&relative), Ok("/h/.local/state/relay-mcp-proxy".into()));
    assert_eq!(directory(&[("RELAY_MCP_PROXY_DATA_DIR", "/d")]), Ok("/d".into()));
    assert!(directory(&[]).unwrap_err().contains("give --data-dir"));
}

#[test]
fn zero_and_absurd_limits_are_refused_with_their_key() {
    for flag in [
        "--max-header-bytes=8191",
        "--max-body-bytes=0",
        "--max-requests=0",
        "--max-streams=0",
        "--max-connections=0",
        "--max-inflight-bytes=1023",
        "--outbox-max-entries=0",
        "--outbox-max-bytes=0",
        "--head-timeout=0s",
        "--body-timeout=2h",
        "--relay-timeout=0ms",
        "--keepalive=0ms",
        "--allow-origin=null",
        "--allow-origin=https://a.example/",
        "--allow-host=https://a.example",
        "--component-step-time=9ms",
        "--component-memory=1MiB1",
        "--component-memory=5GiB",
        "--component-table-elements=0",
        "--component-instances=0",
        "--log=xml",
        "--log-level=loud",
    ] {
        let error = resolved(&[flag], &[]).unwrap_err();
        let key = flag.trim_start_matches('-').split('=').next().unwrap();
        assert!(error.starts_with(&format!("--{key}: ")), "{error}");
    }
    assert!(resolved(&["--max-header-bytes=8192", "--grace=0s", "--outbox-max-bytes=1GiB"], &[]).is_ok());
}

/// One command line for both programs, and one sentence for the one that has no use for a part of it.
#[test]
fn b_10_what_is_for_a_component_is_refused_by_a_program_that_has_none() {
    let refused = |flags: &[&str], variables: &[(&str, &str)]| {
        resolved(flags, variables).unwrap().component.refuse().map_err(|refusal| refusal.to_string())
    };
    assert_eq!(refused(&[], &[]), Ok(()));
    for flag in [
        "--component=/c.wasm",
        "--component-step-time=1s",
        "--component-memory=64MiB",
        "--component-table-elements=100",
        "--component-instances=1",
    ] {
        let (key, _) = flag.split_once('=').unwrap();
        let refusal = refused(&[flag], &[]).unwrap_err();
        assert!(refusal.starts_with(&format!("{key} is for relay-mcp-proxy-wasm")), "{refusal}");
    }
    let refusal = refused(&[], &[("RELAY_MCP_PROXY_COMPONENT_MEMORY", "64MiB")]).unwrap_err();
    assert!(refusal.contains("from the environment variable RELAY_MCP_PROXY_COMPONENT_MEMORY"), "{refusal}");
    let component =
        resolved(&["--component-memory=64MiB", "--component-step-time=1s"], &[]).unwrap().component;
    assert_eq!((component.memory, component.step_time), (Some(64 << 20), Some(Duration::from_secs(1))));
    assert_eq!((component.table_elements, component.instances), (None, None));
}

#[test]
fn b_1_7_limits_that_follow_from_others_leave_room_for_them() {
    let http = |flags: &[&str]| resolved(flags, &[]).unwrap().settings.http;
    assert_eq!(http(&["--max-requests=10", "--max-streams=500"]).max_connections, 766);
    assert_eq!(http(&["--max-connections=7"]).max_connections, 7);
    assert_eq!(http(&[]).max_inflight_bytes, 32 << 20);
    assert_eq!(http(&["--max-body-bytes=40MiB", "--max-inflight-bytes=1MiB"]).max_inflight_bytes, 40 << 20);
}

#[test]
fn a_missing_relay_url_says_the_three_places_for_it() {
    let error = resolve(&ServeArgs::default(), &environment(&[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "relay-url is missing: give --relay-url, set RELAY_MCP_PROXY_RELAY_URL, or put relay-url into the file \
         of --config"
    );
    assert_eq!(error.exit_code(), 2);
}
