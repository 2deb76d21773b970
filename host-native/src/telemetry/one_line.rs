//! Text of strangers, made safe for a terminal and a log: it cannot end a line, move the cursor or turn
//! the direction of reading.

use std::borrow::Cow;
use std::io::{self, Write};

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
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes each buffer as one line. What cannot be written is dropped: a closed stderr must not stop the
/// proxy.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = escaped(text.strip_suffix('\n').unwrap_or(&text)).into_owned();
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
}
