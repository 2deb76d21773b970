//! The allocator of the component.
//!
//! A step makes and drops some fifty small things. A general allocator looks for the best place for each and joins
//! what is free; here each size has a list of free pieces, and to take or to give back one is a handful of
//! instructions. What is larger goes to the allocator behind it, which also gives the room that is cut into pieces.
//!
//! A piece that was cut is a piece of its size for ever, so the room of the small things is, for each size, the most
//! that there ever were at once. A WebAssembly memory does not shrink either.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};

/// Sizes are multiples of this, and every piece lies at one.
const STEP: usize = 16;
/// The largest piece.
const LARGEST: usize = 512;
/// How much room is taken at once to be cut, a multiple of [`STEP`].
const ROOM: usize = 8 << 10;
const SIZES: usize = LARGEST / STEP;

/// Small pieces over the allocator `B`.
///
/// It is for one thread. That it is `Sync`, as a global allocator must be, holds on WebAssembly without threads alone.
pub struct Heap<B> {
    behind: B,
    pieces: UnsafeCell<Pieces>,
}

// SAFETY: see the type: nobody shares it, since there is one thread.
unsafe impl<B> Sync for Heap<B> {}

struct Pieces {
    /// The free pieces of each size, each holding the place of the next.
    free: [Option<NonNull<Piece>>; SIZES],
    /// Room that was not cut yet.
    room: *mut u8,
    left: usize,
}

struct Piece {
    next: Option<NonNull<Piece>>,
}

impl<B: GlobalAlloc> Heap<B> {
    /// One that has cut nothing yet.
    pub const fn over(behind: B) -> Self {
        let pieces = Pieces { free: [None; SIZES], room: ptr::null_mut(), left: 0 };
        Self { behind, pieces: UnsafeCell::new(pieces) }
    }

    /// The allocator behind.
    pub const fn behind(&self) -> &B {
        &self.behind
    }

    /// Cuts a piece that no list had: from the room that is left, else from new room.
    #[cold]
    fn cut(&self, size: usize) -> *mut u8 {
        // SAFETY: there is one thread, and this borrow ends here; the allocator behind does not call back.
        let pieces = unsafe { &mut *self.pieces.get() };
        if pieces.left < size {
            pieces.keep_rest();
            // SAFETY: the size is not zero.
            let room = unsafe { self.behind.alloc(Layout::new::<Room>()) };
            if room.is_null() {
                return room;
            }
            (pieces.room, pieces.left) = (room, ROOM);
        }
        let piece = pieces.room;
        // SAFETY: there is so much left of the room.
        pieces.room = unsafe { piece.add(size) };
        pieces.left -= size;
        piece
    }
}

/// What is taken at once, aligned as pieces are.
#[repr(align(16))]
struct Room {
    _bytes: [u8; ROOM],
}

impl Pieces {
    /// What is too little for the next piece is a smaller one.
    fn keep_rest(&mut self) {
        if self.left > 0 {
            // SAFETY: so much is left, and nobody else has it.
            unsafe { self.give(self.left / STEP - 1, self.room) };
            self.left = 0;
        }
    }

    /// # Safety
    /// `piece` must be of this size and nobody else's.
    unsafe fn give(&mut self, at: usize, piece: *mut u8) {
        let Some(piece) = NonNull::new(piece.cast::<Piece>()) else { return };
        // SAFETY: it is at least as large and aligned as a `Piece`, and ours.
        unsafe { piece.write(Piece { next: self.free[at] }) };
        self.free[at] = Some(piece);
    }

    fn take(&mut self, at: usize) -> Option<NonNull<Piece>> {
        let piece = self.free[at]?;
        // SAFETY: what is in a list is a free piece, which holds the next.
        self.free[at] = unsafe { piece.as_ref() }.next;
        Some(piece)
    }
}

/// The place of the list for such pieces; none where they are large, or aligned to more than all pieces are.
fn list(layout: Layout) -> Option<usize> {
    let at = layout.size().wrapping_sub(1) / STEP;
    (at < SIZES && layout.align() <= STEP).then_some(at)
}

// SAFETY: a piece is as large as asked, lies at a multiple of `STEP`, and is in one list or one owner's hands; the
// lists are left only by `take`, which forgets the piece, and by `cut`, which makes it.
unsafe impl<B: GlobalAlloc> GlobalAlloc for Heap<B> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match list(layout) {
            Some(at) => {
                // SAFETY: there is one thread, and this borrow ends here.
                let free = unsafe { &mut *self.pieces.get() }.take(at);
                free.map_or_else(|| self.cut((at + 1) * STEP), |piece| piece.as_ptr().cast())
            }
            // SAFETY: as the caller says.
            None => unsafe { self.behind.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match list(layout) {
            // SAFETY: there is one thread; the caller gives the piece back, and its size is that of its layout.
            Some(at) => unsafe { (*self.pieces.get()).give(at, piece) },
            // SAFETY: as the caller says.
            None => unsafe { self.behind.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller asks for a size that a layout may have.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (list(layout), list(wanted)) {
            // SAFETY: as the caller says; both are the other's.
            (None, None) => unsafe { self.behind.realloc(piece, layout, size) },
            (had, has) if had == has => piece,
            // SAFETY: the old is given back once it was copied to the new.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(piece, moved, layout.size().min(size));
                    self.dealloc(piece, layout);
                }
                moved
            },
        }
    }
}
