//! The component imports nothing, and is the same wherever it is built.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use relay_mcp_host_wasm::{Cache, Limits, Sandbox};

fn component() -> &'static [u8] {
    relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"))
}

#[test]
fn it_imports_nothing() {
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    let imports = |bytes: &[u8]| Sandbox::new(bytes, Limits::default(), &cache).unwrap().imports();
    assert_eq!(imports(component()), [""; 0]);
    assert!(
        imports(relay_mcp_hostile::ON_WASI).iter().any(|name| name.starts_with("wasi:")),
        "one that does"
    );
}

/// Another checkout, another target directory: the same bytes.
#[test]
fn it_is_the_same_wherever_it_is_built() {
    component();
    let elsewhere = tempfile::tempdir().unwrap();
    let checkout = elsewhere.path().join("a/longer/path/to/the/checkout");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(&checkout).unwrap();
    for part in ["Cargo.toml", "core", "wit", "host-native/heap", "host-wasm"] {
        copy(&repository.join(part), &checkout.join(part));
    }
    // What is compiled of other crates may be the same; where it is may not matter.
    let (target, known) = (elsewhere.path().join("target"), guests());
    if known.is_dir() {
        assert!(Command::new("cp").arg("-a").args([&known, &target]).status().unwrap().success());
    }
    let module = elsewhere.path().join("core.wasm");
    let built = Command::new(checkout.join("host-wasm/build-component.sh"))
        .arg(&module)
        .env("RELAY_MCP_GUEST_TARGET", &target)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (here, there) = (relay_mcp_artifact::MODULE, fs::read(&module).unwrap());
    let difference = here.iter().zip(&there).position(|(one, other)| one != other);
    assert!(
        here == there,
        "{} and {} bytes, the first difference at {difference:?}",
        here.len(),
        there.len()
    );
}

/// Where `artifact` compiles, seen from a test executable in `target/debug/deps`.
fn guests() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("guests")
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
