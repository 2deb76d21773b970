//! Headers between HTTP and the machine: which cross is the core's rule, how is here.

use crate::token::Bearer;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use relay_mcp_core::headers::{
    Header, HeaderEdit, Name, RETRY_AFTER, concerning_answer, concerning_request, crosses_to_agent,
    crosses_to_relay,
};

/// The headers of a request of the agent that the machine is handed.
#[must_use]
pub fn of_request(headers: &HeaderMap) -> Vec<Header> {
    for_machine(headers, concerning_request)
}

/// The headers of an answer of the relay that the machine is handed.
#[must_use]
pub fn of_answer(headers: &HeaderMap) -> Vec<Header> {
    for_machine(headers, concerning_answer)
}

fn for_machine(headers: &HeaderMap, concerning: impl Fn(&str) -> Option<Name>) -> Vec<Header> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        Some(Header::new(concerning(name.as_str())?, readable(name, value)?))
    };
    headers.iter().filter_map(header).collect()
}

/// A value as the machine reads it: a date to wait for becomes seconds, since the machine knows no calendar.
fn readable(name: &HeaderName, value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    if name.as_str() != RETRY_AFTER {
        return Some(text.to_owned());
    }
    let Ok(date) = httpdate::parse_http_date(text) else { return Some(text.to_owned()) };
    let wait = date.duration_since(std::time::SystemTime::now()).unwrap_or_default();
    Some(wait.as_secs().to_string())
}

/// What goes on to the relay of a request of the agent (B-2.1), with room for what every request carries.
#[must_use]
pub fn toward_relay(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut crossing = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if crosses_to_relay(name.as_str()) && !named.contains(name) {
            crossing.append(name, value.clone());
        }
    }
    crossing
}

/// What every request to the relay carries (B-2.1, B-2.2).
pub fn sign(headers: &mut HeaderMap, token: Option<&Bearer>) {
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    match token {
        Some(token) => headers.insert(AUTHORIZATION, token.header()),
        None => headers.remove(AUTHORIZATION),
    };
}

/// Removes from an answer of the relay what does not go on to the agent (B-2.3).
pub fn strip_toward_agent(headers: &mut HeaderMap) {
    // Where both were there, the length was not what the body came by (RFC 9112, 6.3), and is another one perhaps.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    let named = named_by_connection(headers);
    let stays = |name: &&HeaderName| !crosses_to_agent(name.as_str()) || named.contains(name);
    let held_back: Vec<HeaderName> = headers.keys().filter(stays).cloned().collect();
    for name in held_back {
        headers.remove(name);
    }
}

/// The headers that `Connection` names: hop-by-hop, whatever they are (RFC 9110, 7.6.1). What it mostly names is none
/// that anybody lets cross.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    // Bytes, not text: a name counts whatever stands beside it.
    let values = headers.get_all(CONNECTION).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let names = names.map(<[u8]>::trim_ascii).filter(|name| !name.eq_ignore_ascii_case(b"keep-alive"));
    names.filter_map(|name| HeaderName::from_bytes(name).ok()).collect()
}

/// Applies the machine's changes, in order.
pub fn edit(headers: &mut HeaderMap, edits: &[HeaderEdit]) {
    for edit in edits {
        match edit {
            HeaderEdit::Set(header) => {
                if let Some((name, value)) = of_machine(header) {
                    headers.insert(name, value);
                }
            }
            HeaderEdit::Remove(name) => {
                headers.remove(&**name);
            }
        }
    }
}

/// A header of the machine's. One that is not the machine's to set is left out: credentials, the relay's name, the
/// length of a body, and what belongs to a connection.
#[must_use]
pub fn of_machine(header: &Header) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = parsed(header)?;
    let may_be_set =
        crosses_to_agent(name.as_str()) && (crosses_to_relay(name.as_str()) || name == ACCEPT_ENCODING);
    may_be_set.then_some((name, value))
}

/// A header as HTTP has it; nothing for one that HTTP cannot carry.
#[must_use]
pub fn parsed(header: &Header) -> Option<(HeaderName, HeaderValue)> {
    Some((header.name.parse().ok()?, header.value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenSource;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn b_2_1_hop_by_hop_headers_and_the_agents_credentials_stay_here() {
        let sent = map(&[
            ("authorization", "Bearer secret"),
            ("cookie", "a=b"),
            ("origin", "http://localhost"),
            ("host", "localhost"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("accept-encoding", "gzip"),
            ("x-other", "1"),
            ("accept", "application/json"),
        ]);
        let mut out = toward_relay(&sent);
        assert_eq!(out, map(&[("x-other", "1"), ("accept", "application/json")]));
        sign(&mut out, TokenSource::fixed(Some("token")).current().as_ref());
        assert_eq!(out["authorization"], "Bearer token");
        assert_eq!(out["accept-encoding"], "identity");
    }

    #[test]
    fn b_2_1_what_connection_names_stays_here_whatever_else_it_names() {
        let mut sent = map(&[("x-hop", "1"), ("x-other", "1")]);
        sent.append(CONNECTION, HeaderValue::from_bytes(b"\xff, x-hop").unwrap());
        assert_eq!(toward_relay(&sent), map(&[("x-other", "1")]));
        strip_toward_agent(&mut sent);
        assert_eq!(sent, map(&[("x-other", "1")]));
    }

    /// Whatever the machine says, natively or as a component.
    #[test]
    fn b_2_2_what_is_the_hosts_is_not_for_the_machine_to_set() {
        let header = |name: &'static str, value: &str| Header::new(name, value);
        for name in [
            "authorization",
            "Authorization",
            "host",
            "HOST",
            "cookie",
            "origin",
            "set-cookie",
            "www-authenticate",
            "content-length",
            "transfer-encoding",
            "connection",
            "proxy-authorization",
            "te",
            "upgrade",
            "expect",
            "",
            "x y",
            "x\r\nhost",
        ] {
            assert_eq!(of_machine(&header(name, "x")), None, "{name:?}");
            let mut headers = HeaderMap::new();
            edit(&mut headers, &[HeaderEdit::Set(header(name, "x"))]);
            assert!(headers.is_empty(), "{name:?}");
        }
        for value in ["a\r\nx: y", "a\nb", "\0", "\u{7f}"] {
            assert_eq!(of_machine(&header("x-other", value)), None, "{value:?}");
        }
        for name in ["mcp-session-id", "content-type", "accept", "last-event-id", "x-other", "retry-after"] {
            assert!(of_machine(&header(name, "x")).is_some(), "{name}");
        }
        // Without a token there is no authorization at all.
        let mut headers = map(&[("authorization", "Bearer forged")]);
        sign(&mut headers, None);
        assert_eq!(headers, map(&[("accept-encoding", "identity")]));
    }

    #[test]
    fn b_2_3_cookies_and_challenges_of_the_relay_stay_here() {
        let mut headers = map(&[
            ("set-cookie", "a=b"),
            ("www-authenticate", "Bearer"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("content-type", "application/json"),
        ]);
        strip_toward_agent(&mut headers);
        assert_eq!(headers, map(&[("content-type", "application/json")]));
    }

    #[test]
    fn the_machine_is_handed_what_it_decides_by() {
        let came = map(&[
            ("mcp-session-id", "s"),
            ("mcp-param-region", "r"),
            ("content-type", "application/json"),
            ("retry-after", "7"),
            ("authorization", "Bearer secret"),
            ("x-other", "x"),
        ]);
        let handed = |headers: Vec<Header>| {
            headers.into_iter().map(|header| header.name.into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(handed(of_request(&came)), ["mcp-session-id", "mcp-param-region"]);
        assert_eq!(handed(of_answer(&came)), ["mcp-session-id", "content-type", "retry-after"]);
    }

    #[test]
    fn a_date_to_wait_for_becomes_seconds() {
        let at = std::time::SystemTime::now() + std::time::Duration::from_secs(90);
        let headers = of_answer(&map(&[("retry-after", &httpdate::fmt_http_date(at))]));
        let seconds: u64 = headers[0].value.parse().unwrap();
        assert!((85..=90).contains(&seconds), "{seconds}");
    }
}
