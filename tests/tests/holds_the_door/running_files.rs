//! A token file that is exchanged for one in which somebody else may have a hand, while the proxy runs: the token
//! stays as it was, the log and the metrics say so, and nothing stands still (B-2.2).

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::wait::{until_async, until_true};
use serde_json::json;

use crate::files::{pipe, write};

const OURS: &str = "the-token-of-the-runner";
const NEXT: &str = "the-next-token-of-the-runner";
const THEIRS: &str = "the-token-of-somebody-else";

/// What the log says, and how the file is spoilt.
type Exchange<'a> = (&'a str, &'a dyn Fn(&Path));

/// The token that a request goes out with now.
async fn token(relay: &Relay, proxy: &Proxy) -> Option<String> {
    relay.forget_requests();
    proxy.agent().call("x/y", json!({})).await;
    relay.requests()[0].token().map(str::to_owned)
}

async fn is_said_usable(proxy: &Proxy, usable: bool) {
    let line = format!("relay_mcp_proxy_token_file_usable {}\n", i32::from(usable));
    let said = async || proxy.control().metrics().await.contains(&line).then_some(());
    until_async(&format!("the metrics say {line}"), said).await;
}

#[tokio::test]
async fn the_token_stays_as_it_was() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).token(OURS).start().await;
    is_said_usable(&proxy, true).await;
    let elsewhere = proxy.home().path().join("elsewhere");
    write(&elsewhere, THEIRS, 0o600);
    let exchanges: [Exchange<'_>; 8] = [
        ("has mode 0644", &|path| write(path, THEIRS, 0o644)),
        ("has mode 0622", &|path| write(path, THEIRS, 0o622)),
        ("is not a regular file, or is a link", &|path| symlink(&elsewhere, path).unwrap()),
        ("is not a regular file, or is a link", &|path| symlink("nowhere", path).unwrap()),
        ("is not a regular file, or is a link", &pipe),
        ("belongs to another user (uid 65534)", &|path| {
            write(path, THEIRS, 0o600);
            chown(path, Some(65_534), None).expect("give a file away: run this test as root");
        }),
        ("holds more than", &|path| write(path, THEIRS.repeat(10_000), 0o600)),
        ("visible ASCII", &|path| write(path, format!("{THEIRS}\nx: y"), 0o600)),
    ];
    for (words, exchange) in exchanges {
        let new = proxy.home().path().join("token.new");
        exchange(&new);
        fs::rename(&new, proxy.home().token_file()).unwrap();
        assert_eq!(token(&relay, &proxy).await.as_deref(), Some(OURS), "{words}");
        let logged = || {
            proxy.logs().lines().any(|line| {
                line.contains("ERROR") && line.contains(words) && line.contains("the token stays as it was")
            })
        };
        until_true(&format!("the log says {words}"), logged).await;
        proxy.home().write_token(OURS);
        assert_eq!(token(&relay, &proxy).await.as_deref(), Some(OURS), "{words}");
    }
    // What is said is said once, however often the file is looked at.
    write(&proxy.home().path().join("token.new"), THEIRS, 0o640);
    fs::rename(proxy.home().path().join("token.new"), proxy.home().token_file()).unwrap();
    for _ in 0..50 {
        assert_eq!(token(&relay, &proxy).await.as_deref(), Some(OURS));
    }
    assert_eq!(proxy.logs().matches("has mode 0640").count(), 1, "{}", proxy.logs());
    assert!(!proxy.logs().contains(THEIRS) && !proxy.logs().contains(OURS));
    is_said_usable(&proxy, false).await;
    // One that is closed to others is used at once; one that is taken away is none.
    proxy.home().write_token(NEXT);
    assert_eq!(token(&relay, &proxy).await.as_deref(), Some(NEXT));
    is_said_usable(&proxy, true).await;
    fs::remove_file(proxy.home().token_file()).unwrap();
    assert_eq!(token(&relay, &proxy).await, None);
}
