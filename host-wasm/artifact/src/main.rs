//! `relay-mcp-artifact FILE` writes the component with the rules there, for hosts that are built by other means than
//! cargo.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: relay-mcp-artifact FILE")?;
    std::fs::write(file, relay_mcp_artifact::COMPONENT_WITH_RULES?)?;
    Ok(())
}
