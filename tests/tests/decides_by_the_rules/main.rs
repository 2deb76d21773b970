//! The machine, driven by hand: each test is one rule of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod accepting;
mod delivering;
mod enduring;
mod health;
mod hello;
mod leaving;
mod menu;
mod ordering;
mod passing;
mod passing_on;
mod remembering;
mod sessions;
mod streaming;
mod tokens;
