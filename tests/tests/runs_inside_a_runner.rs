//! The proxy inside a runner that is not written in Rust: `host-wasm/embed-js`, built as its README says and with the
//! component of this build, passes its own tests on the Node.js and the Bun that `tests/run` brings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{fs, io};

/// What `tests/run` has installed and names in this environment variable.
fn installed(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| {
        panic!("{variable} is not set: run the tests with `tests/run`, which installs what they need")
    })
}

/// The folder in which it has been built, once for all tests here.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embed-js");
    fs::remove_dir_all(&folder).or_else(ignore_absence).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../host-wasm/embed-js"), &folder);
    symlink(installed("RELAY_MCP_EMBEDDING").join("node_modules"), folder.join("node_modules")).unwrap();
    let component = relay_mcp_artifact::COMPONENT_WITH_RULES.unwrap_or_else(|why_not| panic!("{why_not}"));
    fs::write(folder.join("component.wasm"), component).unwrap();
    run(Command::new(installed("RELAY_MCP_NODE")).current_dir(&folder).args(["build.mjs", "component.wasm"]));
    folder
});

#[test]
fn on_node_it_is_what_the_seed_was_and_loses_nothing() {
    let mut node = Command::new(installed("RELAY_MCP_NODE"));
    run(node
        .current_dir(&*BUILT)
        .args(["--test", "--test-concurrency=4", "--test-timeout=120000"])
        .args(tests()));
}

#[test]
fn on_bun_it_is_what_the_seed_was_and_loses_nothing() {
    let mut bun = Command::new(bun());
    run(bun.current_dir(&*BUILT).args(["test", "--timeout=120000"]).args(tests()));
}

/// The program of npm's package; the package itself would have to run a script first.
fn bun() -> PathBuf {
    let packages = BUILT.join("node_modules/@oven");
    let found = fs::read_dir(&packages).unwrap().map(|entry| entry.unwrap().path().join("bin/bun"));
    let mut programs: Vec<_> = found.filter(|path| path.is_file()).collect();
    programs.pop().unwrap_or_else(|| panic!("there is no bun in {}", packages.display()))
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

fn tests() -> Vec<PathBuf> {
    let folder = BUILT.join("dist/test");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let tests: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with(".test.js")).collect();
    assert!(!tests.is_empty(), "there are no tests in {}", folder.display());
    tests
}

fn run(program: &mut Command) {
    let ended = program.output().unwrap_or_else(|error| panic!("{error}: {program:?}"));
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{program:?}: {}\n{said}\n{complained}", ended.status);
}

fn ignore_absence(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
