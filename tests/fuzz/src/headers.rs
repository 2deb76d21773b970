//! Headers between agent and relay, in either direction, and the door. The input is a head as it is on the wire: a
//! request line, then one header a line.

use http::{HeaderMap, HeaderName, HeaderValue};
use relay_mcp_core::door::{Door, Knock, Secret, check_secret};
use relay_mcp_core::headers::{Header, HeaderEdit, Name, concerning_answer, concerning_request};
use relay_mcp_host_native::headers::{
    edit, of_answer, of_machine, of_request, parsed, sign, strip_toward_agent, toward_relay,
};
use relay_mcp_host_native::token::TokenSource;

/// What the agent shows at the door, and what the relay is shown.
const SECRET: &str = "the-secret-of-the-agent";
const TOKEN: &str = "the-token-of-the-relay";

/// What never reaches the relay from the agent (B-2.1, B-2.2), written down once more.
const STAYS_HERE: [&str; 15] = [
    "authorization",
    "cookie",
    "host",
    "origin",
    "accept-encoding",
    "content-length",
    "expect",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
];

/// What never reaches the agent from the relay (B-2.3).
const STAYS_THERE: [&str; 11] = [
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
];

/// Sends a head through, toward the relay and toward the agent, and knocks with it.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let lines: Vec<(&[u8], &[u8])> = lines.map(divide).take(100).collect();
    let headers: HeaderMap = lines.iter().filter_map(|(name, value)| header(name, value)).collect();
    check_toward_relay(&headers);
    check_toward_agent(&headers);
    check_for_machine(&headers, &of_request(&headers), concerning_request);
    check_for_machine(&headers, &of_answer(&headers), concerning_answer);
    for (name, value) in &lines {
        check_machines_own(&headers, &String::from_utf8_lossy(name), &String::from_utf8_lossy(value));
    }
    check_door(first, &headers);
    check_secret_opens(&headers);
}

fn divide(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let value = line.get(at + 1..).unwrap_or_default();
    (&line[..at], value.trim_ascii())
}

fn header(name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// Whether `Connection` names this header, with whatever else it names.
fn is_named(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut words =
        headers.get_all("connection").iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

fn all<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h HeaderValue> {
    headers.get_all(name).iter().collect()
}

fn check_toward_relay(headers: &HeaderMap) {
    let mut sent = toward_relay(headers);
    check_crossed(headers, &sent, &STAYS_HERE);
    assert_eq!(toward_relay(&sent), sent, "what crosses once crosses again");
    sign(&mut sent, TokenSource::fixed(Some(TOKEN)).current().as_ref());
    assert_eq!(
        all(&sent, &http::header::AUTHORIZATION),
        [&format!("Bearer {TOKEN}")],
        "B-2.2: the token, once"
    );
    assert_eq!(all(&sent, &http::header::ACCEPT_ENCODING), ["identity"], "B-2.1");
    sign(&mut sent, None);
    assert!(!sent.contains_key("authorization"), "B-2.2: no token, no authorization");
}

fn check_toward_agent(headers: &HeaderMap) {
    let mut given = headers.clone();
    strip_toward_agent(&mut given);
    // A length beside a transfer coding is not the body's (RFC 9112, 6.3).
    let is_coded = headers.contains_key("transfer-encoding");
    let length: &[&str] = if is_coded { &["content-length"] } else { &[] };
    check_crossed(headers, &given, &[&STAYS_THERE, length].concat());
}

/// What crosses is what was there, less these and what `Connection` names, in its order.
fn check_crossed(before: &HeaderMap, after: &HeaderMap, stays: &[&str]) {
    for name in before.keys() {
        let is_kept = stays.contains(&name.as_str()) || name == "transfer-encoding" || is_named(before, name);
        let crossed = all(after, name);
        let expected = if is_kept { Vec::new() } else { all(before, name) };
        assert_eq!(crossed, expected, "B-2.1, B-2.3: {name}");
    }
    assert!(after.keys().all(|name| before.contains_key(name)), "nothing is invented");
}

fn check_for_machine(headers: &HeaderMap, handed: &[Header], concerning: impl Fn(&str) -> Option<Name>) {
    for Header { name, value } in handed {
        assert!(concerning(name).is_some(), "{name}");
        let came = headers.get_all(&**name).iter().any(|came| came.as_bytes() == value.as_bytes());
        let is_wait = name == "retry-after" && value.parse::<u64>().is_ok();
        assert!(came || is_wait, "{name}: {value}");
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}

/// What the machine sets is one header with that value, or nothing where it is not the machine's to set.
fn check_machines_own(headers: &HeaderMap, name: &str, value: &str) {
    let own = Header::new(name.to_owned(), value);
    let mut edited = headers.clone();
    edit(&mut edited, &[HeaderEdit::Set(own.clone())]);
    match of_machine(&own) {
        Some((name, value)) => {
            let is_the_hosts = STAYS_HERE.contains(&name.as_str()) && name != "accept-encoding";
            assert!(!is_the_hosts && !STAYS_THERE.contains(&name.as_str()), "B-2.2: {name}");
            assert_eq!(all(&edited, &name), [&value]);
            assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0')));
            edited.remove(&name);
            let mut others = headers.clone();
            others.remove(&name);
            assert_eq!(edited, others);
        }
        None => assert_eq!(&edited, headers, "{name}: {value}"),
    }
    if let Some((as_http, _)) = parsed(&own) {
        let mut removed = headers.clone();
        edit(&mut removed, &[HeaderEdit::Remove(name.to_ascii_lowercase().into())]);
        assert!(!removed.contains_key(as_http));
    }
}

/// Whoever is let in came to the one endpoint, by a name of this machine, from a page of this machine if from any.
fn check_door(line: &[u8], headers: &HeaderMap) {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let value = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let door = Door {
        allowed_hosts: vec!["proxy.example".into()],
        allowed_origins: vec!["https://app.example".into()],
        body_limit: 1000,
    };
    let has_secret = value("authorization").is_some_and(|value| Secret::new(SECRET).opens(value));
    let length = value("content-length").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let knock = Knock {
        method,
        path,
        host: value("host"),
        origin: value("origin"),
        has_secret,
        content_encoding: value("content-encoding"),
        content_length: length,
    };
    match door.admit(&knock) {
        Ok(_) => {
            assert!(path == "/mcp" && has_secret && matches!(method, "GET" | "POST" | "DELETE"));
            assert!(is_ours(value("host").unwrap_or_default(), "proxy.example"), "B-1.3: {headers:?}");
            let origin = value("origin").map(|origin| match origin.strip_prefix(b"https://") {
                Some(host) => is_ours(host, "app.example") && !host.ends_with(b"app.example:1"),
                None => origin.strip_prefix(b"http://").is_some_and(|host| is_ours(host, "localhost")),
            });
            let is_allowed =
                value("origin").is_some_and(|origin| origin.eq_ignore_ascii_case(b"https://app.example"));
            assert!(is_allowed || origin != Some(false), "B-1.3: {headers:?}");
            assert!(length.is_none_or(|length| length <= 1000), "B-1.5");
        }
        Err(refusal) => {
            assert!((400..=503).contains(&refusal.status()));
            assert!(refusal.headers().iter().all(|header| parsed(header).is_some()));
            let body = refusal.body();
            let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
            assert!(is_json || matches!(refusal.status(), 404 | 405), "{refusal:?}");
            let told = String::from_utf8_lossy(&body);
            assert!(!told.contains(SECRET) && !told.contains(TOKEN), "B-9.6");
        }
    }
}

/// A name of this machine, or this other one, with or without a port: as `std` reads addresses.
fn is_ours(host: &[u8], other: &str) -> bool {
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    if let Ok(address) = host.parse::<std::net::SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => &host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || name == "localhost" || name == other
}

/// Only the whole secret opens; and what is no secret is said without showing it.
fn check_secret_opens(headers: &HeaderMap) {
    for value in headers.values().map(HeaderValue::as_bytes) {
        let opens = Secret::new(SECRET).opens(value);
        let text = String::from_utf8_lossy(value);
        let shown = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        assert_eq!(opens, shown.is_some_and(|(_, secret)| secret.trim_ascii() == SECRET), "B-1.3: {text:?}");
        if let Ok(secret) = check_secret(&text) {
            assert!(secret.opens(format!("Bearer {text}").as_bytes()), "a secret that is taken opens");
        }
    }
}
