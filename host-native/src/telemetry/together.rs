//! Lines that go out in one piece. A commit that sixty writes waited for has as many lines; each piece is a call of the
//! kernel, which wakes whoever reads them.

use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    static LINES: RefCell<Lines> = const { RefCell::new(Lines(None)) };
}

/// Has the lines of what is done here written when it is done, in their order.
pub(crate) fn together<T>(act: impl FnOnce() -> T) -> T {
    let _written = LINES.with_borrow_mut(Lines::begin).then_some(Written);
    act()
}

/// Stderr, but for lines that wait for others of their thread.
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.put(line, &mut io::stderr())).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what waits, also where what was done ends in a panic.
struct Written;

impl Drop for Written {
    fn drop(&mut self) {
        // A closed stderr must not stop the proxy.
        let _ = LINES.with_borrow_mut(|lines| lines.end(&mut io::stderr()));
    }
}

/// Those that wait, where they do.
struct Lines(Option<Vec<u8>>);

/// No more wait than this, in bytes.
const MOST: usize = 16 << 10;

impl Lines {
    /// They wait from here on. Whether they did not before.
    fn begin(&mut self) -> bool {
        self.0.is_none() && self.0.insert(Vec::new()).is_empty()
    }

    fn put(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let Some(waiting) = &mut self.0 else { return out.write_all(line) };
        waiting.extend_from_slice(line);
        if waiting.len() < MOST { Ok(()) } else { out.write_all(&std::mem::take(waiting)) }
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self.0.take() {
            Some(waiting) if !waiting.is_empty() => out.write_all(&waiting),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, piece by piece.
    #[derive(Default)]
    struct Pieces(Vec<String>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8(piece.to_vec()).unwrap());
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pieces(write: impl FnOnce(&mut Lines, &mut Pieces)) -> Vec<String> {
        let (mut lines, mut out) = (Lines(None), Pieces::default());
        write(&mut lines, &mut out);
        out.0
    }

    #[test]
    fn lines_go_out_at_once_or_together_and_always_in_their_order() {
        let written = pieces(|lines, out| {
            lines.put(b"a\n", out).unwrap();
            assert!(lines.begin() && !lines.begin());
            lines.put(b"b\n", out).unwrap();
            lines.put(b"c\n", out).unwrap();
            lines.end(out).unwrap();
            lines.put(b"d\n", out).unwrap();
        });
        assert_eq!(written, ["a\n", "b\nc\n", "d\n"]);
    }

    #[test]
    fn where_none_came_nothing_is_written_and_many_do_not_pile_up() {
        assert!(pieces(|lines, out| assert!(lines.begin() && lines.end(out).is_ok())).is_empty());
        let line = "x".repeat(1023) + "\n";
        let written = pieces(|lines, out| {
            lines.begin();
            (0..40).for_each(|_| lines.put(line.as_bytes(), out).unwrap());
            lines.end(out).unwrap();
        });
        assert_eq!(written.iter().map(String::len).collect::<Vec<_>>(), [MOST, MOST, 8 << 10]);
    }
}
