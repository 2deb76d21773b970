//! Text of strangers, made safe for a terminal and a log: it cannot end a line, move the cursor or turn
//! the direction of reading.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::{Map, Value};

/// The text with everything that a terminal obeys written out, such as `\n` and `\u001b`: as JSON does, so
/// that a JSON text stays one and keeps its meaning.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            obeyed if is_obeyed(obeyed) => out.push_str(&format!(r"\u{:04x}", u32::from(obeyed))),
            plain => out.push(plain),
        }
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, and the marks that turn the direction of reading.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest line, in bytes: a stranger who names a tool or a key has megabytes to do it in.
const MOST: usize = 8 << 10;

/// What a line that is longer may hold of each of its texts, in bytes: as much as makes it short enough.
const SHARES: [usize; 3] = [1 << 10, 128, 16];

/// One event as one line, without its end: escaped, and no longer than [`MOST`]. A JSON object stays one.
fn line(event: &str) -> String {
    let whole = escaped(event);
    if whole.len() <= MOST {
        return whole.into_owned();
    }
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(event) {
        let shortened = SHARES.map(|share| escaped(&to_text(shorten(object.clone(), share))).into_owned());
        if let Some(line) = shortened.into_iter().find(|line| line.len() <= MOST) {
            return line;
        }
    }
    cut(&whole, MOST - 64)
}

fn shorten(object: Map<String, Value>, most: usize) -> Map<String, Value> {
    let short = |value| match value {
        Value::String(text) => Value::String(cut(&text, most)),
        other => other,
    };
    object.into_iter().map(|(name, value)| (name, short(value))).collect()
}

fn to_text(object: Map<String, Value>) -> String {
    Value::Object(object).to_string()
}

/// So many bytes of a text, and how many there were more.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let kept = &text[..text.floor_char_boundary(most)];
    format!("{kept}… ({} bytes more)", text.len() - kept.len())
}

/// Whether an event is a line already that can be written as it is, as nearly all are: visible ASCII with its end.
fn is_one_line(event: &[u8]) -> bool {
    match event.split_last() {
        Some((b'\n', text)) => text.len() <= MOST && text.iter().all(|byte| matches!(byte, b' '..=b'~')),
        _ => false,
    }
}

/// Writes each buffer as one line. What cannot be written is dropped: a closed stderr must not stop the
/// proxy.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if is_one_line(event) {
            let _ = self.0.write_all(event);
            return Ok(event.len());
        }
        let text = String::from_utf8_lossy(event);
        let mut line = line(text.strip_suffix('\n').unwrap_or(&text));
        line.push('\n');
        let _ = self.0.write_all(line.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_8_2_a_stranger_cannot_end_a_line_or_colour_a_terminal() {
        assert_eq!(escaped("plain ü 漢"), "plain ü 漢");
        assert_eq!(escaped("a\nb\r\u{1b}[31m\u{9b}\u{7f}\u{202e}"), r"a\nb\r\u001b[31m\u009b\u007f\u202e");
    }

    #[test]
    fn b_8_2_each_event_is_one_line() {
        let mut written = Vec::new();
        OneLine(&mut written).write_all(b"first\nforged=true\n").unwrap();
        OneLine(&mut written).write_all(b"second\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "first\\nforged=true\nsecond\n");
    }

    #[test]
    fn b_8_2_a_line_is_never_longer_than_it_may_be() {
        let far = |text: &str| text.repeat(2 << 20);
        for long in ["x", "\u{202e}", "ü", "\\", "\n"] {
            let text = line(&format!("time INFO key={:?}", far(long)));
            assert!(text.len() <= MOST && text.ends_with(" bytes more)"), "{}", text.len());
            assert!(text.starts_with("time INFO key="), "{text}");
            let fields = [("level", "INFO".to_owned()), ("key", far(long)), ("tool", far(long))];
            let object: Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
            let text = line(&to_text(object));
            assert!(text.len() <= MOST, "{}", text.len());
            let object: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(object["level"], "INFO");
            assert!(object["key"].as_str().unwrap().ends_with(" bytes more)"), "{object}");
        }
        let many: Map<String, Value> = (0..2_000).map(|n| (format!("field-{n}"), Value::Null)).collect();
        assert!(line(&to_text(many)).len() <= MOST, "even where it is no JSON any more");
    }
}
