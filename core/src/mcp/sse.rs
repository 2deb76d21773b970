//! Server-sent events: read in any chunking, passed on byte for byte, written.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

/// The content type of an event stream.
pub const EVENT_STREAM: &str = "text/event-stream";

/// One event as it stood in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// All its bytes, with the empty line that ends it.
    pub raw: Bytes,
    /// Its `data` lines, joined with line feeds; nothing for comments and bare ids.
    pub data: Option<String>,
}

/// Cuts a stream into events. An event that is not complete yet is held; nothing is ever lost.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    held: BytesMut,
    /// How far `held` was searched for the end of an event.
    scanned: usize,
}

impl Decoder {
    /// Takes the next bytes, gives the events that are complete with them.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.held.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.end_of_event() {
            let raw = self.held.split_to(end).freeze();
            self.scanned = 0;
            events.push(Event { data: data_of(&raw), raw });
        }
        events
    }

    /// The stream has ended: a carriage return at its very end was a line end and not half of one. Gives the event
    /// that is complete with it.
    pub fn finish(&mut self) -> Option<Event> {
        let (last, before) = self.held.split_last()?;
        let is_line_empty = before.last().is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
        if *last != b'\r' || !is_line_empty {
            return None;
        }
        let raw = self.rest();
        Some(Event { data: data_of(&raw), raw })
    }

    /// How many bytes are held of an event that is not complete.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The bytes of an event that never became complete.
    pub fn rest(&mut self) -> Bytes {
        self.scanned = 0;
        self.held.split().freeze()
    }

    /// Where the first event ends: after a line end that follows a line end. A carriage return at the very
    /// end may be half of CR LF, so it waits for the next byte. No byte is looked at twice.
    fn end_of_event(&mut self) -> Option<usize> {
        loop {
            let unseen = &self.held[self.scanned..];
            let Some(ahead) = unseen.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.scanned = self.held.len();
                return None;
            };
            let at = self.scanned + ahead;
            let is_line_empty = at == 0 || matches!(self.held[at - 1], b'\n' | b'\r');
            let after = match (self.held[at], self.held.get(at + 1)) {
                (b'\r', None) => {
                    self.scanned = at;
                    return None;
                }
                (b'\r', Some(b'\n')) => at + 2,
                _ => at + 1,
            };
            if is_line_empty {
                return Some(after);
            }
            self.scanned = after;
        }
    }
}

/// The text of an event, without the mark with which a stream may begin.
fn text_of(raw: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(raw).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn data_of(raw: &[u8]) -> Option<String> {
    let mut data: Option<String> = None;
    for line in text_of(raw)?.split(['\n', '\r']) {
        let Some(value) = field(line, "data") else { continue };
        match &mut data {
            None => data = Some(value.into()),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
    }
    data
}

/// The value of a line that is this field.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some("");
    }
    let value = rest.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

impl Event {
    /// Its id, by which a broken stream goes on; one that a header cannot carry counts as none.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let id = text_of(&self.raw)?.split(['\n', '\r']).filter_map(|line| field(line, "id")).next_back()?;
        (!id.is_empty() && id.bytes().all(|byte| (0x20..0x7f).contains(&byte))).then_some(id)
    }

    /// How long the server wants a client to wait before it connects again.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        let millis =
            text_of(&self.raw)?.split(['\n', '\r']).filter_map(|line| field(line, "retry")).next_back()?;
        millis
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| millis.parse().ok().map(Duration::from_millis))?
    }

    /// The event with this data; its other fields, such as `id`, stay as they were.
    #[must_use]
    pub fn with_data(&self, data: &str) -> Bytes {
        if self.data.as_deref() == Some(data) {
            return self.raw.clone();
        }
        let text = text_of(&self.raw).unwrap_or_default();
        let mut out = String::with_capacity(text.len() + data.len());
        for line in text.split_inclusive(['\n', '\r']) {
            let bare = line.trim_end_matches(['\n', '\r']);
            // A line that begins with the mark says nothing where it stands, but would at the beginning of a stream.
            if !bare.is_empty() && !bare.starts_with('\u{feff}') && field(bare, "data").is_none() {
                out.push_str(bare);
                out.push('\n');
            }
        }
        push_data(&mut out, data);
        Bytes::from(out)
    }
}

/// An event of ours: of type `message`, without an id (B-7.1).
#[must_use]
pub fn event(data: &str) -> Bytes {
    let mut out = String::from("event: message\n");
    push_data(&mut out, data);
    Bytes::from(out)
}

/// A comment, which clients skip.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    Bytes::from(alloc::format!(": {text}\n\n"))
}

/// Any line end in `data` ends a line of the stream, so each gets a field of its own: a client joins them with line
/// feeds.
fn push_data(out: &mut String, data: &str) {
    let mut rest = Some(data);
    while let Some(data) = rest {
        let end = data.bytes().position(|byte| matches!(byte, b'\n' | b'\r'));
        out.push_str("data: ");
        out.push_str(&data[..end.unwrap_or(data.len())]);
        out.push('\n');
        rest = end.map(|at| data[at..].strip_prefix("\r\n").unwrap_or(&data[at + 1..]));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Event> {
        let mut decoder = Decoder::default();
        chunks.iter().flat_map(|chunk| decoder.feed(chunk)).collect()
    }

    #[test]
    fn data_lines_are_joined_and_other_fields_are_not_data() {
        let events = decode(&[b": hi\n\nid: 7\ndata: a\ndata:b\ndatax: c\n\ndata\n\n"]);
        let data: Vec<_> = events.iter().map(|event| event.data.as_deref()).collect();
        assert_eq!(data, [None, Some("a\nb"), Some("")]);
    }

    #[test]
    fn other_data_keeps_the_id_and_the_type() {
        let events = decode(&[b"id: 7\r\nevent: message\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n"]);
        let decoded = decode(&[&events[0].with_data("{}")]);
        assert_eq!(&decoded[0].raw[..], b"id: 7\nevent: message\ndata: {}\n\n");
    }

    #[test]
    fn a_carriage_return_at_the_end_of_the_stream_is_a_line_end() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"data: x\r\r"), []);
        assert_eq!(decoder.finish().and_then(|event| event.data).as_deref(), Some("x"));
        assert_eq!((decoder.finish(), decoder.held()), (None, 0));
        decoder.feed(b"data: x\r");
        assert_eq!((decoder.finish(), decoder.held()), (None, 8));
    }

    #[test]
    fn an_event_behind_a_byte_order_mark_is_one_as_any_other() {
        let events = decode(&["\u{feff}data: a\n\n".as_bytes(), b"\xef\xbb\xbfid: 7\n\n"]);
        assert_eq!(&events[0].with_data("b")[..], b"data: b\n\n");
        let later = decode(&["data: a\n\u{feff}data: b\n\n".as_bytes()]);
        assert_eq!(
            (later[0].data.as_deref(), &later[0].with_data("c")[..]),
            (Some("a"), &b"data: c\n\n"[..])
        );
        assert_eq!((events[0].data.as_deref(), events[1].id()), (Some("a"), Some("7")));
    }

    #[test]
    fn data_of_several_lines_is_written_whole_however_they_end() {
        let written = event("{\r\"a\":1,\r\n\"b\":\n2}\r");
        let decoded = decode(&[&written]);
        assert_eq!(decoded.len(), 1);
        assert_eq!(decoded[0].data.as_deref(), Some("{\n\"a\":1,\n\"b\":\n2}\n"));
        let written = event("ü\n\r\r\r\né");
        assert_eq!(written, "event: message\ndata: ü\ndata: \ndata: \ndata: \ndata: é\n\n");
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            pieces in prop::collection::vec(prop::sample::select(alloc::vec!["data: x", ":c", "id: 1", "\n", "\r", "\r\n", "\n\n", "é"]), 0..40),
            cut in 1usize..7,
        ) {
            let text = pieces.concat();
            let mut whole = Decoder::default();
            let mut events = whole.feed(text.as_bytes());
            let mut cut_up = Decoder::default();
            let cut_events: Vec<_> = text.as_bytes().chunks(cut).flat_map(|chunk| cut_up.feed(chunk)).collect();
            prop_assert_eq!(&events, &cut_events);
            let passed: Vec<u8> = events.drain(..).flat_map(|event| event.raw).chain(whole.rest()).collect();
            prop_assert_eq!(passed, text.as_bytes());
        }
    }
}
