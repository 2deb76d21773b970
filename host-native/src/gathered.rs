//! Connections on which the pieces of a small message go out as one.
//!
//! HTTP hands over a head and a body apart. To have the kernel gather the two takes half a microsecond longer than to put
//! them together first, and each of a call's two ways has such a message.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// What is longer is left to the kernel.
const ROOM: usize = 4 << 10;

thread_local! {
    static GATHERED: RefCell<[u8; ROOM]> = const { RefCell::new([0; ROOM]) };
}

/// A connection.
pub(crate) struct Gathered<T>(T);

impl<T> Gathered<T> {
    /// Over this one.
    pub(crate) const fn over(connection: T) -> Self {
        Self(connection)
    }

    /// The one below.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl<T: Read + Unpin> Read for Gathered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<T: Write + Unpin> Write for Gathered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        piece: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, piece)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let below = Pin::new(&mut self.0);
        if let [piece] = pieces {
            return below.poll_write(context, piece);
        }
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() > ROOM {
            return below.poll_write_vectored(context, pieces);
        }
        GATHERED.with_borrow_mut(|gathered| {
            let mut length = 0;
            for piece in pieces {
                gathered[length..length + piece.len()].copy_from_slice(piece);
                length += piece.len();
            }
            below.poll_write(context, &gathered[..length])
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes a few bytes at a time, and remembers what came how.
    #[derive(Default)]
    struct Below {
        taken: Vec<u8>,
        gathered: Vec<usize>,
        at_once: usize,
    }

    impl Write for Below {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            piece: &[u8],
        ) -> Poll<io::Result<usize>> {
            let length = piece.len().min(self.at_once);
            self.taken.extend_from_slice(&piece[..length]);
            Poll::Ready(Ok(length))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.gathered.push(pieces.len());
            self.poll_write(context, &pieces[0])
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Writes all of it as HTTP does, and gives what is below in the end.
    fn write(pieces: &[&[u8]], at_once: usize) -> Below {
        let mut connection = Gathered::over(Below { at_once, ..Below::default() });
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut slices[..];
        while !left.is_empty() {
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(length)) = Pin::new(&mut connection).poll_write_vectored(&mut context, left)
            else {
                panic!("it takes all")
            };
            IoSlice::advance_slices(&mut left, length);
        }
        connection.into_inner()
    }

    #[test]
    fn all_that_is_written_arrives_in_its_order_however_little_is_taken_at_once() {
        let (head, body, long) = (vec![b'h'; 300], vec![b'b'; 400], vec![b'l'; ROOM]);
        let lists: [&[&[u8]]; 4] =
            [&[&head, &body], &[&head], &[&head, &long], &[&head, &[], &body, &long, &head]];
        for pieces in lists {
            for at_once in [1, 7, 299, 300, 301, 700, ROOM, 2 * ROOM] {
                assert!(write(pieces, at_once).taken == pieces.concat(), "{at_once}");
            }
        }
    }

    #[test]
    fn what_is_small_goes_out_as_one_piece_and_what_is_large_as_it_is() {
        let (head, body) = (vec![b'h'; 300], vec![b'b'; ROOM - 300]);
        assert!(write(&[&head, &body], ROOM).gathered.is_empty());
        assert_eq!(write(&[&head, &body, b"x"], 2 * ROOM).gathered, [3], "until what is left is small");
    }
}
