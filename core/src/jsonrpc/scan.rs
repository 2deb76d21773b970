//! A walk through JSON that was found to be valid before: for what stands inside of what was read, which need not be
//! judged again. It ends with nothing where the text is not valid after all.

/// Where in a text the walk is.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Takes a byte, and the space around it, if it is the next one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.next() == Some(byte);
        if is_next {
            self.at += 1;
            self.skip_space();
        }
        is_next
    }

    /// Takes a value, and the space around it; its text.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        match self.next()? {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            _ => self.skip_word(),
        }
        let value = self.text.get(start..self.at).filter(|value| !value.is_empty());
        self.skip_space();
        value
    }

    /// The text has come to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.next() {
            self.at += 1;
        }
    }

    /// A number, or one of the three words.
    fn skip_word(&mut self) {
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t');
        self.at += self.rest().iter().position(is_end).unwrap_or(self.rest().len());
    }

    fn skip_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += quote_or_backslash(self.rest())?;
            if self.next() == Some(b'"') {
                self.at += 1;
                return Some(());
            }
            self.at += 2;
        }
    }

    /// An object or a list, however deep.
    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Where a string may end: eight bytes at a time, since texts are long. More at once would not pay where a text has
/// something escaped in each line.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ repeated(b'"')) | zeros(word ^ repeated(b'\\'));
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(words.len() * 8 + found)
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte that is zero, true for the first of them.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_one_by_one() {
        let mut scan = Scan::new(" [ 1.5e3 , \"a\\\"]\\\\\" ,{\"x\":[{}]}, null ] ");
        assert!(scan.take(b'['));
        for value in ["1.5e3", r#""a\"]\\""#, r#"{"x":[{}]}"#, "null"] {
            assert_eq!(scan.value(), Some(value));
            assert_eq!(scan.take(b','), value != "null");
        }
        assert!(scan.take(b']') && scan.is_at_end());
    }

    #[test]
    fn the_end_of_a_string_is_found_wherever_it_is() {
        for length in 0..200 {
            let before = "é".repeat(length / 2) + &"x".repeat(length % 2);
            for end in ["\"", "\\"] {
                let text = alloc::format!("{before}{end}{}\"", "y".repeat(length));
                assert_eq!(quote_or_backslash(text.as_bytes()), Some(before.len()));
            }
            assert_eq!(quote_or_backslash(before.as_bytes()), None);
        }
    }

    #[test]
    fn what_is_cut_off_is_no_value() {
        for text in ["", "\"", "\"abcdefgh\\", "{", "[\"", "{\"a\":[1}"] {
            assert_eq!(Scan::new(text).value(), None, "{text}");
        }
    }
}
