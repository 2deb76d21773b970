//! The benchmark works: all that it can measure, so little of each that the figures mean nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What every report has.
const SECTIONS: [&str; 9] = [
    "## Goals",
    "## Whether to trust it",
    "## Requests that pass through",
    "## Writes that are queued",
    "## A queue that drains",
    "## Memory",
    "## Idle event streams",
    "## Starts",
    "## A relay that is back",
];

/// The sidecar under test, and where it may be built.
fn sidecar() -> PathBuf {
    let bench = PathBuf::from(env!("CARGO_BIN_EXE_bench"));
    let beside = bench.parent().expect("a program is in a directory").join("relay-mcp-proxy");
    let program = std::env::var_os("RELAY_MCP_PROXY_BIN").map_or(beside, PathBuf::from);
    assert!(program.is_file(), "there is no {}: run tests/run", program.display());
    program
}

#[test]
fn every_measure_works_and_is_reported_without_an_error() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.arg("--quick").arg("--binary").arg(sidecar()).arg("--out").arg(out.path());
    // Whether these are installed is none of this test's business.
    command.arg("--without-nginx").arg("--without-component").arg("--without-wrk");
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));

    let report = fs::read_to_string(out.path().join("RESULTS.md")).unwrap();
    for section in SECTIONS {
        assert!(report.contains(section), "{section} in {report}");
    }
    let calls = report.split("## Requests that pass through").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> = calls.lines().filter(|line| line.starts_with("| native ")).collect();
    assert_eq!(rows.len(), 15, "five kinds of request, three numbers of connections: {calls}");
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, _, _, per_second, .., errors, _] = cells.as_slice() else { panic!("{row}") };
        assert!(*per_second != "–" && *errors == "0", "{row}");
    }
    let picture = fs::read_to_string(out.path().join("results.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
}
