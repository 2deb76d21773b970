//! `relay-mcp-proxy-wasm`, with the core in a sandbox.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use relay_mcp_host_native::engine::{CannotOpen, Engine};
use relay_mcp_host_wasm::{Cache, ComponentMachine, Fault, Limits, Sandbox};

fn main() -> ExitCode {
    relay_mcp_host_native::run::main(engine)
}

/// The core that this program was built with, or another build of it.
fn engine(component: Option<&Path>) -> Result<Engine<ComponentMachine>, String> {
    let bytes = match component {
        None => Cow::Borrowed(relay_mcp_artifact::COMPONENT.map_err(String::from)?),
        Some(path) => Cow::Owned(
            fs::read(path)
                .map_err(|error| format!("the component {} cannot be read: {error}", path.display()))?,
        ),
    };
    let sandbox = Sandbox::new(&bytes, Limits::default(), &cache()).map_err(|error| match component {
        None => error.to_string(),
        Some(path) => format!("the component {}: {error}", path.display()),
    })?;
    Ok(Engine::new("component", move |config, seed, now, records| {
        sandbox.open(&config, seed, now, records).map_err(|fault| match fault {
            Fault::Refused(error) => CannotOpen::Record(error),
            trap @ Fault::Trap(_) => CannotOpen::Engine(trap.to_string()),
        })
    }))
}

/// Where this user's programs keep what they can make again (XDG Base Directory).
fn cache() -> Cache {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(home).unwrap_or_else(env::temp_dir);
    Cache::in_directory(base.join("relay-mcp-proxy"))
}
