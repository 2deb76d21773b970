//! What cannot work is said before anything is served, with the key and the file that are wrong (B-5.10,
//! B-10, B-11).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use relay_mcp_tests::proxy::{Ended, Proxy, cli};
use relay_mcp_tests::relay::Relay;
use serde_json::json;
use tokio::net::TcpListener;

fn assert_refused(ended: &Ended, code: i32, names: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert_eq!(ended.stdout, "", "no ready line");
    for name in names {
        assert!(ended.stderr.contains(name), "{name} in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// B-10
#[tokio::test]
async fn flags_that_do_not_exist_or_make_no_sense() {
    let relay = Relay::start().await;
    for (flag, value) in [
        ("--no-such-flag", "1"),
        ("--keepalive", "soon"),
        ("--relay-timeout", "-1s"),
        ("--max-body-bytes", "many"),
        ("--max-requests", "-1"),
        ("--listen", "nowhere"),
        ("--listen", "127.0.0.1:99999"),
        ("--control", "what"),
    ] {
        let ended = Proxy::to(&relay).argument(format!("{flag}={value}")).fail().await;
        assert_refused(&ended, 2, &[flag]);
    }
    let data = tempfile::tempdir().unwrap();
    let missing = cli::run(["serve", "--data-dir", data.path().to_str().unwrap()]).await;
    assert_refused(&missing, 2, &["relay-url"]);
    assert_refused(&cli::run(["serf"]).await, 2, &["serf"]);
    assert_eq!(cli::run([""; 0]).await.code, Some(2));
}

/// B-10
#[tokio::test]
async fn relay_urls_that_are_none() {
    for url in ["", "nonsense", "/api/mcp", "ftp://127.0.0.1/", "http://", "unix:/x", "http://a b/"] {
        let ended = Proxy::to_url(url).fail().await;
        assert_refused(&ended, 2, &["relay-url"]);
    }
}

/// B-10: unknown keys and bad values name the key and the file.
#[tokio::test]
async fn files_with_mistakes() {
    let relay = Relay::start().await;
    let directory = tempfile::tempdir().unwrap();
    for (number, (text, key)) in [
        ("no-such-key = 1", "no-such-key"),
        ("relay_url = \"http://x/\"", "relay_url"),
        ("keepalive = 7", "keepalive"),
        ("keepalive = \"soon\"", "keepalive"),
        ("max-requests = \"many\"", "max-requests"),
        ("isolated-worktree = \"yes\"", "isolated-worktree"),
        ("keepalive = ", ""),
        ("[[", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("bad-{number}.toml");
        let file = directory.path().join(&name);
        std::fs::write(&file, text).unwrap();
        let ended = Proxy::to(&relay).flag("--config", &file).fail().await;
        assert_refused(&ended, 2, &[key, &name]);
    }
    let ended = Proxy::to(&relay).flag("--config", directory.path().join("missing.toml")).fail().await;
    assert_refused(&ended, 2, &["missing.toml"]);
}

/// B-10
#[tokio::test]
async fn environments_with_mistakes() {
    let relay = Relay::start().await;
    for (variable, value) in [
        ("RELAY_MCP_PROXY_KEEPALIVE", "soon"),
        ("RELAY_MCP_PROXY_MAX_REQUESTS", "many"),
        ("RELAY_MCP_PROXY_LISTEN", "x"),
    ] {
        let ended = Proxy::to(&relay).env(variable, value).fail().await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let flag = variable.trim_start_matches("RELAY_MCP_PROXY_").to_ascii_lowercase().replace('_', "-");
        assert!(ended.stderr.contains(variable) || ended.stderr.contains(&flag), "{}", ended.stderr);
    }
}

/// B-11: 2.
#[tokio::test]
async fn a_port_in_use() {
    let relay = Relay::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(&Proxy::to(&relay).listen(&address).fail().await, 2, &[&address]);
    assert_refused(&Proxy::to(&relay).control(&address).fail().await, 2, &[&address]);
}

/// B-10: a directory that cannot be one.
#[tokio::test]
async fn a_data_directory_that_cannot_be_written() {
    let relay = Relay::start().await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    let data = file.join("data").display().to_string();
    let ended = cli::run(["serve", "--relay-url", &relay.origin(), "--data-dir", &data]).await;
    assert_refused(&ended, 2, &["a-file"]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "in the way");
}

/// B-5.10: the second says so and stops, and the first does not notice.
#[tokio::test]
async fn a_second_proxy_on_the_same_directory() {
    let relay = Relay::that().start_down().await;
    let mut first = Proxy::to(&relay).start().await;
    let receipt = first.agent().tools_call("relay_reply", r#"{"text":"x"}"#).await.result();
    assert_eq!(receipt["structuredContent"]["queued"], true);
    let data = first.home().data().display().to_string();
    for _ in 0..2 {
        let second = Proxy::to(&relay).at(first.home()).fail().await;
        assert_refused(&second, 3, &[&data]);
    }
    let elsewhere = Proxy::to(&relay).at(first.home()).control("none").fail().await;
    assert_refused(&elsewhere, 3, &[&data]);
    assert_eq!(first.status().await["outbox"]["depth"], 1);
    relay.start_again().await;
    relay.applied_are(1).await;
    first.kill().await;
    first.restart().await;
    first.depth_is(0).await;
}

/// B-5.10: of two that start at the same moment one is ready, and the other says why it is not.
#[tokio::test]
async fn two_proxies_at_once_on_the_same_directory() {
    let relay = Relay::start().await;
    for _ in 0..5 {
        let proxy = Proxy::to(&relay).control("none");
        let (one, other) = tokio::join!(proxy.clone().try_start(), proxy.try_start());
        let (first, second) = match (one, other) {
            (Ok(first), Err(second)) | (Err(second), Ok(first)) => (first, second),
            both => panic!("one has the directory, and one has not: {both:?}"),
        };
        assert_refused(&second, 3, &[&first.home().data().display().to_string()]);
    }
}

/// The largest file of a proxy that has ended, but for what it holds in reserve: where its records are.
fn store_of(proxy: &Proxy) -> PathBuf {
    let files = proxy.home().files();
    let largest = files
        .into_iter()
        .filter(|(path, _)| !names(path, "secret") && !names(path, "reserve"))
        .max_by_key(|(_, bytes)| bytes.len());
    largest.expect("a store").0
}

fn names(path: &Path, what: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(what))
}

/// A proxy that has ended, with forty writes in its store.
async fn ended_with_writes(relay: &Relay) -> Proxy {
    let mut proxy = Proxy::to(relay).start().await;
    let agent = proxy.agent();
    for n in 0..40 {
        let arguments = json!({"text": format!("{n}-{}", "x".repeat(1_000))}).to_string();
        agent.tools_call("relay_reply", &arguments).await.result();
    }
    assert_eq!(proxy.terminate().await.code(), Some(0));
    proxy
}

/// B-5.10: reported with its path and what to do, and never overwritten.
#[tokio::test]
async fn a_damaged_store() {
    let relay = Relay::that().start_down().await;
    let proxy = ended_with_writes(&relay).await;
    let store = store_of(&proxy);
    let whole = std::fs::read(&store).unwrap();
    let garbage = |at: usize, length: usize| {
        let mut bytes = whole.clone();
        let end = (at + length).min(bytes.len());
        bytes[at..end].fill(0xa5);
        bytes
    };
    for damaged in [
        b"this was never a store".to_vec(),
        garbage(0, 100),
        garbage(4_096, 4_096),
        whole[..whole.len() / 2].to_vec(),
    ] {
        std::fs::write(&store, &damaged).unwrap();
        let ended = Proxy::to(&relay).at(proxy.home()).fail().await;
        assert_refused(&ended, 4, &[&proxy.home().data().display().to_string()]);
        assert!(std::fs::read(&store).unwrap() == damaged, "the file is untouched");
        let data = proxy.home().data().display().to_string();
        let outbox = cli::run(["outbox", "list", "--data-dir", &data]).await;
        assert_eq!(outbox.code, Some(4), "{outbox:?}");
    }
    std::fs::write(&store, &whole).unwrap();
    let healed = Proxy::to(&relay).at(proxy.home()).start().await;
    assert_eq!(healed.status().await["outbox"]["depth"], 40);
}
