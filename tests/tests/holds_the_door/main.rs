//! The door under attack: whoever comes over the wire without the secret, or with it and with something up the sleeve,
//! gets a refusal and nothing else (B-1, B-2.1, B-9.8). Real sockets against the real binary; on the other side a relay
//! that keeps each byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and some show their figures"
)]

mod answers;
mod browser;
mod compression;
mod crowd;
mod files;
mod floods;
mod log_lines;
mod names;
mod running_files;
mod slowness;
mod smuggling;
mod timing;
mod wire;
