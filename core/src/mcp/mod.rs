//! MCP: its two eras, its names, and event streams.

mod era;
pub mod sse;

pub use era::{Era, LATEST_LEGACY, META_CLIENT_CAPABILITIES, META_VERSION, MODERN};
