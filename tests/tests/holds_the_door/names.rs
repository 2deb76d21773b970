//! Paths and hosts that are nearly ours (B-1.1, B-1.3): what is not the very name is another one.

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;

use crate::wire::{ASK, WireRelay, head};

async fn status(proxy: &Proxy, request: String) -> u16 {
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(request).await;
    let said = raw.answer().await;
    status_of(&said).unwrap_or_else(|| panic!("no answer: {said:?}"))
}

fn request(proxy: &Proxy) -> String {
    head(proxy, &format!("content-length: {}\r\n", ASK.len())) + ASK
}

async fn at(proxy: &Proxy, target: &str) -> u16 {
    status(proxy, request(proxy).replacen("/mcp", target, 1)).await
}

async fn to(proxy: &Proxy, host: &str) -> u16 {
    status(proxy, request(proxy).replacen("host: localhost", &format!("host: {host}"), 1)).await
}

#[tokio::test]
async fn nearly_the_path_is_another_path() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for target in [
        "/mcp/../mcp",
        "/./mcp",
        "/mcp/.",
        "/mcp/",
        "//mcp",
        "///mcp",
        "/%6dcp",
        "/%6d%63%70",
        "/mcp%00",
        "/mcp%20",
        "/mcp%2f",
        "/mcp%3fx",
        "/mcp;x=1",
        "/mcp,",
        "/mcp\\",
        "/MCP",
        "/mcp.json",
        "/api/mcp",
        "//localhost/mcp",
        "*",
        "http://localhost",
        "http://localhost/",
        "http://localhost/mcp/",
        "http://localhost//mcp",
        "/?/mcp",
        "/#/mcp",
    ] {
        assert_eq!(at(&proxy, target).await, 404, "{target}");
    }
    // What no target may hold.
    for target in ["/mcp x", "/mcp\tx", "/mcp\u{1}", "\\mcp", "/mcp?a=\u{7f}"] {
        assert_eq!(at(&proxy, target).await, 400, "{target:?}");
    }
    assert_eq!(relay.requests().len(), 0);
}

/// What the agent asks for is a query at most: it does not choose the relay's path.
#[tokio::test]
async fn a_target_leads_to_the_relays_endpoint_only() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    for (target, asked) in [
        ("/mcp?", "/api/mcp?"),
        ("/mcp?/../admin", "/api/mcp?/../admin"),
        ("/mcp?http://evil.example/", "/api/mcp?http://evil.example/"),
        ("/mcp?a=%0d%0ahost:%20evil", "/api/mcp?a=%0d%0ahost:%20evil"),
        ("/mcp#/../admin", "/api/mcp"),
        ("/mcp?a#b", "/api/mcp?a"),
        ("http://localhost/mcp?a", "/api/mcp?a"),
    ] {
        assert_eq!(at(&proxy, target).await, 200, "{target}");
        let seen = relay.take_seen();
        assert_eq!(seen.len(), 1, "{target}");
        assert_eq!(
            seen[0].head.split("\r\n").next(),
            Some(format!("POST {asked} HTTP/1.1").as_str()),
            "{target}"
        );
        assert!(!seen[0].head.contains("localhost"), "{target}: {}", seen[0].head);
    }
}

#[tokio::test]
async fn nearly_the_host_is_another_host() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--allow-host", "proxy.example").start().await;
    for host in [
        "",
        "evil.example",
        "localhost.",
        "localhost.evil.example",
        "evil.example.localhost",
        "xlocalhost",
        "localhost:",
        "localhost:x",
        "localhost:80:80",
        "localhost:80@evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/",
        "localhost#",
        "localhost?",
        "localhost, evil.example",
        "localhost localhost",
        "127.1",
        "127.0.0.01",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "2130706433",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "127.0.0.1.nip.io",
        "128.0.0.1",
        "[::]",
        "::1",
        "[::1",
        "::1]",
        "[::ffff:127.0.0.1]",
        "[::1%25lo]",
        "[::1]x",
        "loc\u{e4}lhost",
        "\u{ff4c}ocalhost",
        "x.proxy.example",
        "proxy.example.",
        "proxy.example.evil.example",
        "http://localhost",
    ] {
        assert_eq!(to(&proxy, host).await, 403, "{host:?}");
    }
    // Two names are no name.
    let two = request(&proxy).replacen("host: localhost", "host: localhost\r\nhost: localhost", 1);
    assert_eq!(status(&proxy, two).await, 403);
    for (target, host) in [
        ("http://evil.example/mcp", "localhost"),
        ("http://localhost/mcp", "evil.example"),
        ("http://localhost/mcp", "127.0.0.1"),
        ("http://user@localhost/mcp", "localhost"),
        ("http://user@localhost/mcp", "user@localhost"),
        ("http://localhost:80@evil.example/mcp", "localhost"),
    ] {
        let both = request(&proxy).replacen("/mcp", target, 1).replacen(
            "host: localhost",
            &format!("host: {host}"),
            1,
        );
        assert_eq!(status(&proxy, both).await, 403, "{target} to {host}");
    }
    // The path comes first, also where the names differ (B-1.3).
    assert_eq!(at(&proxy, "http://evil.example/other").await, 404);
    assert_eq!(relay.requests().len(), 0);
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:65535",
        "127.255.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]:1",
        "PROXY.example:2",
    ] {
        assert_eq!(to(&proxy, host).await, 200, "{host:?}");
    }
}

/// Headers that other servers take for a host, a path, a method or an address are nobody's here.
#[tokio::test]
async fn no_other_header_opens_the_door() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let spoofs = "x-forwarded-host: localhost\r\nforwarded: host=localhost;for=127.0.0.1\r\nx-forwarded-for: 127.0.0.1\r\n\
                  x-original-url: /mcp\r\nx-rewrite-url: /mcp\r\nx-http-method-override: POST\r\nx-real-ip: 127.0.0.1\r\n";
    let with = |request: String| request.replacen("host: ", &format!("{spoofs}host: "), 1);
    let foreign = request(&proxy).replacen("host: localhost", "host: evil.example", 1);
    assert_eq!(status(&proxy, with(foreign)).await, 403);
    assert_eq!(status(&proxy, with(request(&proxy).replacen("/mcp", "/other", 1))).await, 404);
    assert_eq!(status(&proxy, with(request(&proxy).replacen("POST", "PUT", 1))).await, 405);
    let secret = proxy.secret().to_owned();
    for elsewhere in [
        format!("proxy-authorization: Bearer {secret}"),
        format!("x-authorization: Bearer {secret}"),
        format!("cookie: authorization=Bearer {secret}"),
        format!("authorization: Basic {secret}"),
        format!("authorization: Bearer Bearer {secret}"),
        format!("authorization: Bearer {secret}, Bearer {secret}"),
        format!("authorization: Bearer \"{secret}\""),
        format!("authorization: Bearer\t{secret}"),
        format!("authorization: Bearer {}", secret.to_uppercase()),
    ] {
        let request = request(&proxy).replacen(&format!("authorization: Bearer {secret}"), &elsewhere, 1);
        assert_eq!(status(&proxy, request).await, 401, "{elsewhere}");
    }
    let in_the_query = request(&proxy)
        .replacen("/mcp", &format!("/mcp?token={secret}&access_token={secret}"), 1)
        .replacen("authorization:", "x-nothing:", 1);
    assert_eq!(status(&proxy, in_the_query).await, 401);
    assert_eq!(relay.requests().len(), 0);
}
