//! Pieces of a thread among others.

use std::alloc::System;
use std::cell::{Cell, UnsafeCell};

use crate::{Heap, Keep, Pieces};

thread_local! {
    // Neither is dropped, so they are there as long as their thread is, and to reach them allocates nothing.
    static KEEPS: Cell<bool> = const { Cell::new(false) };
    static PIECES: UnsafeCell<Pieces> = const { UnsafeCell::new(Pieces::none()) };
}

/// Keeps the pieces of each thread that [says so](Self::keep) apart. The others have none: what they take and give back is
/// the business of the allocator behind.
pub struct OfThread(());

impl OfThread {
    /// For a heap.
    ///
    /// # Safety
    /// The pieces are the thread's: all heaps that keep them so must be over allocators that take back what another of
    /// them gave.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    /// This thread keeps its pieces from here on. What it has at its end is lost, so this is for one that lives as long
    /// as the program.
    pub fn keep() {
        KEEPS.set(true);
    }
}

impl Heap<System, OfThread> {
    /// Over the system's allocator.
    #[must_use]
    pub const fn over_system() -> Self {
        Self::over(System, OfThread(()))
    }
}

// SAFETY: no other thread sees the pieces, and what is done with them allocates nothing.
unsafe impl Keep for OfThread {
    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Pieces) -> T) -> Option<T> {
        // SAFETY: as above.
        KEEPS.get().then(|| PIECES.with(|pieces| act(unsafe { &mut *pieces.get() })))
    }
}
