//! The native host of relay-mcp-proxy.

pub mod commands;
pub mod control;
pub mod handle;
pub mod settings;
pub mod telemetry;
pub mod token;
