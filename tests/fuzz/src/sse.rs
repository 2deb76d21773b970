//! Event streams. The first line says how the rest is cut into chunks; another reading of the same rules, line by line,
//! is the other opinion.

use relay_mcp_core::mcp::sse::{Decoder, Event, comment, event};

/// Decodes a stream, whole and in pieces, and writes its events with other data.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (cuts, stream) = (&bytes[..at], &bytes[(at + 1).min(bytes.len())..]);
    let (events, rest) = decode(&[stream]);
    let (cut_up, rest_of_pieces) = decode(&pieces(stream, cuts));
    assert!(events == cut_up && rest == rest_of_pieces, "any chunking gives the same events");
    let passed: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).chain(rest.clone()).collect();
    assert_eq!(passed, stream, "every byte is passed on");
    check_ends(&events, &rest);
    for event in &events {
        check_fields(event);
        for data in ["{\"a\":\n1}", "", "{\r \"b\":\r\n2}\n"].into_iter().chain(event.data.as_deref()) {
            check_written(event, data);
        }
    }
    if let Ok(text) = core::str::from_utf8(stream) {
        check_own(text);
    }
}

fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>) {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    let (mut fed, mut given) = (0, 0);
    for piece in pieces {
        let new = decoder.feed(piece);
        fed += piece.len();
        given += new.iter().map(|event| event.raw.len()).sum::<usize>();
        assert_eq!(decoder.held(), fed - given, "B-9.8: it holds what is not complete, and no more");
        events.extend(new);
    }
    events.extend(decoder.finish());
    let rest = decoder.rest().to_vec();
    assert_eq!(decoder.held(), 0);
    (events, rest)
}

/// Each byte of `cuts` is the length of a piece; an empty piece is one too.
fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = stream.split_at(stream.len().min(usize::from(*cut)));
        pieces.push(piece);
        stream = rest;
    }
    pieces.extend(stream.chunks(if cuts.len().is_multiple_of(2) { usize::MAX } else { 1 }));
    pieces
}

/// An event ends with its first empty line, and nowhere else.
fn check_ends(events: &[Event], rest: &[u8]) {
    for event in events {
        let lines = lines(&event.raw);
        let (last, others) = lines.split_last().expect("an event has a line");
        assert!(last.is_empty() && others.iter().all(|line| !line.is_empty()), "one empty line: {event:?}");
    }
    let complete = lines(&rest[..rest.iter().rposition(|byte| is_end(*byte)).map_or(0, |at| at + 1)]);
    assert!(complete.iter().all(|line| !line.is_empty()), "an event that is complete is not held: {rest:?}");
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The lines of a text that ends with the end of one (WHATWG, 9.2.6).
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        if is_end(bytes[at]) {
            lines.push(&bytes[start..at]);
            at += usize::from(bytes[at..].starts_with(b"\r\n"));
            start = at + 1;
        }
        at += 1;
    }
    lines
}

/// The values that a field has in an event (WHATWG, 9.2.6).
fn values(event: &Event, name: &str) -> Vec<String> {
    let Ok(text) = core::str::from_utf8(&event.raw) else { return Vec::new() };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = Vec::new();
    for line in lines(text.as_bytes()) {
        let line = core::str::from_utf8(line).expect("a line of a text is one");
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == name {
            values.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        }
    }
    values
}

fn check_fields(event: &Event) {
    let data = values(event, "data");
    let expected = (!data.is_empty()).then(|| data.join("\n"));
    assert_eq!(event.data, expected, "the data of {event:?}");
    let id = values(event, "id")
        .pop()
        .filter(|id| !id.is_empty() && id.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    assert_eq!(event.id(), id.as_deref(), "the id of {event:?}");
    let retry = values(event, "retry").pop().filter(|retry| retry.bytes().all(|byte| byte.is_ascii_digit()));
    let retry = retry.and_then(|retry| retry.parse::<u64>().ok());
    assert_eq!(event.retry().map(|retry| retry.as_millis() as u64), retry, "the wait of {event:?}");
}

/// With other data it is one event with that data, and all else as it was.
fn check_written(event: &Event, data: &str) {
    if core::str::from_utf8(&event.raw).is_err() {
        return;
    }
    let written = only(&event.with_data(data));
    assert_eq!(written.data.as_deref(), Some(as_lines(data).as_str()), "{event:?} with {data:?}");
    assert_eq!((written.id(), written.retry()), (event.id(), event.retry()));
    assert_eq!(values(&written, "event"), values(event, "event"));
}

/// What we write ourselves is one event.
fn check_own(text: &str) {
    let own = only(&event(text));
    assert_eq!((own.data.as_deref(), own.id()), (Some(as_lines(text).as_str()), None));
    if !text.contains(['\n', '\r']) {
        assert_eq!(only(&comment(text)).data, None);
    }
}

fn only(bytes: &[u8]) -> Event {
    let (mut events, rest) = decode(&[bytes]);
    assert!(events.len() == 1 && rest.is_empty(), "one event: {:?}", core::str::from_utf8(bytes));
    events.remove(0)
}

/// The text as a stream can carry it: its lines are the same, however they end. JSON has no other line ends than
/// those that are white space in it.
fn as_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
