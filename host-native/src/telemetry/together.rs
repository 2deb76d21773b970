//! Lines that go out in one piece. A commit that sixty writes waited for has as many lines; each piece is a call of the
//! kernel, which wakes whoever reads them.

use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    static LINES: RefCell<Lines> = const { RefCell::new(Lines(None)) };
}

/// Has the lines of what is done here written when it is done, in their order.
pub(crate) fn together<T>(act: impl FnOnce() -> T) -> T {
    let _written = LINES.with_borrow_mut(Lines::begin).then(|| Written);
    act()
}

/// Has a panic, which may end the process at once, begin with the lines of its thread that wait.
pub(super) fn write_before_a_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        write_what_waits();
        report(panic);
    }));
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

/// Writes what waits when it is dropped.
struct Written;

impl Drop for Written {
    fn drop(&mut self) {
        write_what_waits();
    }
}

fn write_what_waits() {
    LINES.with(|lines| {
        // What panics may be in the middle of a line.
        if let Ok(mut lines) = lines.try_borrow_mut() {
            // A closed stderr must not stop the proxy.
            let _ = lines.end(&mut io::stderr());
        }
    });
}

/// Those that wait, where they do.
struct Lines(Option<Vec<u8>>);

/// The longest piece, in bytes, but for a line that is longer: as much as a pipe takes whole (POSIX, `PIPE_BUF`), so that
/// no line is torn.
const MOST: usize = 4096;

impl Lines {
    /// They wait from here on. Whether they did not before.
    fn begin(&mut self) -> bool {
        self.0.is_none() && self.0.insert(Vec::new()).is_empty()
    }

    fn put(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        let Some(waiting) = &mut self.0 else { return out.write_all(line) };
        let written = match waiting.len() + line.len() {
            0..=MOST => Ok(()),
            _ if waiting.is_empty() => Ok(()),
            _ => out.write_all(&std::mem::take(waiting)),
        };
        waiting.extend_from_slice(line);
        written
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
    fn no_line_is_torn_and_many_do_not_pile_up() {
        assert!(pieces(|lines, out| assert!(lines.begin() && lines.end(out).is_ok())).is_empty());
        let line = |length: usize| "x".repeat(length - 1) + "\n";
        let written = pieces(|lines, out| {
            lines.begin();
            for length in [1500, 1500, 1096, 1, 3000, 5000, 10, 4090] {
                lines.put(line(length).as_bytes(), out).unwrap();
            }
            lines.end(out).unwrap();
        });
        assert_eq!(
            written.iter().map(String::len).collect::<Vec<_>>(),
            [4096, 3001, 5000, 4100 - 4090, 4090]
        );
        assert!(written.iter().all(|piece| piece.ends_with('\n')));
    }

    #[test]
    fn what_is_together_within_something_else_waits_for_that() {
        let do_wait = || LINES.with_borrow(|lines| lines.0.is_some());
        together(|| {
            together(|| assert!(do_wait()));
            assert!(do_wait());
        });
        assert!(!do_wait());
    }
}
