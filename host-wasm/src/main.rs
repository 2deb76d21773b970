//! `relay-mcp-proxy-wasm`, with the core in a sandbox.

use std::alloc::System;
use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use relay_mcp_heap::{Heap, OfThread};
use relay_mcp_host_native::config::ComponentSettings;
use relay_mcp_host_native::engine::{CannotOpen, Engine};
use relay_mcp_host_native::run::Program;
use relay_mcp_host_wasm::{Cache, ComponentMachine, Fault, Limits, Sandbox};

#[global_allocator]
static ALLOCATOR: Heap<System, OfThread> = Heap::over_system();

fn main() -> ExitCode {
    relay_mcp_host_native::run::main(Program { engine, describe })
}

/// The core that this program was built with, or another build of it.
fn engine(settings: &ComponentSettings) -> Result<Engine<ComponentMachine>, String> {
    let bytes = component(settings)?;
    let sandbox =
        Sandbox::new(&bytes, Limits::of(settings), &cache()).map_err(|error| match &settings.file {
            None => error.to_string(),
            Some(path) => format!("the component {}: {error}", path.display()),
        })?;
    Ok(Engine::new("component", move |config, seed, now, records| {
        sandbox.open(&config, seed, now, records).map_err(|fault| match fault {
            Fault::Refused(error) => CannotOpen::Record(error),
            fault @ (Fault::Trap(_) | Fault::Breach(_)) => CannotOpen::Engine(fault.to_string()),
        })
    }))
}

/// The line of `check`.
fn describe(settings: &ComponentSettings) -> Result<Option<String>, String> {
    let bytes = component(settings)?.len();
    let which = settings.file.as_ref().map_or("built in".into(), |path| path.display().to_string());
    Ok(Some(format!("{which}, {bytes} bytes; {}", Limits::of(settings))))
}

fn component(settings: &ComponentSettings) -> Result<Cow<'static, [u8]>, String> {
    match &settings.file {
        None => relay_mcp_artifact::COMPONENT.map(Cow::Borrowed).map_err(String::from),
        Some(path) => fs::read(path)
            .map(Cow::Owned)
            .map_err(|error| format!("the component {} cannot be read: {error}", path.display())),
    }
}

/// Where this user's programs keep what they can make again (XDG Base Directory).
fn cache() -> Cache {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(home).unwrap_or_else(env::temp_dir);
    Cache::in_directory(base.join("relay-mcp-proxy"))
}
