//! The lists of free pieces, one for each size.

use core::alloc::Layout;
use core::ptr::NonNull;

/// Sizes are multiples of this, and every piece lies at one.
const STEP: usize = 16;
/// The largest piece.
const LARGEST: usize = 1024;
const SIZES: usize = LARGEST / STEP;
/// How many bytes a list keeps at the most.
const MOST_KEPT: usize = 16 << 10;

/// Free pieces, none at first.
pub struct Pieces([List; SIZES]);

#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<Piece>>,
    length: usize,
}

/// A free piece, which holds the place of the next.
struct Piece {
    next: Option<NonNull<Piece>>,
}

/// The number of the list for such pieces; none where they are large, or aligned to more than all pieces are.
#[inline]
pub(crate) fn list_for(layout: Layout) -> Option<usize> {
    let at = layout.size().wrapping_sub(1) / STEP;
    (at < SIZES && layout.align() <= STEP).then_some(at)
}

/// What all pieces of a list are.
#[inline]
pub(crate) const fn layout_of(at: usize) -> Layout {
    // SAFETY: the size is small, and the alignment a power of two.
    unsafe { Layout::from_size_align_unchecked((at + 1) * STEP, STEP) }
}

impl Pieces {
    pub(crate) const fn none() -> Self {
        Self([List { first: None, length: 0 }; SIZES])
    }

    /// Takes a piece out of a list.
    #[inline]
    pub(crate) fn take(&mut self, at: usize) -> Option<NonNull<u8>> {
        let list = &mut self.0[at];
        let piece = list.first?;
        // SAFETY: what is in a list is a free piece, which holds the next.
        list.first = unsafe { piece.as_ref() }.next;
        list.length -= 1;
        Some(piece.cast())
    }

    /// Puts a piece into a list, unless that is full.
    ///
    /// # Safety
    /// `piece` must be of the list's layout, and nobody else's any more.
    #[inline]
    pub(crate) unsafe fn give(&mut self, at: usize, piece: *mut u8) -> bool {
        let list = &mut self.0[at];
        let Some(piece) = NonNull::new(piece.cast::<Piece>()) else { return false };
        if list.length * layout_of(at).size() >= MOST_KEPT {
            return false;
        }
        // SAFETY: it is at least as large and aligned as a `Piece`, and ours.
        unsafe { piece.write(Piece { next: list.first }) };
        *list = List { first: Some(piece), length: list.length + 1 };
        true
    }
}
