//! `relay-mcp-proxy`, with the core built in.

use std::process::ExitCode;

use relay_mcp_host_native::engine::native;

fn main() -> ExitCode {
    relay_mcp_host_native::run::main(|component| match component {
        None => Ok(native()),
        Some(_) => Err("--component is for relay-mcp-proxy-wasm: this program has the core built in".into()),
    })
}
