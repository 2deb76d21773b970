//! The native host of relay-mcp-proxy.

pub mod cli;
pub mod client_config;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod demo;
pub mod driver;
pub mod handle;
pub mod headers;
pub mod relay_client;
pub mod run;
pub mod secret;
pub mod server;
pub mod settings;
pub mod sidecar;
pub mod store;
pub mod telemetry;
pub mod token;
