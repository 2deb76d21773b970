//! The door (B-1): only the agent comes in, and only with what the door can take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::agent::{Answer, Ask, Raw};
use relay_mcp_tests::proxy::{Home, Proxy};
use relay_mcp_tests::relay::{Fault, On, Relay};
use relay_mcp_tests::wait::until_true;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A POST of a ping with everything right.
fn good(proxy: &Proxy) -> Ask {
    proxy.agent().post(PING)
}

fn assert_refused(answer: &Answer, status: u16, code: i64) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let message = answer.json();
    assert_eq!(message["error"]["code"], code, "{message}");
    assert!(message["id"].is_null(), "no id, or null: {message}");
    assert_ne!(message["error"]["message"], "", "a sentence: {message}");
}

/// B-1.1
#[tokio::test]
async fn there_is_one_endpoint() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    assert!(proxy.ready().url.ends_with("/mcp"));
    for target in ["/", "/mcp/", "/mcp/x", "/MCP", "/api/mcp", "/healthz", "/metrics", "/v1/status", "//mcp"]
    {
        assert_eq!(good(&proxy).target(target).send().await.status, 404, "{target}");
    }
    assert_eq!(good(&proxy).send().await.status, 200);
    assert_eq!(relay.requests().len(), 1, "only the last one reached the relay");
}

/// B-1.1
#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for method in ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"] {
        let answer = proxy.agent().ask(method).send().await;
        assert_eq!(answer.status, 405, "{method}");
        let allow = answer.header("allow").expect("an Allow header").to_owned();
        for known in ["GET", "POST", "DELETE"] {
            assert!(allow.contains(known), "{method}: {allow}");
        }
    }
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.2
#[tokio::test]
async fn it_binds_a_loopback_address_and_a_free_port() {
    let relay = Relay::start().await;
    let one = Proxy::to(&relay).start().await;
    let other = Proxy::to(&relay).start().await;
    for proxy in [&one, &other] {
        assert_eq!(proxy.ready().url, format!("http://127.0.0.1:{}/mcp", proxy.ready().port));
    }
    assert_ne!(one.ready().port, other.ready().port);
}

/// B-1.2
#[tokio::test]
async fn an_address_that_is_not_loopback_needs_a_flag() {
    let relay = Relay::start().await;
    let refused = Proxy::to(&relay).listen("0.0.0.0:0").fail().await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--allow-remote"), "{}", refused.stderr);
    let proxy = Proxy::to(&relay).listen("0.0.0.0:0").argument("--allow-remote").start().await;
    let address = format!("127.0.0.1:{}", proxy.ready().port);
    let secret = format!("Bearer {}", proxy.secret());
    let ask = Ask::new("POST", &address, "/mcp").header("authorization", &secret).body(PING);
    assert_eq!(ask.send().await.status, 200);
}

/// B-1.3: each check comes before those that follow it in the rule.
#[tokio::test]
async fn the_checks_are_made_in_order() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let all_wrong = || {
        let ask = proxy.stranger(None).post("not json").set("host", "evil.example");
        ask.header("origin", "http://evil.example")
    };
    assert_eq!(all_wrong().target("/other").send().await.status, 404);
    assert_eq!(all_wrong().send().await.status, 403);
    let host_right = || all_wrong().set("host", "localhost");
    assert_eq!(host_right().send().await.status, 403);
    let origin_right = || host_right().without("origin");
    assert_refused(&origin_right().send().await, 401, -32001);
    let secret = format!("Bearer {}", proxy.secret());
    assert_refused(&origin_right().header("authorization", &secret).send().await, 400, -32700);
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.3: clients look there for OAuth; nothing may make them start it.
#[tokio::test]
async fn well_known_paths_are_plainly_not_there() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for target in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/mcp",
    ] {
        let answer = proxy.stranger(None).ask("GET").target(target).send().await;
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.header("www-authenticate"), None, "{target}");
    }
}

/// B-1.3
#[tokio::test]
async fn only_loopback_and_configured_hosts_are_served() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--allow-host", "proxy.example").start().await;
    for host in ["localhost", "LocalHost:1", "127.0.0.1", "[::1]:80", "proxy.example", "proxy.example:99"] {
        assert_eq!(good(&proxy).set("host", host).send().await.status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0"] {
        assert_eq!(good(&proxy).set("host", host).send().await.status, 403, "{host}");
    }
}

/// B-1.3: a request of HTTP/1.1 without `Host` names no loopback name.
#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    let secret = proxy.secret();
    raw.send(format!(
        "POST /mcp HTTP/1.1\r\nauthorization: Bearer {secret}\r\ncontent-length: {}\r\n\r\n{PING}",
        PING.len()
    ))
    .await;
    let status = status_of(&raw.answer().await);
    assert!(matches!(status, Some(400 | 403)), "{status:?}");
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.3
#[tokio::test]
async fn only_loopback_and_configured_origins_may_call() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--allow-origin", "https://app.example").start().await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:1", "https://localhost", "https://app.example"]
    {
        assert_eq!(good(&proxy).header("origin", origin).send().await.status, 200, "{origin}");
    }
    for origin in ["null", "http://evil.example", "http://localhost.evil.example", "https://app.example.evil"]
    {
        assert_eq!(good(&proxy).header("origin", origin).send().await.status, 403, "{origin}");
    }
}

/// B-1.3
#[tokio::test]
async fn only_the_whole_secret_opens() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let secret = proxy.secret().to_owned();
    let with = |value: String| good(&proxy).set("authorization", &value).send();
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        secret.clone(),
        format!("Basic {secret}"),
        format!("Bearer {}", &secret[1..]),
        format!("Bearer {}", &secret[..secret.len() - 1]),
        format!("Bearer {secret}x"),
    ] {
        let answer = with(wrong.clone()).await;
        assert_refused(&answer, 401, -32001);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{wrong}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("proxy auth required"));
    }
    assert_eq!(relay.requests().len(), 0);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert_eq!(with(format!("{scheme} {secret}")).await.status, 200, "{scheme}");
    }
}

/// B-1.3: GET and DELETE are no back doors.
#[tokio::test]
async fn every_method_needs_the_secret() {
    let relay = Relay::that().keeps_sessions().streams().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    let stranger = proxy.stranger(None);
    stranger.set_session(agent.session());
    for method in ["GET", "POST", "DELETE"] {
        let answer = stranger.ask(method).header("accept", "text/event-stream").send().await;
        assert_eq!(answer.status, 401, "{method}");
    }
    assert_eq!(agent.tools_list().await.status, 200, "the session is still there");
}

/// B-1.3: a refusal does not wait for the body.
#[tokio::test]
async fn a_stranger_is_refused_before_any_body_is_read() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for (head, status) in [
        ("POST /other HTTP/1.1\r\nhost: localhost", 404),
        ("POST /mcp HTTP/1.1\r\nhost: evil.example", 403),
        ("POST /mcp HTTP/1.1\r\nhost: localhost\r\norigin: null", 403),
        ("POST /mcp HTTP/1.1\r\nhost: localhost", 401),
    ] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(format!("{head}\r\ncontent-length: 1000000\r\n\r\n{{")).await;
        assert_eq!(status_of(&raw.answer().await), Some(status), "{head}");
    }
}

/// B-1.4
#[tokio::test]
async fn the_secret_is_random_and_only_its_owner_can_read_it() {
    let relay = Relay::start().await;
    let one = Proxy::to(&relay).start().await;
    let other = Proxy::to(&relay).start().await;
    assert_ne!(one.secret(), other.secret());
    assert!(one.secret().len() >= 22, "at least 128 bits in any usual spelling");
    let file = one.ready().secret_file.clone().unwrap();
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!one.printed().concat().contains(one.secret()));
    assert!(!one.logs().contains(one.secret()));
}

/// B-1.4, B-10: an agent that was given the secret keeps it over a restart.
#[tokio::test]
async fn a_secret_file_is_made_once() {
    let relay = Relay::start().await;
    let mut proxy = Proxy::to(&relay).start().await;
    let secret = proxy.secret().to_owned();
    proxy.restart().await;
    assert_eq!(proxy.secret(), secret);

    let home = Home::new();
    let file = home.path().join("my-secret");
    std::fs::write(&file, "the-secret-of-my-own-agent-0123456789\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let proxy = Proxy::to(&relay).flag("--secret-file", &file).start().await;
    assert_eq!(proxy.ready().secret_file.as_deref(), Some(file.as_path()));
    let agent = proxy.stranger(Some("the-secret-of-my-own-agent-0123456789"));
    assert_eq!(agent.post(PING).send().await.status, 200);
}

/// B-1.4
#[tokio::test]
async fn the_secret_may_come_from_the_environment_but_not_from_argv() {
    let relay = Relay::start().await;
    let secret = "the-secret-from-the-environment-0123456789";
    let proxy = Proxy::to(&relay).env("RELAY_MCP_PROXY_SECRET", secret).start().await;
    assert_eq!(proxy.stranger(Some(secret)).post(PING).send().await.status, 200);
    assert_eq!(proxy.stranger(Some("another")).post(PING).send().await.status, 401);
    assert!(!proxy.logs().contains(secret));
    let refused = Proxy::to(&relay).flag("--secret", secret).fail().await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

/// B-1.5
#[tokio::test]
async fn what_is_not_json_is_a_parse_error() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for body in [
        &b""[..],
        b" ",
        b"{",
        b"not json",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} x",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\xffng\"}",
        b"\xff\xfe{}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\nb\"}",
    ] {
        let answer = proxy.agent().post(body).send().await;
        assert_refused(&answer, 400, -32700);
    }
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.5: batches too.
#[tokio::test]
async fn what_is_not_an_object_is_an_invalid_request() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let batch = format!("[{PING},{PING}]");
    for body in ["[]", &batch, "\"ping\"", "1", "true", "null", " [1] "] {
        assert_refused(&proxy.agent().post(body.to_owned()).send().await, 400, -32600);
    }
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.6
#[tokio::test]
async fn delete_ends_the_session_here_and_at_the_relay() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    assert_eq!(relay.sessions().len(), 1);
    let answer = agent.ask("DELETE").send().await;
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    until_true("the relay's session is ended", || relay.sessions().is_empty()).await;
    assert_eq!(agent.tools_list().await.status, 404, "its id is gone");
    let twice = agent.ask("DELETE").send().await.status;
    assert!(matches!(twice, 204 | 404), "ending it twice does no harm: {twice}");
}

/// B-1.6: best effort.
#[tokio::test]
async fn delete_is_answered_whatever_the_relay_does() {
    let relay = Relay::that().keeps_sessions().start().await;
    let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
    assert_eq!(proxy.agent().ask("DELETE").send().await.status, 204, "there is no session");
    let agent = proxy.agent();
    for fault in [Fault::status(500), Fault::status(405), Fault::Reset, Fault::Hang] {
        agent.greet().await;
        relay.next(On::Http("DELETE"), fault.clone());
        assert_eq!(agent.ask("DELETE").send().await.status, 204, "{fault:?}");
    }
    agent.greet().await;
    relay.stop().await;
    assert_eq!(agent.ask("DELETE").send().await.status, 204);
}
