//! The relay's URL.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// The path of the endpoint on a relay of which only the origin was given (B-10).
const ENDPOINT: &str = "/api/mcp";

/// The relay's endpoint: an origin gets `/api/mcp`, a URL with a path is used as it is (B-10).
///
/// # Errors
/// A sentence that says what is wrong with it. It never shows the URL, which may hold a password.
pub fn relay_url(text: &str) -> Result<Uri, String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or("not a URL: say it as in `https://relay.example`")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return Err("its scheme must be http or https".into()),
    };
    if rest.contains('#') {
        return Err("it has a fragment (`#…`), which no server ever sees: leave it out".into());
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Uri::builder()
        .scheme(scheme)
        .authority(check_authority(authority)?)
        .path_and_query(complete(path)?)
        .build()
        .map_err(|error| format!("not a URL: {error}"))
}

fn check_authority(text: &str) -> Result<Authority, String> {
    if text.contains('@') {
        return Err(
            "it has a user or a password in it: give the relay token with --token-file or RELAY_TOKEN".into(),
        );
    }
    let authority: Authority = text.parse().map_err(|_| "its host is not one")?;
    let after_host = &text[authority.host().len()..];
    match after_host.strip_prefix(':') {
        _ if authority.host().is_empty() => Err("it has no host".into()),
        Some(port) if !port.parse().is_ok_and(|port: u16| port > 0) => {
            Err("its port is not a number from 1 to 65535".into())
        }
        Some(_) | None => Ok(authority),
    }
}

fn complete(path: &str) -> Result<PathAndQuery, String> {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let path = if matches!(path, "" | "/") { ENDPOINT } else { path };
    let illegal = |byte: u8| !byte.is_ascii_graphic();
    if path.bytes().any(illegal) || query.bytes().any(illegal) {
        return Err("its path may hold visible ASCII characters only: percent-encode the others".into());
    }
    format!("{path}{query}").parse().map_err(|error| format!("its path is not one: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_10_an_origin_gets_the_endpoints_path_and_a_url_with_a_path_is_used_as_it_is() {
        for (given, used) in [
            ("https://relay.example", "https://relay.example/api/mcp"),
            ("https://relay.example/", "https://relay.example/api/mcp"),
            ("HTTP://127.0.0.1:8080", "http://127.0.0.1:8080/api/mcp"),
            ("http://[::1]:8080", "http://[::1]:8080/api/mcp"),
            ("https://relay.example/mcp", "https://relay.example/mcp"),
            ("https://relay.example/mcp/", "https://relay.example/mcp/"),
            ("https://relay.example//", "https://relay.example//"),
            ("https://relay.example/a%20b?tenant=x@y", "https://relay.example/a%20b?tenant=x@y"),
            ("https://relay.example?tenant=x", "https://relay.example/api/mcp?tenant=x"),
            (" https://relay.example\n", "https://relay.example/api/mcp"),
        ] {
            assert_eq!(relay_url(given).map(|url| url.to_string()), Ok(used.to_owned()), "{given}");
        }
    }

    #[test]
    fn what_is_no_url_of_a_relay_is_refused_without_being_shown() {
        for (given, reason) in [
            ("", "not a URL"),
            ("relay.example", "not a URL"),
            ("ftp://hush.example", "http or https"),
            ("https://user:hush@relay.example", "a user or a password"),
            ("https://hush@relay.example/x", "a user or a password"),
            ("https://hush.example/#x", "fragment"),
            ("https://", "host"),
            ("https:///hush", "host"),
            ("https://:80", "host"),
            ("https://hush example/", "host"),
            ("https://hush.example:99999", "port"),
            ("https://hush.example:0", "port"),
            ("https://hush.example:", "port"),
            ("https://hush.example/ä", "percent-encode"),
            ("https://hush.example/a b", "percent-encode"),
        ] {
            let error = relay_url(given).unwrap_err();
            assert!(error.contains(reason), "{given}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
