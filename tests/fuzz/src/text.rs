//! Bodies on one line, as in the golden stories: `␊` is a line feed and `␍` a carriage return.

/// The bytes that a piece of a line stands for.
pub(crate) fn body(line: &str) -> Vec<u8> {
    line.replace('␊', "\n").replace('␍', "\r").into_bytes()
}

/// The first word of a line, and the rest behind the space.
pub(crate) fn word(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

/// The digits with which a word ends, as a number.
pub(crate) fn number(word: &str) -> Option<u64> {
    word.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}
