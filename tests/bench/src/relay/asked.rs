//! What a request asks for, as far as the relay has to know.

/// The members of a request that choose its answer, as they are in its first bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    /// As it was sent; none in a notification.
    pub(super) id: Option<&'a str>,
    pub(super) method: &'a str,
    /// The tool that is called.
    pub(super) tool: &'a str,
    /// Which write it is.
    pub(super) number: Option<u64>,
}

impl<'a> Asked<'a> {
    /// Looks for the members from the beginning on, so `method` and `name` must come before any text of the user's. That
    /// is how the benchmark writes its requests, and proxies pass them on.
    pub(super) fn read(body: &'a [u8]) -> Self {
        let text = match std::str::from_utf8(body) {
            Ok(text) => text,
            // Cut off in the middle of a character.
            Err(error) => std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or(""),
        };
        let number = after(text, "\"number\":").map(digits);
        Self {
            id: after(text, "\"id\":").map(value),
            method: after(text, "\"method\":").map_or("", string),
            tool: after(text, "\"name\":").map_or("", string),
            number: number.and_then(|digits| digits.parse().ok()),
        }
    }
}

fn after<'a>(text: &'a str, member: &str) -> Option<&'a str> {
    Some(text.split_once(member)?.1.trim_start())
}

fn string(rest: &str) -> &str {
    rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map_or("", |(string, _)| string)
}

fn digits(rest: &str) -> &str {
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    &rest[..end]
}

/// A string with its quotes, or a number.
fn value(rest: &str) -> &str {
    match rest.strip_prefix('"').and_then(|inner| inner.find('"')) {
        Some(end) => &rest[..end + 2],
        None => {
            let end = rest.find([',', '}', ' ', '\n']).unwrap_or(rest.len());
            &rest[..end]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp;

    #[test]
    fn a_write_tells_its_tool_its_number_and_its_id() {
        let body = mcp::write("77");
        let asked = Asked::read(body.as_bytes());
        let expected = Asked { id: Some("77"), method: "tools/call", tool: mcp::WRITE, number: Some(77) };
        assert_eq!(asked, expected);
    }

    #[test]
    fn an_id_may_be_text_or_absent() {
        assert_eq!(Asked::read(br#"{"id": "a,b","method":"ping"}"#).id, Some("\"a,b\""));
        assert_eq!(Asked::read(br#"{"method":"notifications/initialized"}"#).id, None);
        assert_eq!(Asked::read(br#"{"method":"ping","id":5}"#).id, Some("5"));
    }
}
