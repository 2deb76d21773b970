//! Builds the component: one script compiles the core, and `wit-component` wraps it in its interface.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in [
        "../guest",
        "../build-component.sh",
        "../rustc-anywhere",
        "../../wit",
        "../../core/src",
        "../../core/Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    // A machine that cannot compile for WebAssembly builds everything else all the same; whoever needs the
    // component is told why there is none.
    let (component, why_not) = match component(&here, &out) {
        Ok(component) => (component, String::new()),
        Err(why_not) => (Vec::new(), why_not.to_string()),
    };
    if component.is_empty() {
        fs::write(out.join("core.wasm"), [])?;
    }
    fs::write(out.join("component.wasm"), component)?;
    fs::write(out.join("why-not.txt"), why_not)?;
    Ok(())
}

fn component(here: &Path, out: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = out.join("core.wasm");
    let built = Command::new(here.join("../build-component.sh"))
        .arg(&module)
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
