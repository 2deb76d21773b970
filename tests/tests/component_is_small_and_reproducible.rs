//! The component is small, imports nothing, and is the same wherever it is built.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use relay_mcp_host_wasm::{Cache, Limits, Sandbox};

/// The most bytes of the component.
const MOST: usize = 300 << 10;

fn component() -> &'static [u8] {
    relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"))
}

#[test]
fn it_is_at_most_300_kib() {
    let bytes = component().len();
    assert!(bytes <= MOST, "{bytes} bytes are more than {MOST}");
}

#[test]
fn it_imports_nothing() {
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    let imports = |bytes: &[u8]| Sandbox::new(bytes, Limits::default(), &cache).unwrap().imports();
    assert_eq!(imports(component()), [""; 0]);
    assert!(imports(relay_mcp_hostile::ON_WASI).iter().any(|name| name.starts_with("wasi:")), "one that does");
}

/// Another checkout, another target directory: the same bytes.
#[test]
fn it_is_the_same_wherever_it_is_built() {
    component();
    let elsewhere = tempfile::tempdir().unwrap();
    let checkout = elsewhere.path().join("a/longer/path/to/the/checkout");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in ["Cargo.toml", "core", "wit", "host-wasm"] {
        copy(&repository.join(part), &checkout.join(part));
    }
    let module = elsewhere.path().join("core.wasm");
    let built = Command::new(checkout.join("host-wasm/build-component.sh"))
        .arg(&module)
        .env("RELAY_MCP_GUEST_TARGET", elsewhere.path().join("target"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (here, there) = (relay_mcp_artifact::MODULE, fs::read(&module).unwrap());
    let difference = here.iter().zip(&there).position(|(one, other)| one != other);
    assert!(here == there, "{} and {} bytes, the first difference at {difference:?}", here.len(), there.len());
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}
