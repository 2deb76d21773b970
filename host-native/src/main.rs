//! `relay-mcp-proxy`, with the core built in.

use std::process::ExitCode;

fn main() -> ExitCode {
    relay_mcp_host_native::run::main(&relay_mcp_host_native::sidecar::native())
}
