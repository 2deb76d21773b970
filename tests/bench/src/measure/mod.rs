//! What is measured, one after the other.

pub(crate) mod calls;
