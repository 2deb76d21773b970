//! An allocator of small things, over another one.
//!
//! A request makes and drops some forty small things, most of them again and again of the same sizes. A general
//! allocator looks for the best place for each, and joins what is free; here each size has a list of free pieces, and
//! to take or to give back one is a handful of instructions. What no list has, and what is larger, is the business of
//! the allocator behind; so is what a list has no room for, so that some ten megabytes are kept at the most.
#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(not(target_family = "wasm"))]
mod of_thread;
mod one_thread;
mod pieces;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;

#[cfg(not(target_family = "wasm"))]
pub use of_thread::OfThread;
pub use one_thread::OneThread;
pub use pieces::Pieces;
use pieces::{layout_of, list_for};

/// Small pieces, kept as `K` says, over the allocator `B`.
pub struct Heap<B, K> {
    behind: B,
    kept: K,
}

/// Where the free pieces are kept.
///
/// # Safety
/// Nobody else may use the pieces while `act` does, and they must be those of one heap.
pub unsafe trait Keep {
    /// Does something with them; nothing where none are kept.
    fn with<T>(&self, act: impl FnOnce(&mut Pieces) -> T) -> Option<T>;
}

impl<B, K> Heap<B, K> {
    /// One that has no free pieces yet.
    pub const fn over(behind: B, kept: K) -> Self {
        Self { behind, kept }
    }

    /// The allocator behind.
    pub const fn behind(&self) -> &B {
        &self.behind
    }
}

// SAFETY: a piece is as large and aligned as asked. It is in one list or in one owner's hands: `take` forgets what it
// gives, and the allocator behind gives what nobody has. Behind, each piece has the layout of its list, whichever
// thread asked for it, so that whoever gives it back may keep it for another of that list.
// There is one of each function: inlined everywhere they would make the program a tenth larger.
unsafe impl<B: GlobalAlloc, K: Keep> GlobalAlloc for Heap<B, K> {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match list_for(layout) {
            Some(at) => match self.kept.with(|pieces| pieces.take(at)).flatten() {
                Some(piece) => piece.as_ptr(),
                // SAFETY: the size is not zero.
                None => unsafe { self.behind.alloc(layout_of(at)) },
            },
            // SAFETY: as the caller says.
            None => unsafe { self.behind.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if list_for(layout).is_none() {
            // SAFETY: as the caller says. What is large is often zero already.
            return unsafe { self.behind.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller says.
        let piece = unsafe { self.alloc(layout) };
        if !piece.is_null() {
            // SAFETY: it is so large.
            unsafe { piece.write_bytes(0, layout.size()) };
        }
        piece
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match list_for(layout) {
            Some(at) => {
                // SAFETY: the caller gives back what is of this layout, and its list's size.
                let is_kept = self.kept.with(|pieces| unsafe { pieces.give(at, piece) });
                if is_kept != Some(true) {
                    // SAFETY: this is its layout there.
                    unsafe { self.behind.dealloc(piece, layout_of(at)) }
                }
            }
            // SAFETY: as the caller says.
            None => unsafe { self.behind.dealloc(piece, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller asks for a size that a layout may have.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (list_for(layout), list_for(wanted)) {
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
