//! The proxy inside a runner that is not written in Rust: `host-wasm/embed-js`, built as its README says and with the
//! component of this build, passes its own tests on the Node.js that `tests/run` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What `tests/run` has installed and names in this environment variable.
fn installed(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| {
        panic!("{variable} is not set: run the tests with `tests/run`, which installs what they need")
    })
}

#[test]
fn it_is_what_the_seed_was_and_loses_nothing() {
    let folder = TempDir::with_prefix("relay-mcp-embed-js-").unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../host-wasm/embed-js"), folder.path());
    symlink(installed("RELAY_MCP_EMBEDDING").join("node_modules"), folder.path().join("node_modules"))
        .unwrap();
    let component = relay_mcp_artifact::COMPONENT_WITH_RULES.unwrap_or_else(|why_not| panic!("{why_not}"));
    fs::write(folder.path().join("component.wasm"), component).unwrap();

    node(folder.path(), &["build.mjs", "component.wasm"]);
    let tests = tests_in(&folder.path().join("dist/test"));
    let mut arguments = vec!["--test", "--test-concurrency=4"];
    arguments.extend(tests.iter().map(String::as_str));
    node(folder.path(), &arguments);
}

/// The sources, without what a build in place may have left beside them.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match name.to_str() {
            Some("node_modules" | "generated" | "dist") => {}
            _ if path.is_dir() => copy(&path, &to.join(name)),
            _ => drop(fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

fn tests_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let tests: Vec<_> = names.filter(|name| name.ends_with(".test.js")).collect();
    assert!(!tests.is_empty(), "there are no tests in {}", folder.display());
    tests
}

fn node(folder: &Path, arguments: &[&str]) {
    let mut node = Command::new(installed("RELAY_MCP_NODE"));
    let ended = node.current_dir(folder).args(arguments).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{node:?}: {}\n{said}\n{complained}", ended.status);
}
