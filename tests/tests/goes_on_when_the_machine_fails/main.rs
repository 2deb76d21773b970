//! An engine may fail, as a component does that traps, takes too long or wants too much memory. The sidecar goes
//! on: it opens the machine again from the store, in the process and soon; what was in flight is answered, and
//! nothing that was accepted is lost (B-5.9, B-9.1, B-9.4, OUTBOX G1, G11).
//!
//! The same is shown with the native machine that is made to fail, and with the component, which is given less
//! memory than it needs for a large request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and some show their figures"
)]

mod again_and_again;
mod engines;
mod in_flight;
mod opening;
mod sidecar;
mod what_is_kept;
