//! The lists of free pieces, one for each size.

use core::alloc::Layout;
use core::ptr::NonNull;

/// Small sizes are multiples of this.
const STEP: usize = 16;
/// A piece lies at a multiple of this, as it does by itself in most allocators.
const ALIGN: usize = 2 * size_of::<usize>();
/// The largest small piece. The state of a request under way is one.
const LARGEST: usize = 2 << 10;
const SMALL: usize = LARGEST / STEP;
/// Beyond, the powers of two up to this one have a list, since buffers are so large; to round up to them would waste
/// too much.
const LARGEST_BUFFER: usize = 16 << 10;
const BUFFERS: usize = (LARGEST_BUFFER / LARGEST).ilog2() as usize;
/// A task of tokio is aligned to this, so that no two share a line of a cache. Up to the largest small piece, its multiples
/// have a list too; a component has no tasks.
const LINE: usize = 128;
const TASKS: usize = if cfg!(target_family = "wasm") { 0 } else { LARGEST / LINE };
const LISTS: usize = SMALL + BUFFERS + TASKS;
/// How many bytes a list keeps at the most: of small pieces, and of buffers. It is 64 pieces of a kilobyte and 64 buffers
/// of eight, since what 64 requests at once give back and find no room for goes through the allocator behind, again and
/// again. A component makes nothing of that size for a request, and has less memory.
const MOST_KEPT: [usize; 2] =
    if cfg!(target_family = "wasm") { [16 << 10, 64 << 10] } else { [64 << 10, 512 << 10] };

/// Free pieces, none at first.
pub struct Pieces([List; LISTS]);

#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<Piece>>,
    length: usize,
}

/// A free piece, which holds the place of the next.
struct Piece {
    next: Option<NonNull<Piece>>,
}

/// The number of the list for such pieces; none where there is none of that size, or they are aligned to more than its
/// pieces are.
#[inline]
pub(crate) fn list_for(layout: Layout) -> Option<usize> {
    let size = layout.size();
    if layout.align() > ALIGN {
        return list_for_task(layout);
    }
    let at = size.wrapping_sub(1) / STEP;
    if at < SMALL { Some(at) } else { list_for_buffer(size) }
}

#[inline]
fn list_for_buffer(size: usize) -> Option<usize> {
    let is_one = size > LARGEST && size <= LARGEST_BUFFER && size.is_power_of_two();
    is_one.then(|| SMALL + (size / LARGEST).ilog2() as usize - 1)
}

#[inline]
fn list_for_task(layout: Layout) -> Option<usize> {
    let at = layout.size().wrapping_sub(1) / LINE;
    (at < TASKS && layout.align() <= LINE).then_some(SMALL + BUFFERS + at)
}

/// What all pieces of a list are.
#[inline]
pub(crate) const fn layout_of(at: usize) -> Layout {
    let (size, align) = if at < SMALL {
        ((at + 1) * STEP, ALIGN)
    } else if is_buffer(at) {
        (LARGEST << (at - SMALL + 1), ALIGN)
    } else {
        ((at - SMALL - BUFFERS + 1) * LINE, LINE)
    };
    // SAFETY: the size is small, and the alignment a power of two.
    unsafe { Layout::from_size_align_unchecked(size, align) }
}

#[inline]
const fn is_buffer(at: usize) -> bool {
    at >= SMALL && at < SMALL + BUFFERS
}

impl Pieces {
    pub(crate) const fn none() -> Self {
        Self([List { first: None, length: 0 }; LISTS])
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
        if list.length * layout_of(at).size() >= MOST_KEPT[usize::from(is_buffer(at))] {
            return false;
        }
        // SAFETY: it is at least as large and aligned as a `Piece`, and ours.
        unsafe { piece.write(Piece { next: list.first }) };
        *list = List { first: Some(piece), length: list.length + 1 };
        true
    }
}
