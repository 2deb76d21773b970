//! Whatever is asked for and given back in whatever order, by whichever thread: each piece is as large and aligned as
//! asked, is nobody else's while it is held, keeps what is in it when it grows or shrinks, and goes to the next who asks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};
use std::thread;

use proptest::prelude::*;
use relay_mcp_heap::{Heap, Keep, OfThread, OneThread};

/// Counts what is asked of the allocator behind, and looks that all comes back as it was given.
#[derive(Default)]
struct Counting {
    /// In all.
    bytes: AtomicUsize,
    /// Now.
    held: AtomicIsize,
}

// SAFETY: all is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.bytes.fetch_add(layout.size(), Relaxed);
        self.held.fetch_add(layout.size().cast_signed(), Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size().cast_signed(), Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.dealloc(piece, layout) }
    }
}

fn one_thread() -> OneThread {
    // SAFETY: each test has its own.
    unsafe { OneThread::new() }
}

fn of_thread() -> OfThread {
    // SAFETY: what is counted is the system's, in whichever test.
    unsafe { OfThread::new() }
}

/// A piece that is held, full of one byte.
struct Held {
    piece: *mut u8,
    layout: Layout,
    mark: u8,
}

// SAFETY: who has it is its owner.
unsafe impl Send for Held {}

impl Held {
    fn take(heap: &impl GlobalAlloc, layout: Layout, mark: u8) -> Self {
        // SAFETY: the size is not zero.
        let piece = unsafe { heap.alloc(layout) };
        let held = Self { piece, layout, mark };
        held.fill();
        held
    }

    fn take_zeroed(heap: &impl GlobalAlloc, layout: Layout, mark: u8) -> Self {
        // SAFETY: the size is not zero.
        let piece = unsafe { heap.alloc_zeroed(layout) };
        let held = Self { piece, layout, mark: 0 };
        assert!(held.is_whole(layout.size()), "it is zero");
        let held = Self { mark, ..held };
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

    fn resize(&mut self, heap: &impl GlobalAlloc, size: usize) {
        let kept = size.min(self.layout.size());
        // SAFETY: the piece is ours, and the size is not zero.
        self.piece = unsafe { heap.realloc(self.piece, self.layout, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        assert!(self.is_whole(kept), "what was in it is kept");
        self.fill();
    }

    fn give_back(self, heap: &impl GlobalAlloc) {
        assert!(self.is_whole(self.layout.size()), "nobody else wrote here");
        // SAFETY: the piece is ours, and nobody uses it any more.
        unsafe { heap.dealloc(self.piece, self.layout) };
    }
}

/// What is done: which kind, to which piece, how large and how aligned.
type Act = (u8, prop::sample::Index, usize, u32);

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let sizes = prop_oneof![
        8 => 1..2_200_usize,
        2 => (10..16_u32, 0..3_usize).prop_map(|(power, more)| (1 << power) - 1 + more),
        1 => 2_200..40_000_usize,
    ];
    prop::collection::vec((0..5_u8, any::<prop::sample::Index>(), sizes, 0..9_u32), 1..400)
}

fn act(heap: &impl GlobalAlloc, held: &mut Vec<Held>, acts: Vec<Act>) {
    for (number, (act, which, size, align)) in acts.into_iter().enumerate() {
        let layout = Layout::from_size_align(size, 1 << align).unwrap();
        let mark = number.to_le_bytes()[0];
        match act {
            0 if !held.is_empty() => held.swap_remove(which.index(held.len())).give_back(heap),
            1 if !held.is_empty() => {
                let at = which.index(held.len());
                held[at].resize(heap, size);
            }
            2 => held.push(Held::take_zeroed(heap, layout, mark)),
            _ => held.push(Held::take(heap, layout, mark)),
        }
    }
}

proptest! {
    #[test]
    fn nobody_holds_what_another_holds(acts in acts()) {
        let heap = Heap::over(Counting::default(), one_thread());
        let mut held = Vec::new();
        act(&heap, &mut held, acts);
        held.into_iter().for_each(|held| held.give_back(&heap));
    }

    #[test]
    fn nor_what_another_thread_holds(there in acts(), here in acts()) {
        let heap = Heap::over(Counting::default(), of_thread());
        let mut held = thread::scope(|scope| {
            let keeping = scope.spawn(|| {
                OfThread::keep();
                let mut held = Vec::new();
                act(&heap, &mut held, there);
                held
            });
            keeping.join().unwrap()
        });
        // This thread keeps nothing, and gives back what that one took.
        act(&heap, &mut held, here);
        held.into_iter().for_each(|held| held.give_back(&heap));
    }
}

fn all_sizes(heap: &impl GlobalAlloc) -> Vec<Held> {
    let layout = |align| move |size| Layout::from_size_align(size, align).unwrap();
    let buffers = [4_096, 8_192, 16_384];
    // As values are aligned, and as tasks of tokio are.
    let layouts = (1..=2_048).chain(buffers).map(layout(8)).chain((1..=2_048).step_by(8).map(layout(128)));
    layouts.map(|layout| Held::take(heap, layout, 7)).collect()
}

fn is_given_out_again(kept: impl Keep) {
    let heap = Heap::over(Counting::default(), kept);
    let round = || all_sizes(&heap).into_iter().for_each(|held| held.give_back(&heap));
    round();
    let room = heap.behind().bytes.load(Relaxed);
    (0..100).for_each(|_| round());
    assert_eq!(heap.behind().bytes.load(Relaxed), room, "the same room is enough for the same things");
}

#[test]
fn what_was_given_back_is_given_out_again() {
    is_given_out_again(one_thread());
    OfThread::keep();
    is_given_out_again(of_thread());
}

#[test]
fn a_burst_leaves_little_memory_behind() {
    let heap = Heap::over(Counting::default(), one_thread());
    let held: Vec<Held> = (0..100).flat_map(|_| all_sizes(&heap)).collect();
    assert!(heap.behind().held.load(Relaxed) > 200 << 20);
    held.into_iter().for_each(|held| held.give_back(&heap));
    let left = heap.behind().held.load(Relaxed);
    assert!((1..=(128 + 16) * (66 << 10) + 3 * (512 << 10)).contains(&left), "{left} bytes");
}

#[test]
fn a_thread_that_keeps_nothing_leaves_nothing_behind() {
    let heap = Heap::over(Counting::default(), of_thread());
    all_sizes(&heap).into_iter().for_each(|held| held.give_back(&heap));
    assert_eq!(heap.behind().held.load(Relaxed), 0);
}
