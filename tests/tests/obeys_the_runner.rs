//! What the runner can ask for, over HTTP and on the command line, and who else cannot (B-8.1, B-8.2,
//! B-10, B-11).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::{Proxy, cli};
use relay_mcp_tests::relay::tools::{HIDDEN, VISIBLE};
use relay_mcp_tests::relay::{Fault, On, Relay, Speaks};
use relay_mcp_tests::wait::until_async;
use serde_json::{Value, json};

/// A proxy with two writes in its outbox, and its relay, which is down.
async fn holding_two() -> (Relay, Proxy, Agent) {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    for key in ["k1", "k2"] {
        let arguments = json!({"text": key, "idempotencyKey": key});
        agent.tools_call("relay_reply", &arguments.to_string()).await.result();
    }
    (relay, proxy, agent)
}

/// B-8.1, B-10
#[tokio::test]
async fn the_control_socket_is_the_owners() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let socket = proxy.control().socket().expect("a unix socket unless told otherwise");
    assert_eq!(socket, proxy.home().data().join("control.sock"));
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");

    let elsewhere = proxy.home().path().join("my.sock");
    let other = Proxy::to(&relay).control(&format!("unix:{}", elsewhere.display())).start().await;
    assert_eq!(other.control().socket(), Some(elsewhere));
    assert_eq!(other.status().await["relay"]["state"], "unknown");
}

/// B-8.1, B-10: a TCP listener has a secret of its own.
#[tokio::test]
async fn a_tcp_control_listener_needs_its_own_secret() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).control("127.0.0.1:0").start().await;
    let control = proxy.control();
    let secret = control.secret();
    assert_ne!(secret, proxy.secret());
    let mode = std::fs::metadata(proxy.home().data().join("control-secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (method, path) in
        [("GET", "/v1/status"), ("GET", "/v1/outbox"), ("POST", "/v1/refresh"), ("POST", "/v1/shutdown")]
    {
        for wrong in [None, Some(proxy.secret()), Some("")] {
            assert_eq!(control.ask_with(wrong, method, path, None).await.status, 401, "{method} {path}");
        }
    }
    assert_eq!(control.ask_with(Some(&secret), "GET", "/v1/status", None).await.status, 200);
    assert_eq!(proxy.stranger(Some(&secret)).tools_list().await.status, 401, "nor does it open the door");
    assert_eq!(proxy.agent().tools_list().await.status, 200);
}

/// B-10
#[tokio::test]
async fn there_need_not_be_a_control_listener() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).control("none").start().await;
    assert_eq!(proxy.ready().control.as_deref().filter(|control| *control != "none"), None);
    assert!(!proxy.home().data().join("control.sock").exists());
    assert_eq!(proxy.agent().menu().await, VISIBLE);
}

/// B-10: one line, and nothing else, on stdout.
#[tokio::test]
async fn ready_is_one_line_of_json() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    proxy.agent().menu().await;
    proxy.terminate().await;
    let printed = proxy.printed();
    assert_eq!(printed.len(), 1, "{printed:?}");
    let ready: Value = serde_json::from_str(&printed[0]).unwrap();
    for member in ["url", "port", "secretFile", "control"] {
        assert!(ready.get(member).is_some(), "{member} in {ready}");
    }
}

/// B-10: the shape of the status, and that it knows nothing at first.
#[tokio::test]
async fn the_status_has_its_shape() {
    let relay = Relay::that().speaks(Speaks::Both).start().await;
    let proxy = Proxy::to(&relay).isolated_worktree().start().await;
    let status = proxy.status().await;
    assert!(
        status["version"]
            .as_str()
            .is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    );
    assert!(matches!(status["engine"].as_str(), Some("native" | "component")), "{status}");
    assert_eq!(status["relay"]["state"], "unknown");
    assert!(status["relay"]["url"].as_str().unwrap().starts_with(&relay.origin()));
    assert!(status["relay"]["sinceMs"].is_u64(), "{status}");
    assert!(status["relay"].get("era").is_some(), "{status}");
    let outbox = &status["outbox"];
    assert_eq!(
        (&outbox["depth"], &outbox["deadLetters"], &outbox["paused"]),
        (&json!(0), &json!(0), &json!(false))
    );
    assert_eq!((&status["streams"], &status["context"]["isolatedWorktree"]), (&json!(0), &json!(true)));
    assert_eq!(status["tools"], json!({"visible": [], "hidden": []}));
    proxy.agent().modern().discover().await.result();
    let relay = proxy.status().await["relay"].clone();
    assert_eq!((&relay["state"], &relay["era"]), (&json!("up"), &json!("modern")));
}

/// B-8.2, B-11: ready whatever the relay does.
#[tokio::test]
async fn health_and_readiness_do_not_depend_on_the_relay() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for state in ["up", "down"] {
        if state == "down" {
            relay.stop().await;
        }
        proxy.agent().call("x/y", json!({})).await;
        assert_eq!(proxy.control().ask("GET", "/healthz", None).await.status, 200);
        let ready = proxy.control().ask("GET", "/readyz", None).await;
        assert_eq!(ready.status, 200);
        assert!(ready.text().contains(state), "{}", ready.text());
    }
}

/// B-8.2, OUTBOX G16: every line is a comment or a sample.
#[tokio::test]
async fn the_metrics_are_prometheus() {
    let (_relay, proxy, agent) = holding_two().await;
    agent.menu().await;
    let answer = proxy.control().ask("GET", "/metrics", None).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
        assert!(matches!(value, Some(Ok(_))), "{line}");
        samples += 1;
    }
    assert!(samples > 5, "{text}");
    let depth =
        text.lines().find(|line| line.contains("outbox") && line.contains("depth") && !line.starts_with('#'));
    assert!(depth.is_some_and(|line| line.ends_with(" 2") || line.ends_with(" 2.0")), "{depth:?} in {text}");
}

/// B-10
#[tokio::test]
async fn unknown_paths_and_bad_bodies_are_refused() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let control = proxy.control();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/nothing"),
        ("GET", "/mcp"),
        ("GET", "/v1/outbox/no-such-key"),
        ("DELETE", "/v1/outbox/no-such-key"),
        ("POST", "/v1/outbox/no-such-key/retry"),
    ] {
        assert_eq!(control.ask(method, path, None).await.status, 404, "{method} {path}");
    }
    assert_eq!(control.ask("DELETE", "/v1/status", None).await.status, 405);
    for bad in
        [json!({"isolatedWorktree": "yes"}), json!([true]), json!("x"), json!({"isolatedWorktree": null})]
    {
        let answer = control.ask("PUT", "/v1/context", Some(bad.clone())).await;
        assert!(matches!(answer.status, 400 | 422), "{bad}: {}", answer.status);
    }
    for bad in [json!({}), json!({"token": 1}), json!("x"), json!({"token": "a\nb"})] {
        let answer = control.ask("PUT", "/v1/token", Some(bad.clone())).await;
        assert!(matches!(answer.status, 400 | 422), "{bad}: {}", answer.status);
    }
    assert_eq!(proxy.status().await["context"]["isolatedWorktree"], false);
}

/// B-10: the outbox over HTTP.
#[tokio::test]
async fn a_write_can_be_looked_at_and_discarded() {
    let (relay, proxy, _agent) = holding_two().await;
    let control = proxy.control();
    let shown = control.ask("GET", "/v1/outbox/k1", None).await;
    assert_eq!(shown.status, 200);
    assert_eq!((&shown.json()["key"], &shown.json()["tool"]), (&json!("k1"), &json!("relay_reply")));
    assert!(control.ask("DELETE", "/v1/outbox/k1", None).await.status < 300);
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["k2"]);
}

/// B-10: keys are the agent's, so they may hold anything.
#[tokio::test]
async fn a_key_with_odd_characters_can_be_named() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    let key = "a/b c?d#e%\u{e9}";
    let arguments = json!({"idempotencyKey": key}).to_string();
    proxy.agent().tools_call("relay_reply", &arguments).await.result();
    let shown = proxy.control().ask("GET", "/v1/outbox/a%2Fb%20c%3Fd%23e%25%C3%A9", None).await;
    assert_eq!((shown.status, &shown.json()["key"]), (200, &json!(key)));
    let shown = proxy.cli(&["outbox", "show", key, "--json"]).await.ok().json();
    assert_eq!(shown["key"], key);
    proxy.cli(&["outbox", "discard", key]).await.ok();
    assert_eq!(proxy.control().outbox().await.len(), 0);
}

/// B-10
#[tokio::test]
async fn the_command_line_asks_and_orders() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    assert_eq!(proxy.cli(&["refresh"]).await.code, Some(0));
    let status = proxy.cli(&["status", "--json"]).await.ok().json();
    assert_eq!(status["tools"], json!({"visible": VISIBLE, "hidden": HIDDEN}));
    let human = proxy.cli(&["status"]).await.ok().stdout;
    assert!(human.contains("up") && serde_json::from_str::<Value>(&human).is_err(), "{human}");
    for (order, wanted) in [("isolatedWorktree=true", true), ("isolatedWorktree=false", false)] {
        proxy.cli(&["context", order]).await.ok();
        assert_eq!(proxy.status().await["context"]["isolatedWorktree"], wanted);
    }
}

/// B-10
#[tokio::test]
async fn the_command_line_rules_the_outbox() {
    let (relay, proxy, _agent) = holding_two().await;
    let keys = async || {
        let list = proxy.cli(&["outbox", "list", "--json"]).await.ok().json();
        let entries = list["entries"].as_array().expect("entries").clone();
        entries.iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, ["k1", "k2"]);
    assert!(proxy.cli(&["outbox", "list"]).await.ok().stdout.contains("k1"));
    assert!(proxy.cli(&["outbox", "show", "k1"]).await.ok().stdout.contains("relay_reply"));
    proxy.cli(&["outbox", "discard", "k1"]).await.ok();
    assert_eq!(keys().await, ["k2"]);
    assert_ne!(proxy.cli(&["outbox", "show", "k1"]).await.code, Some(0), "it is gone");
    relay.next(On::Tool("relay_reply"), Fault::status(400));
    relay.start_again().await;
    proxy.dead_letters_are(1).await;
    proxy.cli(&["outbox", "retry", "k2"]).await.ok();
    relay.applied_are(1).await;
    proxy.depth_is(0).await;
    assert_eq!(keys().await, [""; 0]);
}

/// B-10: also when nobody holds the directory.
#[tokio::test]
async fn the_outbox_of_a_proxy_that_does_not_run_can_be_ruled_too() {
    let (relay, mut proxy, _agent) = holding_two().await;
    proxy.terminate().await;
    let data = proxy.home().data().display().to_string();
    let outbox = async |arguments: &[&str]| {
        let arguments = ["outbox"].iter().chain(arguments).copied();
        cli::run(arguments.chain(["--data-dir", &data])).await
    };
    let list = outbox(&["list", "--json"]).await.ok().json();
    assert_eq!(list["entries"].as_array().unwrap().len(), 2);
    assert_eq!(outbox(&["show", "k2", "--json"]).await.ok().json()["key"], "k2");
    outbox(&["discard", "k1"]).await.ok();
    proxy.restart().await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["k2"]);
}

/// B-10, B-11
#[tokio::test]
async fn the_exit_code_says_what_was_wrong() {
    let nowhere = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", nowhere.path().join("no.sock").display());
    for arguments in
        [&["status"][..], &["refresh"], &["context", "isolatedWorktree=true"], &["outbox", "list"]]
    {
        let ended = cli::run(arguments.iter().copied().chain(["--control", &socket])).await;
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for arguments in [
        &["context", "isolatedWorktree=maybe"][..],
        &["context", "isolatedWorktree"],
        &["outbox", "burn"],
        &["status", "--no-such-flag"],
        &["no-such-command"],
    ] {
        assert_eq!(proxy.cli(arguments).await.code, Some(2), "{arguments:?}");
    }
    for arguments in [["--help"], ["--version"]] {
        assert!(!cli::run(arguments).await.ok().stdout.is_empty());
    }
}

/// B-10: flag over environment over file; every flag in all three.
#[tokio::test]
async fn a_flag_beats_the_environment_and_the_environment_the_file() {
    let (a, b, c) = (Relay::start().await, Relay::start().await, Relay::start().await);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("proxy.toml");
    let text = format!(
        "relay-url = \"{}\"\ndata-dir = \"{}\"\nkeepalive = \"7s\"\nisolated-worktree = true\nmax-requests = 9\nbufferable = [\"x\"]\n",
        a.origin(),
        directory.path().join("data").display()
    );
    std::fs::write(&file, text).unwrap();
    let by_file = Proxy::to(&c).flag("--config", &file).start().await;
    let status = by_file.status().await;
    assert!(status["relay"]["url"].as_str().unwrap().starts_with(&c.origin()), "the flag wins: {status}");
    assert_eq!(status["context"]["isolatedWorktree"], true, "and the file counts");

    let ask = async |environment: &[(&str, &str)]| served_relay(&file, environment).await;
    assert_eq!(ask(&[]).await, a.origin());
    assert_eq!(ask(&[("RELAY_MCP_PROXY_RELAY_URL", &b.origin())]).await, b.origin());
}

/// The origin of the relay that `serve --config FILE` serves.
async fn served_relay(file: &std::path::Path, environment: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", directory.path().join("c").display());
    let config = file.display().to_string();
    let data = directory.path().join("data").display().to_string();
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let serving = {
        let socket = socket.clone();
        tokio::spawn(async move {
            let environment: Vec<_> =
                environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            cli::run_with(
                ["serve", "--config", &config, "--data-dir", &data, "--control", &socket],
                &environment,
            )
            .await
        })
    };
    let status = until_async("it serves", async || {
        assert!(!serving.is_finished(), "it serves with what the file and the environment say");
        let asked = cli::run(["status", "--json", "--control", &socket]).await;
        (asked.code == Some(0)).then(|| asked.json())
    })
    .await;
    serving.abort();
    drop(serving.await);
    let url = status["relay"]["url"].as_str().unwrap().to_owned();
    url.trim_end_matches("/api/mcp").trim_end_matches('/').to_owned()
}
