//! The machine, driven by hand: each test is one rule of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod delivering;
mod ordering;
mod streaming;
