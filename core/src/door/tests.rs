use super::*;

fn door() -> Door {
    Door {
        allowed_hosts: alloc::vec!["proxy.example".into()],
        allowed_origins: alloc::vec!["https://app.example".into()],
        body_limit: 100,
    }
}

fn knock() -> Knock<'static> {
    Knock {
        method: "POST",
        path: "/mcp",
        host: Some(b"127.0.0.1:4000"),
        origin: None,
        has_secret: true,
        content_encoding: None,
        content_length: Some(100),
    }
}

#[test]
fn b_1_3_checks_in_order_path_host_origin_secret_method() {
    let bad =
        Knock { method: "PUT", path: "/x", host: None, origin: Some(b"null"), has_secret: false, ..knock() };
    assert_eq!(door().admit(&bad), Err(Refusal::UnknownPath));
    let bad = Knock { path: "/mcp", ..bad };
    assert_eq!(door().admit(&bad), Err(Refusal::ForeignHost));
    let bad = Knock { host: Some(b"localhost"), ..bad };
    assert_eq!(door().admit(&bad), Err(Refusal::ForeignOrigin));
    let bad = Knock { origin: Some(b"http://[::1]:3000"), ..bad };
    assert_eq!(door().admit(&bad), Err(Refusal::Unauthorized));
    let bad = Knock { has_secret: true, ..bad };
    assert_eq!(door().admit(&bad), Err(Refusal::UnknownMethod));
    assert_eq!(door().admit(&Knock { method: "GET", ..bad }), Ok(Method::Get));
}

#[test]
fn b_1_3_only_loopback_and_configured_hosts_are_served() {
    for host in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:1",
        "127.8.9.10",
        "[::1]:4000",
        "proxy.example:1",
        "Proxy.Example",
    ] {
        assert!(door().admit(&Knock { host: Some(host.as_bytes()), ..knock() }).is_ok(), "{host}");
    }
    for host in [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1, localhost",
        "::1",
        "0.0.0.0",
        "[::1",
        "localhost:80:80",
        "127.1",
    ] {
        let refused = door().admit(&Knock { host: Some(host.as_bytes()), ..knock() });
        assert_eq!(refused, Err(Refusal::ForeignHost), "{host}");
    }
}

#[test]
fn b_1_3_only_loopback_and_configured_origins_may_call() {
    for origin in ["http://localhost:3000", "https://127.0.0.1", "https://app.example"] {
        assert!(door().admit(&Knock { origin: Some(origin.as_bytes()), ..knock() }).is_ok(), "{origin}");
    }
    for origin in [
        "null",
        "http://evil.example",
        "ftp://localhost",
        "http://localhost@evil.example",
        "localhost",
        "https://app.example.evil",
    ] {
        let refused = door().admit(&Knock { origin: Some(origin.as_bytes()), ..knock() });
        assert_eq!(refused, Err(Refusal::ForeignOrigin), "{origin}");
    }
}

#[test]
fn b_1_3_only_the_whole_secret_as_a_bearer_opens() {
    let secret = Secret::new("the-secret-of-the-agent");
    assert!(secret.opens(b"Bearer the-secret-of-the-agent"));
    assert!(secret.opens(b"bEARER the-secret-of-the-agent"));
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer the-secret",
        "Basic the-secret-of-the-agent",
        "the-secret-of-the-agent",
        "Bearer the-secret-of-the-agentx",
        "Bearer the-secret-of-the-agent\0",
        "Bearer the-secret-of-the-agentthe-secret-of-the-agent",
    ] {
        assert!(!secret.opens(value.as_bytes()), "{value}");
    }
    for at in 0..23 {
        let mut value = *b"Bearer the-secret-of-the-agent";
        value["Bearer ".len() + at] ^= 1;
        assert!(!secret.opens(&value), "another byte {at}");
    }
}

#[test]
fn b_1_5_a_body_over_the_limit_is_refused_by_its_announced_length() {
    let refused = door().admit(&Knock { content_length: Some(101), ..knock() });
    assert_eq!(refused, Err(Refusal::BodyTooLarge { limit: 100 }));
}

#[test]
fn b_9_6_a_secret_is_not_shown() {
    assert_eq!(format!("{:?}", Secret::new("the-secret-of-the-agent")), "Secret(…)");
}
