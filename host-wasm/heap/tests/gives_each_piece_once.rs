//! Whatever is asked for and given back in whatever order: each piece is as large and aligned as asked, is nobody
//! else's while it is held, keeps what is in it when it grows or shrinks, and goes to the next who asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use relay_mcp_heap::Heap;

/// Counts what is asked of the allocator behind.
struct Counting {
    bytes: Cell<usize>,
}

// SAFETY: all is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.bytes.set(self.bytes.get() + layout.size());
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(piece, layout) }
    }
}

fn heap() -> Heap<Counting> {
    Heap::over(Counting { bytes: Cell::new(0) })
}

/// A piece that is held, full of one byte.
struct Held {
    piece: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Held {
    fn take(heap: &Heap<Counting>, layout: Layout, mark: u8) -> Self {
        // SAFETY: the size is not zero.
        let piece = unsafe { heap.alloc(layout) };
        let held = Self { piece, layout, mark };
        held.fill();
        held
    }

    fn fill(&self) {
        assert!(
            !self.piece.is_null() && self.piece.addr().is_multiple_of(self.layout.align()),
            "{:?}",
            self.layout
        );
        // SAFETY: the piece is so large.
        unsafe { self.piece.write_bytes(self.mark, self.layout.size()) };
    }

    /// Whether the first so many bytes are as they were written.
    fn is_whole(&self, bytes: usize) -> bool {
        // SAFETY: the piece is so large, and was written.
        unsafe { std::slice::from_raw_parts(self.piece, bytes) }.iter().all(|byte| *byte == self.mark)
    }

    fn resize(&mut self, heap: &Heap<Counting>, size: usize) {
        let kept = size.min(self.layout.size());
        // SAFETY: the piece is ours, and the size is not zero.
        self.piece = unsafe { heap.realloc(self.piece, self.layout, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        assert!(self.is_whole(kept), "what was in it is kept");
        self.fill();
    }

    fn give_back(self, heap: &Heap<Counting>) {
        assert!(self.is_whole(self.layout.size()), "nobody else wrote here");
        // SAFETY: the piece is ours, and nobody uses it any more.
        unsafe { heap.dealloc(self.piece, self.layout) };
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 1..600_usize, 1 => 600..20_000_usize]
}

proptest! {
    #[test]
    fn nobody_holds_what_another_holds(
        acts in prop::collection::vec((0..4_u8, any::<prop::sample::Index>(), sizes(), 0..7_u32), 1..400),
    ) {
        let heap = heap();
        let mut held: Vec<Held> = Vec::new();
        for (number, (act, which, size, align)) in acts.into_iter().enumerate() {
            match act {
                0 if !held.is_empty() => held.swap_remove(which.index(held.len())).give_back(&heap),
                1 if !held.is_empty() => {
                    let at = which.index(held.len());
                    held[at].resize(&heap, size);
                }
                _ => {
                    let layout = Layout::from_size_align(size, 1 << align).unwrap();
                    held.push(Held::take(&heap, layout, number.to_le_bytes()[0]));
                }
            }
        }
        held.into_iter().for_each(|held| held.give_back(&heap));
    }
}

#[test]
fn what_was_given_back_is_given_out_again() {
    let heap = heap();
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    let round = || {
        let held: Vec<Held> = (1..=512).map(|size| Held::take(&heap, layout(size), 7)).collect();
        held.into_iter().for_each(|held| held.give_back(&heap));
    };
    round();
    let room = heap.behind().bytes.get();
    (0..100).for_each(|_| round());
    assert_eq!(heap.behind().bytes.get(), room, "the same room is enough for the same things");
    assert!(room < 160_000, "{room} bytes of room for pieces of 131,328");
}
