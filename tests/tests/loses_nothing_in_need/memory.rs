//! No more memory.
