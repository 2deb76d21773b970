//! Builds the component, without and with the rules: one script compiles the core, and `wit-component` wraps it
//! in its interface.

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
        "../../host-native/heap/src",
        "../build-component.sh",
        "../rustc-anywhere",
        "../../wit",
        "../../core/src",
        "../../core/Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    let mut trouble = String::new();
    for (name, options) in [("component", &[][..]), ("component-with-rules", &["--features", "rules"])] {
        // A machine that cannot compile for WebAssembly builds everything else all the same; whoever needs the
        // component is told why there is none.
        let component = component(&here, &out, name, options).unwrap_or_else(|why_not| {
            trouble = why_not.to_string();
            Vec::new()
        });
        fs::write(out.join(name).with_extension("wasm"), component)?;
    }
    fs::write(out.join("why-not.txt"), trouble)?;
    Ok(())
}

fn component(here: &Path, out: &Path, name: &str, options: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = out.join(name).with_extension("core.wasm");
    fs::write(&module, [])?;
    let built = Command::new(here.join("../build-component.sh"))
        .arg(&module)
        .arg(here.join("../guest"))
        .args(options)
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
