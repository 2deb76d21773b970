//! Builds the components, as `host-wasm/artifact` builds the real one.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in
        ["guest/src", "guest/wit", "guest/Cargo.toml", "../../host-wasm/build-component.sh", "../../wit"]
    {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    fs::write(out.join("plain.wasm"), component(&here, &out, &[])?)?;
    fs::write(out.join("wasi.wasm"), component(&here, &out, &["--features", "wasi"])?)?;
    Ok(())
}

fn component(here: &Path, out: &Path, arguments: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = out.join("core.wasm");
    let built = Command::new(here.join("../../host-wasm/build-component.sh"))
        .arg(&module)
        .arg(here.join("guest"))
        .args(arguments)
        .env("RELAY_MCP_GUEST_TARGET", guests(out))
        .output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into());
    }
    Ok(ComponentEncoder::default().validate(true).module(&fs::read(&module)?)?.encode()?)
}

/// Where guests are compiled, one after the other: they share most of what they depend on. Beside cargo's own folder
/// `build`, in which OUT_DIR is.
fn guests(out: &Path) -> PathBuf {
    out.ancestors().nth(3).unwrap_or(out).join("guests")
}
