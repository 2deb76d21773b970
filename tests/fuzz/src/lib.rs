//! What must hold of relay-mcp-proxy whatever bytes come: one module for each target, one function `check` in each,
//! which panics when it does not hold. libFuzzer looks for such bytes (`libfuzzer/`), and the test of this package
//! replays those that were kept (`corpus/`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "what tests stand on: a surprise is a failed test"
)]

pub mod config;
pub mod control;
pub mod envelope;
pub mod headers;
pub mod machine;
pub mod menu;
pub mod record;
pub mod sse;
pub mod store;
mod text;
pub mod world;
