//! Headers that are kept for long, apart from where they came from.

use bytes::BytesMut;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

/// Gives the values a place of their own. As they come they are parts of the buffer that the connection read them
/// into, thousands of bytes that are kept as long as one of them is.
pub(super) fn set_apart(headers: &mut HeaderMap) {
    let mut own = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| own.extend_from_slice(value.as_bytes()));
    let mut own = own.freeze();
    for value in headers.values_mut() {
        // What was a value is one.
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(own.split_to(value.len())) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
}

/// Whether these are the head of an event stream, which may last.
pub(super) fn are_of_a_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn headers_that_are_set_apart_say_the_same_and_leave_their_buffer() {
        let buffer = Bytes::from(b"onetwo".to_vec());
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_maybe_shared(buffer.slice(..3)).unwrap());
        headers.append("a", HeaderValue::from_maybe_shared(buffer.slice(3..)).unwrap());
        headers.append("b", HeaderValue::from_static(""));
        headers.get_mut("b").unwrap().set_sensitive(true);
        let before = headers.clone();
        set_apart(&mut headers);
        assert_eq!(headers, before);
        assert!(headers["b"].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }
}
