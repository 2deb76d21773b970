//! The official conformance runner, as a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

/// How long all scenarios of a revision may take together on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a check ended, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    Success,
    Info,
    Skipped,
    Warning,
    Failure,
}

/// One check of a scenario. One that is made several times has several statuses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Check {
    /// In the order of quality.
    pub(crate) statuses: Vec<Status>,
    pub(crate) messages: Vec<String>,
}

/// What was found: scenario → check → how it ended.
pub(crate) type Findings = BTreeMap<String, BTreeMap<String, Check>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    id: String,
    status: Status,
    error_message: Option<String>,
}

/// Asks a server for all that a revision requires of one, and for what the runner tries without scoring it.
pub(crate) async fn ask(url: &str, bearer: &str, revision: &str) -> Findings {
    let output = TempDir::with_prefix("relay-mcp-conformance-").unwrap();
    let mut runner = node(&["@modelcontextprotocol", "conformance", "dist", "index.js"]);
    runner.args(["server", "--url", url, "--requirements", revision, "--output-dir"]).arg(output.path());
    let preload = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join("authorize.mjs");
    runner.env("NODE_OPTIONS", format!("--import={}", preload.display())).env("CONFORMANCE_BEARER", bearer);
    let output_of = runner.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let ended = tokio::time::timeout(PATIENCE, output_of).await;
    let ended = ended.expect("the conformance runner ends in time").expect("run the conformance runner");
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("=== SUMMARY ==="), "the conformance runner gave up:\n{said}\n{complained}");
    read(output.path())
}

/// A Node.js that runs this file of a package; `tests/run` brings both.
pub(crate) fn node(file: &[&str]) -> Command {
    let named = |variable: &str| -> PathBuf {
        let value = std::env::var_os(variable);
        value.unwrap_or_else(|| panic!("{variable} is not set: start this test with tests/run")).into()
    };
    let mut path = named("RELAY_MCP_CONFORMANCE").join("node_modules");
    path.extend(file);
    let mut node = Command::new(named("RELAY_MCP_NODE"));
    node.arg(path).stdin(Stdio::null()).kill_on_drop(true);
    node
}

/// The runner writes a folder for each scenario: `server-NAME-TIME/checks.json`.
fn read(output: &Path) -> Findings {
    let mut findings = Findings::new();
    for entry in std::fs::read_dir(output).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap();
        let scenario = name.strip_prefix("server-").and_then(without_time);
        let scenario = scenario.unwrap_or_else(|| panic!("{name} is no name of a scenario's folder"));
        findings.insert(scenario.to_owned(), checks(reported(&folder)));
    }
    findings
}

/// A scenario that breaks off in the middle leaves an empty folder, and counts as one check that failed.
fn reported(folder: &Path) -> Vec<Reported> {
    let Ok(text) = std::fs::read_to_string(folder.join("checks.json")) else {
        let id = "the-scenario-ends".to_owned();
        return vec![Reported { id, status: Status::Failure, error_message: None }];
    };
    serde_json::from_str(&text).unwrap()
}

/// `tools-list` of `tools-list-2026-11-22T13-10-15-881Z`.
fn without_time(name: &str) -> Option<&str> {
    let time = "-2026-11-22T13-10-15-881Z".len();
    name.len().checked_sub(time).and_then(|end| name.get(..end))
}

fn checks(reported: Vec<Reported>) -> BTreeMap<String, Check> {
    let mut checks: BTreeMap<String, Check> = BTreeMap::new();
    for Reported { id, status, error_message } in reported {
        let check = checks.entry(id).or_default();
        // An INFO that repeats is a line of a log, such as one for each event of a stream.
        if status != Status::Info || !check.statuses.contains(&status) {
            check.statuses.push(status);
        }
        check.messages.extend(error_message);
        check.statuses.sort();
    }
    checks
}
