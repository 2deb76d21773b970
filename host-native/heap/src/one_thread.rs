//! Pieces of a program of one thread.

use core::cell::UnsafeCell;

use crate::{Keep, Pieces};

/// Keeps the pieces of a program that has one thread, as a WebAssembly component has: that this is `Sync`, as a global
/// allocator must be, holds there alone.
pub struct OneThread(UnsafeCell<Pieces>);

// SAFETY: see the type: nobody shares it.
unsafe impl Sync for OneThread {}

impl OneThread {
    /// None yet.
    ///
    /// # Safety
    /// No two threads may use it.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(UnsafeCell::new(Pieces::none()))
    }
}

// SAFETY: there is one thread, and what is done with the pieces allocates nothing.
unsafe impl Keep for OneThread {
    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Pieces) -> T) -> Option<T> {
        // SAFETY: as above.
        Some(act(unsafe { &mut *self.0.get() }))
    }
}
