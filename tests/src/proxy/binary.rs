//! Where the binary under test is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Another binary to test, such as one that was built elsewhere.
const VARIABLE: &str = "RELAY_MCP_PROXY_BIN";

/// The binary under test; built once per test process unless the environment names one.
///
/// # Panics
/// When it cannot be built.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os(VARIABLE).map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let target = target_directory();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "relay-mcp-host-native", "--bin", "relay-mcp-proxy"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if target.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(parent) = target.parent() {
        cargo.env("CARGO_TARGET_DIR", parent);
    }
    let status = cargo.status().expect("run cargo");
    assert!(status.success(), "relay-mcp-proxy must build");
    target.join("relay-mcp-proxy")
}

/// `target/debug`, seen from a test executable in `target/debug/deps`.
fn target_directory() -> PathBuf {
    let own = std::env::current_exe().expect("a running test has a path");
    own.parent().and_then(|deps| deps.parent()).expect("…/deps/test").to_owned()
}
