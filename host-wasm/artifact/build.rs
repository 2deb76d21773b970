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
    for watched in
        ["../guest", "../build-component.sh", "../../wit", "../../core/src", "../../core/Cargo.toml"]
    {
        println!("cargo::rerun-if-changed={}", here.join(watched).display());
    }
    let mut trouble = String::new();
    for (name, options) in [("component", &[][..]), ("component-with-rules", &["--features", "rules"])] {
        // A machine that cannot compile for WebAssembly builds everything else all the same; whoever needs the
        // component is told why there is none.
        let component = component(&here, &out, options).unwrap_or_else(|why_not| {
            trouble = why_not.to_string();
            Vec::new()
        });
        fs::write(out.join(name).with_extension("wasm"), component)?;
    }
    fs::write(out.join("why-not.txt"), trouble)?;
    Ok(())
}

fn component(here: &Path, out: &Path, options: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = out.join("core.wasm");
    let built = Command::new(here.join("../build-component.sh"))
        .arg(&module)
        .args(options)
        .env("RELAY_MCP_GUEST_TARGET", out.join("guest"))
        .output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into());
    }
    Ok(ComponentEncoder::default().validate(true).module(&fs::read(&module)?)?.encode()?)
}
