//! Percent-encoding of one path segment.

/// The text behind an encoded segment; `None` when an escape is broken or the bytes are not UTF-8.
pub(super) fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => decoded.push(hex(bytes.next()?)? << 4 | hex(bytes.next()?)?),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).ok()
}

/// The text as one segment: all but letters, digits, `-`, `_` and `~` is escaped, dots too, so that no
/// segment reads as `..`.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut segment, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => segment.push(byte.into()),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
        segment
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["mcp-relay_reply-1", "a/b?c#d%e", "ü 漢", "..", "\0\n"] {
            let segment = encode(text);
            assert!(segment.is_ascii() && !segment.contains(['/', '?', '#', '.', ' ']), "{segment}");
            assert_eq!(decode(&segment).as_deref(), Some(text));
        }
    }
}
