//! Test helpers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "what tests stand on: a surprise is a failed test"
)]

pub mod trace;
pub mod world;
